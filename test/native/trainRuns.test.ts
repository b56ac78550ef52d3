import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { parseTrainConfig } from "../../dist/config/load.js";
import type { TrainConfigInput } from "../../dist/config/schema.js";
import { preparePubMedQA } from "../../dist/data/prepare.js";
import { planTraining } from "../../dist/train/estimate.js";
import type { TrainProgress } from "../../dist/train/progress.js";
import type { TrainOptions, TrainResult } from "../../dist/train/run.js";
import { train } from "../../dist/train/train.js";
import { sha256File } from "../../dist/util/hash.js";
import { rejectsWith, repoFile, temporaryFolder } from "./helpers.js";

// Several runs in one output folder, and runs that must not end well.

const temporary = await temporaryFolder();
const medtiny = repoFile("assets/medtiny-f16.gguf");
const rows = temporary("train.jsonl");
const otherRows = temporary("other.jsonl");

before(async () => {
  const input = repoFile("assets/sample/pubmedqa-synthetic.json");
  await preparePubMedQA({ input, output: rows, limit: 6, answer: "label" });
  await preparePubMedQA({ input, output: otherRows, limit: 5, answer: "label" });
});

/** Six rows, one a step: six steps. */
const config = (name: string, more: TrainConfigInput = {}) =>
  parseTrainConfig({
    base_model: medtiny,
    adapter: "lora",
    lora_r: 2,
    lora_dropout: 0,
    datasets: [{ path: rows, type: "chatml" }],
    micro_batch_size: 1,
    gradient_accumulation_steps: 1,
    sample_packing: false,
    num_epochs: 1,
    warmup_steps: 0,
    learning_rate: 1e-3,
    gradient_checkpointing: false,
    save_steps: 2,
    output_dir: temporary(name),
    threads: 2,
    ...more,
  });

const warningsIn = (events: TrainProgress[]) =>
  events.flatMap((event) => (event.type === "warning" ? [event.message] : []));

/** Runs, and stops when step `stopAt` is reported. */
async function stopAfter(stopAt: number, name: string, more: TrainConfigInput = {}): Promise<TrainProgress[]> {
  const controller = new AbortController();
  const events: TrainProgress[] = [];
  const onProgress = (event: TrainProgress) => {
    events.push(event);
    const step = event.type === "start" ? (event.resumedFrom ?? 0) : event.type === "step" ? event.step : -1;
    if (step === stopAt) controller.abort();
  };
  await rejectsWith("ABORTED", train(config(name, more), { signal: controller.signal, onProgress }));
  return events;
}

const run = (name: string, more: TrainConfigInput = {}, options: TrainOptions = {}): Promise<TrainResult> =>
  train(config(name, more), options);

/** Checkpoints of each run in an output folder, each a list of file names. */
function checkpointsOf(name: string): string[][] {
  const folder = temporary(`${name}/checkpoints`);
  return readdirSync(folder)
    .map((one) => readdirSync(`${folder}/${one}`).sort())
    .sort((a, b) => b.length - a.length);
}

const loggedSteps = async (name: string) =>
  (await readFile(temporary(`${name}/metrics.jsonl`), "utf8"))
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { step: number }).step);

