import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { assembleBatch, type TokenizedSample } from "../../dist/train/packing.js";
import { plainBatch, rejectsWith, relativeError, repoFile, temporaryFolder } from "./helpers.js";

const temporary = await temporaryFolder();
const model = repoFile("test/fixtures/gradients/wide-f16.gguf");
const update = {
  learningRate: 1e-2,
  maxGradNorm: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.1,
  divisor: 9,
};
// ffn_down: A [24, 256] has 6144 elements and so 8-bit moments, B [256, 24] as well; attn_k's B [128, 24] has 3072.
const lora = { rank: 24, alpha: 24, modules: ["attn_k", "ffn_down"] as const, seed: 3 };
const open = (more: object = {}) => NativeTrainer.open({ model, lora, threads: 2, optimizer: "adamw_8bit", ...more });

const rows: TokenizedSample[] = Array.from({ length: 6 }, (_, row) => ({
  tokens: Int32Array.from({ length: 10 }, (_, i) => 3 + ((row * 7 + i * 5) % 38)),
  labelMask: new Uint8Array(10).fill(1),
}));

/** The dynamic map by its definition: per decade 10^-6 .. 1 the middles of equal parts of [0.1, 1], plus 0 and 1. */
function dynamicMap(signed: boolean): number[] {
  const values = [0, 1];
  for (let decade = 0; decade < 7; decade++) {
    const parts = 2 ** (signed ? decade : decade + 1);
    for (let i = 0; i < parts; i++) {
      const value = 10 ** (decade - 6) * (0.1 + (0.9 * (i + 0.5)) / parts);
      values.push(value);
      if (signed) values.push(-value);
    }
  }
  assert.equal(values.length, 256);
  return values.map(Math.fround).sort((a, b) => a - b);
}

/** Rounds a block to the map, scaled by its largest magnitude. */
function rounded(block: Float64Array, map: number[]): Float64Array {
  const scale = block.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (scale === 0) return block;
  return block.map((x) => {
    const nearest = map.reduce(
      (best, value) => (Math.abs(value - x / scale) < Math.abs(best - x / scale) ? value : best),
      2,
    );
    if (Math.sign(nearest || 0) === -Math.sign(x) || (nearest === 0 && x < 0)) {
      const at = map.indexOf(nearest);
      return map[at + (x > 0 ? 1 : -1)]! * scale;
    }
    return nearest * scale;
  });
}

describe("8-bit AdamW", () => {
  it("follows its definition: moments rounded by blocks of 256, small tensors in float32", async () => {
    const [signed, unsigned] = [dynamicMap(true), dynamicMap(false)];
    await using trainer = await open();
    const state = Object.entries(await trainer.tensors({ gradients: false })).map(([name, { data }]) => ({
      name,
      weights: Float64Array.from(data),
      m: new Float64Array(data.length),
      v: new Float64Array(data.length),
    }));
    assert.ok(state.some(({ m }) => m.length >= 4096) && state.some(({ m }) => m.length < 4096));
    for (let t = 1; t <= 3; t++) {
      await trainer.accumulate(assembleBatch(rows, [[t]]));
      const gradients = await trainer.tensors({ gradients: true });
      await trainer.step(update);
      const values = await trainer.tensors({ gradients: false });
      for (const { name, weights, m, v } of state) {
        for (let i = 0; i < m.length; i++) {
          const g = gradients[name]!.data[i]! / 9;
          m[i] = 0.9 * m[i]! + 0.1 * g;
          v[i] = 0.999 * v[i]! + 0.001 * g * g;
          const step = m[i]! / (1 - 0.9 ** t) / (Math.sqrt(v[i]! / (1 - 0.999 ** t)) + 1e-8);
          weights[i] = weights[i]! * (1 - 1e-3) - 1e-2 * step;
        }
        if (m.length >= 4096)
          for (let start = 0; start < m.length; start += 256) {
            m.set(rounded(m.subarray(start, start + 256), signed), start);
            v.set(rounded(v.subarray(start, start + 256), unsigned), start);
          }
        // A moment on the edge between two codes may round the other way in float32; few do.
        assert.ok(relativeError(values[name]!.data, weights) < 2e-3, `${name}, step ${t}`);
      }
    }
  });

  it("learns as float32 does", async () => {
    const losses: number[] = [];
    for (const optimizer of ["adamw", "adamw_8bit"]) {
      await using trainer = await open({ optimizer });
      for (let i = 0; i < 40; i++) {
        await trainer.accumulate(assembleBatch(rows, [[i % 6]]));
        await trainer.step({ ...update, learningRate: 3e-3 });
      }
      losses.push(await trainer.evaluate(assembleBatch(rows, [[0, 1, 2, 3, 4, 5]])));
    }
    assert.ok(Math.abs(losses[1]! / losses[0]! - 1) < 0.05, losses.join(" and "));
  });

  it("resumes exactly, and not from the state of another optimizer", async () => {
    const run = async (trainer: NativeTrainer, from: number, to: number) => {
      for (let i = from; i < to; i++) {
        await trainer.accumulate(assembleBatch(rows, [[i]]));
        await trainer.step(update);
      }
    };
    const values = async (trainer: NativeTrainer) => Object.values(await trainer.tensors({ gradients: false }));
    await using whole = await open();
    await run(whole, 0, 6);
    await using first = await open();
    await run(first, 0, 3);
    await first.saveState(temporary("state.gguf"), "");
    await using second = await open();
    await second.loadState(temporary("state.gguf"));
    await run(second, 3, 6);
    assert.deepEqual(await values(second), await values(whole));
    await using other = await open({ optimizer: "adamw" });
    await rejectsWith("CHECKPOINT_INVALID", other.loadState(temporary("state.gguf")), /optimizer/);
  });

  it("takes a quarter of the memory for its state", async () => {
    await using float = await open({ optimizer: "adamw" });
    await using bytes = await open();
    const call = { tokens: 64, labels: 64, checkpointing: false };
    const parameters = float.info.trainable;
    const state = (trainer: NativeTrainer) => trainer.memory(call).parameters - 8 * parameters;
    assert.ok(state(float) >= 8 * parameters && state(bytes) < 0.4 * state(float));
  });
});

describe("NEFTune", () => {
  it("adds noise of the given size to the embeddings, in training only, and another one each time", async () => {
    const batch = plainBatch([3, 7, 11, 15, 19, 23, 27, 31]);
    await using plain = await open();
    await using noisy = await open({ neftuneAlpha: 5 });
    const dry = await plain.evaluate(batch);
    assert.equal(await noisy.evaluate(batch), dry);
    assert.equal(await plain.accumulate(batch), dry);
    const wet = [await noisy.accumulate(batch), await noisy.accumulate(batch)];
    assert.ok(wet[0] !== dry && wet[1] !== wet[0]);
    await using small = await open({ neftuneAlpha: 0.01 });
    assert.ok(Math.abs((await small.accumulate(batch)) / dry - 1) < 0.01 * Math.abs(wet[0]! / dry - 1) + 1e-3);
  });
});

describe("an unknown optimizer", () => {
  it("is refused", async () => {
    await rejectsWith("ARGUMENT_INVALID", open({ optimizer: "sgd" as never }), /adamw_8bit/);
  });
});
