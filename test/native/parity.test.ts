import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { mergeAdapter } from "../../dist/adapter/merge.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import {
  maxDifference,
  plainBatch,
  relativeError,
  repoFile,
  sharedFile,
  skipWithout,
  temporaryFolder,
} from "./helpers.js";

// Our forward pass, llama.cpp's, and the three ways of applying an adapter.

const temporary = await temporaryFolder();
const medtiny = repoFile("assets/medtiny-f16.gguf");
const text = "The patient is a 54-year-old man with chest pain. Does aspirin lower the risk of myocardial infarction?";
const exact = { kvType: "f32", flashAttention: "off", contextSize: 512, sequences: 1, threads: 2 } as const;

async function tokensOf(model: string): Promise<Int32Array> {
  await using tokenizer = await openTokenizer(model);
  return tokenizer.tokenize(text, { addSpecial: true, parseSpecial: false });
}

async function llamaLogits(model: string, tokens: Int32Array, adapter?: string): Promise<Float32Array> {
  const adapters = adapter === undefined ? [] : [{ path: adapter }];
  await using engine = await InferenceEngine.open({ ...exact, model, adapters, repackWeights: false });
  return await engine.logits(tokens);
}

async function ourLogits(model: string, tokens: Int32Array, adapter?: string): Promise<Float32Array> {
  await using trainer = await NativeTrainer.open({ model, ...(adapter !== undefined && { adapter }), threads: 2 });
  return await trainer.logits(plainBatch(tokens));
}

function assertClose(a: Float32Array, b: Float32Array): void {
  const difference = maxDifference(a, b);
  assert.ok(difference <= 1e-3, `max abs difference ${difference}`);
  assert.ok(relativeError(a, b) <= 1e-4, `relative ${relativeError(a, b)}`);
}

/** A random adapter on all layers that changes the logits visibly. */
async function trainedAdapter(model: string, tokens: Int32Array, path: string): Promise<void> {
  const modules = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] as const;
  await using trainer = await NativeTrainer.open({ model, lora: { rank: 4, alpha: 16, modules, seed: 2 }, threads: 2 });
  for (let i = 0; i < 3; i++) {
    await trainer.accumulate(plainBatch(tokens));
    const update = { maxGradNorm: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
    await trainer.step({ ...update, learningRate: 5e-3, divisor: tokens.length });
  }
  await trainer.saveWeights(path);
}

const f32 = temporary("medtiny-f32.gguf");
before(() => quantize({ input: medtiny, output: f32, type: "F32" }));

describe("forward pass against llama.cpp", () => {
  it("the embedded base in F32", async () => {
    const tokens = await tokensOf(f32);
    assertClose(await ourLogits(f32, tokens), await llamaLogits(f32, tokens));
  });

  it("stories260K", { skip: skipWithout("models/stories260K.gguf") }, async () => {
    const model = sharedFile("models/stories260K.gguf")!;
    const tokens = await tokensOf(model);
    assertClose(await ourLogits(model, tokens), await llamaLogits(model, tokens));
  });

  it("packed sequences do not see each other", async () => {
    const tokens = await tokensOf(f32);
    const [a, b] = [tokens.subarray(0, 12), tokens.subarray(12, 31)];
    const [one, two] = [plainBatch(a), plainBatch(b)];
    const join = (x: Int32Array, y: Int32Array) => Int32Array.from([...x, ...y]);
    await using trainer = await NativeTrainer.open({ model: f32, threads: 2 });
    const packed = await trainer.logits({
      tokens: join(one.tokens, two.tokens),
      positions: join(one.positions, two.positions),
      sequences: join(
        one.sequences,
        two.sequences.map(() => 1),
      ),
      labels: join(one.labels, two.labels),
    });
    assert.deepEqual(packed, Float32Array.from([...(await trainer.logits(one)), ...(await trainer.logits(two))]));
  });
});

describe("an adapter of ours", () => {
  it("gives the same logits in our trainer, in llama.cpp, and merged into F32", async () => {
    const tokens = await tokensOf(f32);
    const adapter = temporary("adapter.gguf");
    await trainedAdapter(f32, tokens, adapter);
    const merged = temporary("merged-f32.gguf");
    const { mergedTensors, type, warnings } = await mergeAdapter({ base: f32, adapter, output: merged });
    assert.deepEqual([mergedTensors, type, warnings], [42, "F32", []]);
    const ours = await ourLogits(f32, tokens, adapter);
    assertClose(await llamaLogits(f32, tokens, adapter), ours);
    assertClose(await llamaLogits(merged, tokens), ours);
    assertClose(await ourLogits(merged, tokens), ours);
    assert.ok(maxDifference(ours, await ourLogits(f32, tokens)) > 0.1, "the adapter must change something");
  });

  it("is multiplied by `scale` when merged", async () => {
    const tokens = await tokensOf(f32);
    const adapter = temporary("adapter.gguf");
    const merged = temporary("merged-zero.gguf");
    await mergeAdapter({ base: f32, adapter, output: merged, scale: 0 });
    assert.deepEqual(await ourLogits(merged, tokens), await ourLogits(f32, tokens));
  });

  it("merges into F16 and BF16, and into a quantised base with a warning", async () => {
    const tokens = await tokensOf(f32);
    const adapter = temporary("adapter.gguf");
    const ours = await ourLogits(f32, tokens, adapter);
    const q8 = temporary("medtiny-q8.gguf");
    await quantize({ input: medtiny, output: q8, type: "Q8_0" });
    const cases = [
      { base: medtiny, type: "F16", limit: 1e-3, warns: 0 },
      { base: f32, type: "BF16", limit: 1e-2, warns: 0 },
      { base: q8, type: "F16", limit: 3e-2, warns: 1 },
    ] as const;
    for (const { base, type, limit, warns } of cases) {
      const output = temporary(`merged-${type}-${warns}.gguf`);
      const result = await mergeAdapter({ base, adapter, output, ...(base === f32 && { type }) });
      assert.equal(result.type, type);
      assert.equal(result.warnings.length, warns);
      assert.ok(relativeError(await ourLogits(output, tokens), ours) < limit);
      assert.ok(relativeError(await llamaLogits(output, tokens), ours) < limit);
    }
  });
});
