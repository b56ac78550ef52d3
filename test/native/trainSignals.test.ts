import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseTrainConfig } from "../../dist/config/load.js";
import { preparePubMedQA } from "../../dist/data/prepare.js";
import type { TrainOptions } from "../../dist/train/run.js";
import { train } from "../../dist/train/train.js";
import { sha256File } from "../../dist/util/hash.js";
import { type Finished, runCli, whenStderrSays } from "../unit/helpers/cli.js";
import { rejectsWith, repoFile, temporaryFolder } from "./helpers.js";

// Trainings that are interrupted, and what a resumed one makes of it.

const temporary = await temporaryFolder();
const rows = temporary("rows.jsonl");

/** Everything that has a state: packing, order, dropout, noise, 8-bit moments, accumulation, validation, patience. */
const keys = {
  base_model: repoFile("assets/medtiny-f16.gguf"),
  adapter: "lora",
  lora_r: 4,
  lora_dropout: 0.1,
  lora_target_linear: true,
  datasets: [{ path: rows, type: "chatml" }],
  sequence_len: 768,
  micro_batch_size: 1,
  gradient_accumulation_steps: 2,
  num_epochs: 3,
  warmup_steps: 2,
  learning_rate: 2e-3,
  optimizer: "adamw_8bit",
  weight_decay: 0.01,
  neftune_noise_alpha: 5,
  val_set_size: 0.2,
  eval_steps: 2,
  save_steps: 3,
  early_stopping_patience: 3,
  load_best_model_at_end: true,
  eval_table_size: 1,
  eval_max_new_tokens: 4,
  threads: 1,
};

const configFile = temporary("run.yaml");
before(async () => {
  const input = repoFile("assets/sample/pubmedqa-synthetic.json");
  await preparePubMedQA({ input, output: rows, limit: 20, answer: "label" });
  await writeFile(configFile, JSON.stringify({ ...keys, output_dir: "unused" }));
});

const trainCli = (name: string, args: string[], onStart?: (child: ChildProcess) => void): Promise<Finished> =>
  runCli(["train", configFile, "--set", `output_dir=${temporary(name)}`, ...args], onStart ? { onStart } : {});

/** A log of the run without what is measured anew. */
async function logOf(name: string, file: string): Promise<object[]> {
  const text = await readFile(temporary(`${name}/${file}`), "utf8").catch(() => "");
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => {
    const { tokensPerSecond: _, rss: __, ...kept } = JSON.parse(line) as Record<string, unknown>;
    return kept;
  });
}

/** Calls `then` as soon as the metrics hold so many lines. */
function whenLogged(name: string, lines: number, then: (child: ChildProcess) => void) {
  return async (child: ChildProcess): Promise<void> => {
    let ended = false;
    child.on("exit", () => {
      ended = true;
    });
    while (!ended && (await logOf(name, "metrics.jsonl")).length < lines) await sleep(5);
    then(child);
  };
}

let whole: Promise<void> | undefined;
/** The same training without an interruption, run once. */
function wholeRun(): Promise<void> {
  whole ??= trainCli("whole", []).then(({ code, stderr }) => assert.equal(code, 0, stderr));
  return whole;
}

/** Resumes, and finds what the whole run left: weights, metrics and samples. */
async function resumesExactly(name: string, args = ["--resume"]): Promise<void> {
  const { code, stderr } = await trainCli(name, args);
  assert.equal(code, 0, stderr);
  await wholeRun();
  assert.equal(await sha256File(temporary(`${name}/adapter.gguf`)), await sha256File(temporary("whole/adapter.gguf")));
  const metrics = await logOf(name, "metrics.jsonl");
  assert.ok(metrics.length > 12, "steps and validations");
  assert.deepEqual(metrics, await logOf("whole", "metrics.jsonl"));
  assert.deepEqual(await logOf(name, "samples.jsonl"), await logOf("whole", "samples.jsonl"));
  const left = readdirSync(temporary(name)).sort();
  assert.deepEqual(left, ["adapter.gguf", "checkpoints", "loss.html", "loss.svg", "metrics.jsonl", "samples.jsonl"]);
  for (const file of left.filter((one) => one.includes(".")))
    assert.equal(statSync(temporary(`${name}/${file}`)).mode & 0o777, 0o600, file);
}

const savedSteps = (name: string) => {
  const [run] = readdirSync(temporary(`${name}/checkpoints`));
  return readdirSync(temporary(`${name}/checkpoints/${run}`));
};

const posix = { skip: process.platform === "win32" && "there are no signals" };

describe("an interrupted training", posix, () => {
  it("finishes its step after SIGINT, saves, says how to go on, and goes on to the same bytes", async () => {
    const { code, stdout, stderr } = await trainCli(
      "once",
      ["--json"],
      whenLogged("once", 5, (child) => child.kill("SIGINT")),
    );
    assert.equal(code, 130, stderr);
    assert.match(stderr, /finishing the running step; press again to drop it/);
    assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, "ABORTED");
    assert.match(stdout, /train --resume/);
    const last = (await logOf("once", "metrics.jsonl")).at(-1) as { step: number };
    assert.ok(savedSteps("once").includes(`step-${last.step}.gguf`), "the last logged step is the saved one");
    await resumesExactly("once");
  });

  it("drops its step at a second SIGINT, and saves all the same", async () => {
    const second = whenStderrSays("press again", (child) => child.kill("SIGINT"));
    const { code, stderr } = await trainCli("twice", [], (child) => {
      second(child);
      void whenLogged("twice", 4, (one) => one.kill("SIGINT"))(child);
    });
    assert.equal(code, 130, stderr);
    await resumesExactly("twice");
  });

  it("ends at once at a third, with checkpoints that are whole", async () => {
    const { code, signal, stderr } = await trainCli("thrice", [], (child) => {
      void whenLogged("thrice", 6, (one) => {
        for (let i = 0; i < 20; i++) setTimeout(() => one.kill("SIGINT"), i);
      })(child);
    });
    assert.ok(code === 130 || signal === "SIGINT", stderr);
    await resumesExactly("thrice");
  });

  it("loses no step and writes none twice when it is killed, twice", async () => {
    for (const lines of [5, 9]) {
      const { signal } = await trainCli(
        "killed",
        ["--set", "resume_from_checkpoint=auto"],
        whenLogged("killed", lines, (child) => child.kill("SIGKILL")),
      );
      assert.equal(signal, "SIGKILL");
    }
    await resumesExactly("killed");
  });
});

describe("stop and signal", () => {
  /** Aborts while step 2 is computed; returns how many steps were logged. */
  async function stepsAfter(name: string, kind: "stop" | "signal"): Promise<number> {
    const controller = new AbortController();
    const options: TrainOptions = {
      [kind]: controller.signal,
      // The next step's first micro-batch begins before anything else has its turn.
      onProgress: (event) => event.type === "step" && setImmediate(() => controller.abort()),
    };
    const more = {
      eval_steps: 50,
      save_steps: 50,
      output_dir: temporary(name),
      datasets: [{ path: rows, type: "chatml" }],
    };
    await rejectsWith("ABORTED", train(parseTrainConfig({ ...keys, ...more }), options), /resume_from_checkpoint/);
    return (await logOf(name, "metrics.jsonl")).length;
  }

  it("stop lets the running step end, signal does not", async () => {
    assert.equal(await stepsAfter("stopped", "stop"), 2);
    assert.deepEqual(savedSteps("stopped"), ["step-2.gguf"]);
    assert.equal(await stepsAfter("aborted", "signal"), 1);
    assert.deepEqual(savedSteps("aborted"), ["step-1.gguf"]);
  });
});
