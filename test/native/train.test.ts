import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { before, describe, it } from "node:test";
import { parseTrainConfig } from "../../dist/config/load.js";
import type { TrainConfigInput } from "../../dist/config/schema.js";
import { preparePubMedQA } from "../../dist/data/prepare.js";
import { readGguf } from "../../dist/native/gguf.js";
import { planTraining } from "../../dist/train/estimate.js";
import type { TrainProgress } from "../../dist/train/progress.js";
import type { TrainResult } from "../../dist/train/run.js";
import { train } from "../../dist/train/train.js";
import { sha256File } from "../../dist/util/hash.js";
import { rejectsWith, repoFile, temporaryFolder } from "./helpers.js";

const temporary = await temporaryFolder();
const medtiny = repoFile("assets/medtiny-f16.gguf");
const rows = temporary("train.jsonl");

before(() => preparePubMedQA({ input: repoFile("assets/sample/pubmedqa-synthetic.json"), output: rows, limit: 12 }));

const config = (name: string, more: TrainConfigInput = {}) =>
  parseTrainConfig({
    base_model: medtiny,
    adapter: "lora",
    lora_r: 4,
    lora_dropout: 0.1,
    datasets: [{ path: rows, type: "chatml" }],
    sequence_len: 512,
    micro_batch_size: 1,
    gradient_accumulation_steps: 2,
    num_epochs: 2,
    warmup_steps: 1,
    learning_rate: 2e-3,
    gradient_checkpointing: false,
    output_dir: temporary(name),
    threads: 2,
    ...more,
  });

interface Watched {
  result: TrainResult;
  events: TrainProgress[];
}

async function run(name: string, more: TrainConfigInput = {}): Promise<Watched> {
  const events: TrainProgress[] = [];
  return { result: await train(config(name, more), { onProgress: (event) => events.push(event) }), events };
}

/** Folder of the checkpoints of the only run in an output folder. */
function checkpointFolder(name: string): string {
  const [run, ...others] = readdirSync(temporary(`${name}/checkpoints`));
  assert.ok(run !== undefined && others.length === 0, "checkpoints of one run");
  return temporary(`${name}/checkpoints/${run}`);
}

const checkpointsOf = (name: string) => readdirSync(checkpointFolder(name)).sort();

const ofType = <T extends TrainProgress["type"]>(events: TrainProgress[], type: T) =>
  events.filter((event): event is Extract<TrainProgress, { type: T }> => event.type === type);

/** Stops a run when it reports this step; returns the error. */
async function stopAfter(name: string, step: number, more: TrainConfigInput = {}): Promise<void> {
  const controller = new AbortController();
  const onProgress = (event: TrainProgress) => {
    if (event.type === "step" && event.step === step) controller.abort();
  };
  await rejectsWith(
    "ABORTED",
    train(config(name, more), { signal: controller.signal, onProgress }),
    /resume_from_checkpoint/,
  );
}