describe("several runs in one output folder", () => {
  it("do not take, count or remove each other's checkpoints", async () => {
    await run("shared");
    const slower: TrainConfigInput = { learning_rate: 1e-4, save_steps: 1, save_total_limit: 1 };
    const events = await stopAfter(3, "shared", slower);
    assert.match(warningsIn(events)[0]!, /adapter\.gguf is there from an earlier run/);
    assert.deepEqual(checkpointsOf("shared"), [["step-2.gguf", "step-4.gguf", "step-6.gguf"], ["step-3.gguf"]]);
    assert.equal(existsSync(temporary("shared/loss.svg")), false, "the curve is not this run's");
    assert.equal(existsSync(temporary("shared/adapter.gguf")), true);
    const resumed = await run("shared", { ...slower, resume_from_checkpoint: true });
    const whole = await run("alone", slower);
    assert.equal(await sha256File(resumed.output), await sha256File(whole.output));
    assert.deepEqual(resumed.history, whole.history);
    const older = await run("shared", { resume_from_checkpoint: true });
    assert.deepEqual(older.history, [], "its metrics are gone, and those of the other run are not taken for it");
    const { output } = await run("alone-too");
    assert.equal(await sha256File(older.output), await sha256File(output));
    assert.equal(existsSync(older.lossCurve), false);
  });

  it("a fresh attempt at the same run resumes from its own step, not from a later one of before", async () => {
    await run("again");
    await stopAfter(3, "again");
    assert.deepEqual(checkpointsOf("again"), [["step-2.gguf", "step-3.gguf"]]);
    assert.deepEqual(await loggedSteps("again"), [1, 2, 3]);
    const seen: TrainProgress[] = [];
    await run("again", { resume_from_checkpoint: true }, { onProgress: (event) => seen.push(event) });
    assert.equal(seen[0]?.type === "start" && seen[0].resumedFrom, 3);
  });

  it("one that is stopped before its first step leaves everything of before", async () => {
    await run("untouched");
    await stopAfter(0, "untouched");
    assert.deepEqual(checkpointsOf("untouched"), [["step-2.gguf", "step-4.gguf", "step-6.gguf"]]);
    assert.deepEqual(await loggedSteps("untouched"), [1, 2, 3, 4, 5, 6]);
    assert.equal(existsSync(temporary("untouched/loss.svg")), true);
  });

  it("resuming says what changed, or that there is nothing; auto starts anew then", async () => {
    const resume = { resume_from_checkpoint: true } as const;
    await rejectsWith("CHECKPOINT_INVALID", run("changing", resume), /There is no checkpoint in/);
    const auto = { resume_from_checkpoint: "auto" } as const;
    await stopAfter(2, "changing", auto);
    await rejectsWith("CHECKPOINT_INVALID", run("changing", { ...resume, seed: 1 }), /the configuration changed/);
    const data: TrainConfigInput = { datasets: [{ path: otherRows, type: "chatml" }] };
    await rejectsWith("CHECKPOINT_INVALID", run("changing", { ...resume, ...data }), /the data changed/);
    const events: TrainProgress[] = [];
    await run("changing", auto, { onProgress: (event) => events.push(event) });
    assert.equal(events[0]?.type === "start" && events[0].resumedFrom, 2);
  });

  it("two at once: the second is refused, and the lock goes with the first", async () => {
    const first = run("locked");
    const refusals: Array<Promise<void>> = [];
    const second = run("locked");
    const outcomes = await Promise.allSettled([first, second]);
    const failed = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as Error] : []));
    for (const error of failed) refusals.push(rejectsWith("BUSY", Promise.reject(error), /locked\/\.lock/));
    await Promise.all(refusals);
    assert.equal(failed.length, 1);
    assert.equal(existsSync(temporary("locked/.lock")), false);
    await writeFile(temporary("locked/.lock"), "999999999 1\n");
    await run("locked", { max_steps: 1 });
  });
});

describe("a run that is not finite", () => {
  const broken = temporary("broken.gguf");
  before(async () => {
    // medtiny's tensor data ends the file: a run of float16 NaN in its last matrix reaches every logit.
    const bytes = await readFile(medtiny);
    bytes.fill(0x7f, bytes.length - 65_536, bytes.length - 64_512);
    await writeFile(broken, bytes);
  });

  it("ends at its first step with nothing published, and leaves what was there", async () => {
    await mkdir(temporary("nan"), { recursive: true });
    await writeFile(temporary("nan/adapter.gguf"), "of an earlier run");
    await rejectsWith("GRADIENT_NOT_FINITE", run("nan", { base_model: broken }), /step 1,.*base model.*learning_rate/);
    assert.deepEqual(readdirSync(temporary("nan")).sort(), ["adapter.gguf", "metrics.jsonl"]);
    assert.equal(await readFile(temporary("nan/adapter.gguf"), "utf8"), "of an earlier run");
    assert.deepEqual(await loggedSteps("nan"), [1]);
  });
});

describe("a warm-up that the run does not outlast", () => {
  const more = { warmup_steps: 100, save_steps: undefined };
  const message = /^warmup_steps 100 does not end within the run's 6 steps/;

  it("is told by train and by plan", async () => {
    const events: TrainProgress[] = [];
    await run("warmup", more, { onProgress: (event) => events.push(event) });
    assert.equal(warningsIn(events).length, 1);
    assert.match(warningsIn(events)[0]!, message);
    const { warnings } = await planTraining(config("warmup", more));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, message);
  });
});
