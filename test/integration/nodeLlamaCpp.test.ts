import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
import { mergeAdapter } from "../../dist/adapter/merge.js";
import { SAMPLER_PRESETS } from "../../dist/eval/samplers.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { plainBatch, repoFile, temporaryFolder } from "../native/helpers.js";

// Both addons in one process: files of ours open in node-llama-cpp and generate the same.

const temporary = await temporaryFolder();
const base = repoFile("assets/medtiny-f16.gguf");
const prompt = "Hypertension is a risk factor for stroke. The treatment of";
const merged = temporary("merged.gguf");
const quantised = temporary("merged-q3_k_l.gguf");

async function tokens(): Promise<Int32Array> {
  await using tokenizer = await openTokenizer(base);
  return tokenizer.tokenize(prompt, { addSpecial: true, parseSpecial: false });
}

async function makeModels(): Promise<void> {
  const adapter = temporary("adapter.gguf");
  const lora = { rank: 8, alpha: 16, modules: ["attn_q", "attn_v"] as const, seed: 1 };
  await using trainer = await NativeTrainer.open({ model: base, lora });
  const batch = plainBatch(await tokens());
  for (let i = 0; i < 2; i++) {
    await trainer.accumulate(batch);
    const options = { maxGradNorm: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
    await trainer.step({ ...options, learningRate: 1e-3, divisor: batch.tokens.length });
  }
  await trainer.saveWeights(adapter);
  await mergeAdapter({ base, adapter, output: merged });
  await quantize({ input: merged, output: quantised, type: "Q3_K_L" });
}

async function ours(model: string): Promise<number[]> {
  await using engine = await InferenceEngine.open({ model, contextSize: 512, sequences: 1, threads: 2 });
  let answer: number[] = [];
  await engine.generate([{ prompt: await tokens(), maxTokens: 24, seed: 0, sampler: SAMPLER_PRESETS.greedy }], {
    onResult: (result) => {
      answer = Array.from(result.tokens);
    },
  });
  return answer;
}

async function theirs(model: string): Promise<number[]> {
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
  const loaded = await llama.loadModel({ modelPath: model });
  const context = await loaded.createContext({ contextSize: 512, threads: 2 });
  const answer: number[] = [];
  for await (const token of context
    .getSequence()
    .evaluate(Array.from(await tokens()) as never, { temperature: 0, yieldEogToken: true })) {
    answer.push(token);
    if (answer.length === 24 || loaded.isEogToken(token)) break;
  }
  await context.dispose();
  await loaded.dispose();
  return answer;
}

describe("node-llama-cpp in the same process", () => {
  before(makeModels);

  for (const [name, path] of Object.entries({ "a merged F16 model": merged, "its Q3_K_L quantisation": quantised }))
    it(`opens ${name} and generates our greedy tokens`, async () => {
      const expected = await ours(path);
      assert.ok(expected.length >= 5);
      assert.deepEqual(await theirs(path), expected);
      assert.deepEqual(await ours(path), expected, "and ours again, after theirs was loaded");
    });
});