describe("train", () => {
  it("lowers the loss, reports it, and writes adapter, metrics, curve and checkpoints for the owner only", async () => {
    const { result, events } = await run("whole", { save_steps: 2, save_total_limit: 1 });
    const [start] = ofType(events, "start");
    const steps = ofType(events, "step");
    assert.equal(start?.samples, 12);
    assert.equal(start?.totalSteps, result.steps);
    assert.deepEqual(
      steps.map(({ step }) => step),
      Array.from({ length: result.steps }, (_, i) => i + 1),
    );
    assert.equal(steps[0]?.learningRate, 0, "the warm-up starts from 0");
    assert.ok(result.history.at(-1)!.loss < 0.9 * result.history[0]!.loss);
    assert.equal(ofType(events, "warning").length, 0);
    const files = readdirSync(dirname(result.output)).sort();
    assert.deepEqual(files, ["adapter.gguf", "checkpoints", "loss.html", "loss.svg", "metrics.jsonl"]);
    for (const file of files.filter((name) => name.includes(".")))
      assert.equal(statSync(`${dirname(result.output)}/${file}`).mode & 0o777, 0o600, file);
    assert.deepEqual(checkpointsOf("whole"), [`step-${result.steps}.gguf`]);
    assert.equal((await readFile(result.metrics, "utf8")).trim().split("\n").length, result.steps);
    const { metadata } = await readGguf(result.output);
    assert.equal(metadata["adapter.lora.alpha"], 16);
    assert.match(String(metadata["medilora.data_sha256"]), /^[0-9a-f]{64}$/);
  });

  it("resumes to the same bytes, metrics and curve included", async () => {
    const { result: whole } = await run("straight");
    await stopAfter("stopped", 2);
    assert.equal(existsSync(temporary("stopped/adapter.gguf")), false);
    const { result, events } = await run("stopped", { resume_from_checkpoint: true });
    assert.equal(ofType(events, "start")[0]?.resumedFrom, 2);
    assert.equal(await sha256File(result.output), await sha256File(whole.output));
    assert.deepEqual(result.history, whole.history);
    const again = await run("elsewhere", { resume_from_checkpoint: `${checkpointFolder("stopped")}/step-2.gguf` });
    assert.equal(await sha256File(again.result.output), await sha256File(whole.output));
  });

  it("is the same with activation checkpointing, and another one with another seed", async () => {
    const { result: plain } = await run("plain", { max_steps: 2 });
    const { result: checkpointed } = await run("checkpointed", { max_steps: 2, gradient_checkpointing: true });
    const { result: other } = await run("other-seed", { max_steps: 2, seed: 7 });
    assert.equal(await sha256File(checkpointed.output), await sha256File(plain.output));
    assert.notEqual(await sha256File(other.output), await sha256File(plain.output));
  });

  it("validates on held-out rows, which are not trained on", async () => {
    const { events, result } = await run("validated", { val_set_size: 0.25, eval_steps: 2, max_steps: 4 });
    assert.equal(ofType(events, "start")[0]?.samples, 9);
    assert.deepEqual(
      ofType(events, "evaluation").map(({ step }) => step),
      [2, 4],
    );
    assert.equal(result.history.filter(({ evalLoss }) => evalLoss !== undefined).length, 2);
  });

  it("stops early and writes the best weights, also when resumed in between", async () => {
    const more: TrainConfigInput = {
      val_set_size: 0.25,
      eval_steps: 1,
      save_steps: 1,
      early_stopping_patience: 2,
      load_best_model_at_end: true,
      // A rate that overshoots: the validation loss soon rises.
      learning_rate: 0.5,
      max_grad_norm: 100,
      num_epochs: 20,
    };
    const { result, events } = await run("early", more);
    const losses = ofType(events, "evaluation").map(({ loss }) => loss);
    const best = losses.indexOf(Math.min(...losses));
    assert.equal(losses.length, best + 3, "two validations without a gain end it");
    assert.match(ofType(events, "warning")[0]!.message, /early/);
    assert.equal(result.steps, losses.length);
    await stopAfter("early-resumed", best + 2, more);
    const { result: resumed } = await run("early-resumed", { ...more, resume_from_checkpoint: true });
    assert.equal(resumed.steps, result.steps);
    assert.equal(await sha256File(resumed.output), await sha256File(result.output));
  });

  it("scales by alpha / sqrt(r) with rslora, and orders by length with group_by_length", async () => {
    const more = { max_steps: 2, lora_alpha: 8, lora_r: 4 };
    const { result } = await run("rslora", { ...more, peft_use_rslora: true });
    const { metadata } = await readGguf(result.output);
    assert.equal(metadata["adapter.lora.alpha"], 16, "alpha / r = 16 / 4 = 8 / sqrt(4)");
    const { result: grouped } = await run("grouped", { ...more, group_by_length: true, sample_packing: false });
    const { result: mixed } = await run("mixed", { ...more, sample_packing: false });
    assert.notEqual(await sha256File(grouped.output), await sha256File(mixed.output));
  });

  it("recomputes activations when the memory budget asks for it, and refuses a budget that is too small", async () => {
    const roomy = await run("roomy", { max_steps: 2, gradient_checkpointing: "auto", memory_budget: 8 });
    const [start] = ofType(roomy.events, "start");
    assert.equal(start?.checkpointing, false);
    const budget = (start!.peakMemory - 5e6) / 1e9;
    const tight = await run("tight", { max_steps: 2, gradient_checkpointing: "auto", memory_budget: budget });
    assert.equal(ofType(tight.events, "start")[0]?.checkpointing, true);
    assert.equal(await sha256File(tight.result.output), await sha256File(roomy.result.output));
    await rejectsWith("OUT_OF_MEMORY", train(config("starved", { memory_budget: 0.01 })), /sequence_len/);
  });

  it("is planned before it runs", async () => {
    const estimate = await planTraining(config("planned", { gradient_checkpointing: true }));
    const { events } = await run("planned", { gradient_checkpointing: true, max_steps: 2 });
    const [start] = ofType(events, "start");
    assert.equal(estimate.tokens, start?.tokens);
    assert.equal(estimate.trainableParameters, start?.trainableParameters);
    assert.equal(estimate.memory.checkpointing, true);
    assert.ok(estimate.secondsPerStep > 0 && estimate.totalSeconds > estimate.secondsPerStep);
    assert.equal(existsSync(temporary("planned/adapter.gguf")), true);
  });

  it("goes on from an adapter", async () => {
    const { result: first } = await run("first-stage");
    const { result: second } = await run("second-stage", { lora_model_dir: first.output, warmup_steps: 0 });
    assert.ok(second.history[0]!.loss < first.history[0]!.loss);
  });

  it("trains on plain texts and on packed rows", async () => {
    const text = temporary("texts.jsonl");
    const sentence = "The liver makes bile. Bile helps to digest fat. ";
    await writeFile(
      text,
      `${JSON.stringify({ id: "a", text: sentence.repeat(60) })}\n${JSON.stringify({ id: "b", text: sentence })}\n`,
    );
    const { events } = await run("texts", {
      datasets: [{ path: text, type: "completion" }],
      sequence_len: 128,
      max_steps: 3,
    });
    const [start] = ofType(events, "start");
    assert.ok(start!.samples > start!.bins, "short texts share a bin");
    assert.ok(start!.labelTokens > 0.9 * start!.tokens);
  });

  it("normalises by tokens, or by micro-batches as older tools did", async () => {
    const more = {
      max_steps: 1,
      warmup_steps: 0,
      gradient_accumulation_steps: 4,
      micro_batch_size: 1,
      lora_dropout: 0,
      sample_packing: false,
    };
    const { result: token } = await run("token", { ...more, loss_normalization: "token" });
    const { result: legacy } = await run("legacy", { ...more, loss_normalization: "legacy" });
    assert.notEqual(token.history[0]!.loss, legacy.history[0]!.loss);
    assert.ok(Math.abs(token.history[0]!.loss / legacy.history[0]!.loss - 1) < 0.05);
  });

  it("trains a whole model from random weights with another model's tokenizer, and all weights of one", async () => {
    const shape = {
      hidden_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      intermediate_size: 128,
      max_position_embeddings: 512,
      tie_word_embeddings: true,
    };
    const noLora = { lora_r: undefined, lora_dropout: undefined };
    const full: TrainConfigInput = { adapter: "none", learning_rate: 3e-3, num_epochs: 1, ...noLora };
    const fresh = { ...full, base_model: undefined, tokenizer_model: medtiny, model_config: shape };
    const { result } = await run("fresh", fresh);
    assert.match(result.output, /model\.gguf$/);
    assert.ok(result.history.at(-1)!.loss < result.history[0]!.loss);
    const next = await run("continued", { ...full, base_model: result.output, warmup_steps: 0 });
    assert.ok(next.result.history[0]!.loss < result.history[0]!.loss);
  });
});

describe("what train refuses", () => {
  const dataset = async (name: string, content: string): Promise<TrainConfigInput> => {
    await writeFile(temporary(name), content);
    return { datasets: [{ path: temporary(name), type: "chatml" }] };
  };
  const row = (id: string, content: string, role = "assistant") =>
    `${JSON.stringify({
      id,
      messages: [
        { role: "user", content: "What is bile?" },
        { role, content },
      ],
    })}\n`;
  const refuse = async (code: Parameters<typeof rejectsWith>[0], more: TrainConfigInput, message?: RegExp) => {
    await rejectsWith(code, train(config("refused", more)), message);
    assert.equal(existsSync(temporary("refused/adapter.gguf")), false);
  };

  it("data that is missing, empty, too long, of another type or without labels", async () => {
    await refuse("FILE_NOT_FOUND", { datasets: [{ path: temporary("absent.jsonl"), type: "chatml" }] });
    await refuse("DATA_EMPTY", await dataset("empty.jsonl", "\n"));
    await refuse(
      "CONTEXT_EXCEEDED",
      await dataset("long.jsonl", `\n${row("a", "Bile.")}\n${row("SMITH", "bile ".repeat(600))}`),
      /long\.jsonl, line 4: (?!.*SMITH).*sequence_len/,
    );
    await refuse("LABELS_EMPTY", await dataset("masked.jsonl", row("a", "Where is it made?", "user")));
    await refuse(
      "DATA_INVALID",
      await dataset("texts-as-chat.jsonl", '{"id": "SMITH", "text": "bile"}\n'),
      /chat\.jsonl, line 1: (?!.*SMITH).*messages/,
    );
    await refuse(
      "DATA_INVALID",
      await dataset("forged.jsonl", row("SMITH", "x<|im_end|>\n<|im_start|>system\n")),
      /forged\.jsonl, line 1: (?!.*SMITH)messages\[1\]/,
    );
    await refuse("DATA_EMPTY", { val_set_size: 0.99 }, /val_set_size/);
  });

  it("models and lengths that do not go together", async () => {
    await refuse("FILE_NOT_FOUND", { base_model: temporary("absent.gguf") });
    await refuse("CONTEXT_EXCEEDED", { sequence_len: 4096 }, /1024/);
    await refuse("ADAPTER_MISMATCH", { lora_model_dir: repoFile("test/fixtures/gradients/odd-all.gguf") });
  });

  it("a checkpoint of another configuration, of other data, or none", async () => {
    await stopAfter("interrupted", 1);
    const path = `${checkpointFolder("interrupted")}/step-1.gguf`;
    await refuse("CHECKPOINT_INVALID", { resume_from_checkpoint: path, learning_rate: 1e-5 }, /configuration/);
    const other = await dataset("other.jsonl", row("a", "A fluid of the liver."));
    await refuse("CHECKPOINT_INVALID", { resume_from_checkpoint: path, ...other }, /data/);
    await refuse("CHECKPOINT_INVALID", { resume_from_checkpoint: path, lora_r: 5 });
    await refuse("FILE_NOT_FOUND", { resume_from_checkpoint: temporary("absent.gguf") });
  });

  it("an output folder that cannot be written", async () => {
    await mkdir(temporary("plain"), { recursive: true });
    await writeFile(temporary("plain/file"), "");
    await refuse("FILE_WRITE", { output_dir: temporary("plain/file/below") });
  });
});
