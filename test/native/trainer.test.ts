import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { assembleBatch, type TokenizedSample } from "../../dist/train/packing.js";
import { plainBatch, rejectsWith, relativeError, repoFile, temporaryFolder } from "./helpers.js";

const fixture = (name: string) => repoFile(`test/fixtures/gradients/${name}`);
const temporary = await temporaryFolder();
const open = (more: object = {}) =>
  NativeTrainer.open({ model: fixture("odd-f32.gguf"), adapter: fixture("odd-all.gguf"), threads: 2, ...more });
const update = { learningRate: 1e-2, maxGradNorm: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };

/** Eight rows of different length, deterministic. */
const rows: TokenizedSample[] = Array.from({ length: 8 }, (_, row) => ({
  tokens: Int32Array.from({ length: 5 + row }, (_, i) => 3 + ((row * 7 + i * 5) % 38)),
  labelMask: Uint8Array.from({ length: 5 + row }, (_, i) => (i > 1 ? 1 : 0)),
}));

async function allValues(trainer: NativeTrainer, gradients = false): Promise<Float32Array> {
  const tensors = Object.values(await trainer.tensors({ gradients }));
  return Float32Array.from(tensors.flatMap(({ data }) => Array.from(data)));
}

describe("gradient accumulation", () => {
  it("gives one update whether 8 rows come as 1 x 8, 2 x 4, 4 x 2 or 8 x 1", async () => {
    const updates: Float32Array[] = [];
    for (const size of [8, 4, 2, 1]) {
      await using trainer = await open();
      const before = await allValues(trainer);
      for (let i = 0; i < 8; i += size)
        await trainer.accumulate(assembleBatch(rows, [Array.from({ length: size }, (_, j) => i + j)]));
      await trainer.step({ ...update, divisor: 60 });
      updates.push((await allValues(trainer)).map((value, i) => value - before[i]!));
    }
    for (const other of updates.slice(1)) assert.deepEqual(other, updates[0]);
  });

  it("sums gradients exactly", async () => {
    const sums: Float32Array[] = [];
    const losses: number[] = [];
    for (const size of [8, 4, 2, 1]) {
      await using trainer = await open();
      let loss = 0;
      for (let i = 0; i < 8; i += size)
        loss += await trainer.accumulate(assembleBatch(rows, [Array.from({ length: size }, (_, j) => i + j)]));
      losses.push(loss);
      sums.push(await allValues(trainer, true));
    }
    for (const other of sums.slice(1)) assert.deepEqual(other, sums[0]);
    for (const loss of losses) assert.ok(Math.abs(loss / losses[0]! - 1) < 1e-6);
  });

  it("does not mind the order of the batch, nor how its sequences are numbered", async () => {
    const packed = assembleBatch(rows, [[0, 1, 2]]);
    const shuffled = Array.from(packed.tokens.keys()).sort((a, b) => ((a * 17) % 23) - ((b * 17) % 23));
    const pick = (array: Int32Array) => Int32Array.from(shuffled, (i) => array[i]!);
    await using trainer = await open();
    const straight = await trainer.logits(packed);
    const mixed = await trainer.logits({
      tokens: pick(packed.tokens),
      positions: pick(packed.positions),
      sequences: pick(packed.sequences).map((s) => 900 - 3 * s),
      labels: pick(packed.labels),
    });
    const vocab = trainer.info.vocabSize;
    shuffled.forEach((from, to) => {
      const a = straight.subarray(from * vocab, (from + 1) * vocab);
      assert.ok(relativeError(mixed.subarray(to * vocab, (to + 1) * vocab), a) < 1e-5);
    });
  });

  it("is the same with any number of threads", async () => {
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      await using trainer = await open({ threads });
      for (let i = 0; i < 3; i++) {
        await trainer.accumulate(
          assembleBatch(rows, [
            [0, 3, 5],
            [1, 2],
          ]),
        );
        await trainer.step({ ...update, divisor: 30 });
      }
      results.push(await allValues(trainer));
    }
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
  });

  it("scales gradients, not losses, by gradientScale", async () => {
    const batch = assembleBatch(rows, [[4]]);
    await using one = await open();
    await using half = await open();
    assert.equal(await one.accumulate(batch), await half.accumulate(batch, { gradientScale: 0.5 }));
    const expected = (await allValues(one, true)).map((g) => g / 2);
    assert.ok(relativeError(await allValues(half, true), expected) < 1e-6);
  });
});

describe("AdamW", () => {
  it("follows its definition, clipping and decay included", async () => {
    await using trainer = await open();
    const options = { ...update, divisor: 7, maxGradNorm: 0.05 };
    const expected = Float64Array.from(await allValues(trainer));
    const m = new Float64Array(expected.length);
    const v = new Float64Array(expected.length);
    for (let t = 1; t <= 3; t++) {
      await trainer.accumulate(assembleBatch(rows, [[t]]));
      const g = Float64Array.from(await allValues(trainer, true), (x) => x / 7);
      const norm = Math.hypot(...g);
      const { gradNorm, skipped } = await trainer.step(options);
      assert.ok(Math.abs(gradNorm / norm - 1) < 1e-5);
      assert.equal(skipped, false);
      const clip = Math.min(1, 0.05 / (norm + 1e-6));
      for (let i = 0; i < expected.length; i++) {
        const gradient = g[i]! * clip;
        m[i] = 0.9 * m[i]! + 0.1 * gradient;
        v[i] = 0.999 * v[i]! + 0.001 * gradient ** 2;
        const step = m[i]! / (1 - 0.9 ** t) / (Math.sqrt(v[i]! / (1 - 0.999 ** t)) + 1e-8);
        expected[i] = expected[i]! * (1 - 1e-2 * 0.1) - 1e-2 * step;
      }
      assert.ok(relativeError(await allValues(trainer), expected) < 1e-5, `step ${t}`);
    }
  });

  it("skips a step whose gradient is not finite, and says so", async () => {
    await using trainer = await open();
    const before = await allValues(trainer);
    await trainer.accumulate(assembleBatch(rows, [[4]]), { gradientScale: 3e38 });
    await trainer.accumulate(assembleBatch(rows, [[5]]), { gradientScale: 3e38 });
    const { skipped, gradNorm } = await trainer.step({ ...update, divisor: 1 });
    assert.equal(skipped, true);
    assert.equal(Number.isFinite(gradNorm), false);
    assert.deepEqual(await allValues(trainer), before);
  });
});

describe("dropout and checkpoints", () => {
  const lora = { rank: 4, alpha: 8, modules: ["attn_q", "ffn_down"] as const, seed: 3 };
  const openFresh = (more: object = {}) =>
    NativeTrainer.open({ model: fixture("odd-f32.gguf"), lora, dropout: 0.3, seed: 9, threads: 2, ...more });
  const steps = async (trainer: NativeTrainer, from: number, to: number) => {
    for (let i = from; i < to; i++) {
      await trainer.accumulate(assembleBatch(rows, [[i % 8]]));
      await trainer.accumulate(assembleBatch(rows, [[(i + 3) % 8]]));
      await trainer.step({ ...update, divisor: 10 });
    }
  };

  it("recomputes the same dropout masks with checkpointing", async () => {
    await using kept = await openFresh();
    await using recomputed = await openFresh({ checkpointing: true });
    await steps(kept, 0, 4);
    await steps(recomputed, 0, 4);
    assert.deepEqual(await allValues(recomputed), await allValues(kept));
  });

  it("drops inputs in training only, with the expected share", async () => {
    await using trainer = await openFresh();
    await steps(trainer, 0, 1);
    const batch = assembleBatch(rows, [[6]]);
    const dry = await trainer.evaluate(batch);
    assert.equal(await trainer.evaluate(batch), dry);
    const wet: number[] = [];
    for (let i = 0; i < 40; i++) wet.push(await trainer.accumulate(batch));
    assert.ok(new Set(wet).size > 35, "each micro-batch has a mask of its own");
    const mean = wet.reduce((sum, loss) => sum + loss, 0) / wet.length;
    assert.ok(Math.abs(mean / dry - 1) < 0.05, "dropout keeps the mean of what it scales");
  });

  it("resumes to the very same weights", async () => {
    await using whole = await openFresh();
    await steps(whole, 0, 6);
    await using first = await openFresh();
    await steps(first, 0, 3);
    await first.saveState(temporary("state.gguf"), "the note");
    await using second = await openFresh();
    assert.equal(await second.loadState(temporary("state.gguf")), "the note");
    await steps(second, 3, 6);
    assert.deepEqual(await allValues(second), await allValues(whole));
  });

  it("is as after the last step when a micro-batch is aborted", async () => {
    await using whole = await openFresh();
    await steps(whole, 0, 3);
    await using stopped = await openFresh();
    await steps(stopped, 0, 2);
    await stopped.accumulate(assembleBatch(rows, [[1]]));
    await rejectsWith("ABORTED", stopped.accumulate(assembleBatch(rows, [[2]]), { signal: AbortSignal.abort() }));
    await rejectsWith("LABELS_EMPTY", stopped.accumulate({ ...plainBatch([3, 4]), labels: Int32Array.of(-100, -100) }));
    await steps(stopped, 2, 3);
    assert.deepEqual(await allValues(stopped), await allValues(whole));
  });

  it("refuses a checkpoint of other tensors, a model as checkpoint, and leaves the weights alone", async () => {
    await using trainer = await openFresh();
    await trainer.saveState(temporary("small.gguf"), "");
    await using other = await openFresh({ lora: { ...lora, rank: 5 } });
    const before = await allValues(other);
    await rejectsWith("CHECKPOINT_INVALID", other.loadState(temporary("small.gguf")));
    await rejectsWith("CHECKPOINT_INVALID", other.loadState(fixture("odd-f32.gguf")));
    assert.deepEqual(await allValues(other), before);
  });
});

describe("the trainer's border", () => {
  it("trains every target module on a quantised base", async () => {
    const model = temporary("wide-q4.gguf");
    await quantize({ input: fixture("wide-f16.gguf"), output: model, type: "Q4_K_M" });
    const modules = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] as const;
    for (const module of modules) {
      await using trainer = await NativeTrainer.open({
        model,
        lora: { rank: 4, alpha: 8, modules: [module], seed: 0 },
      });
      const first = await trainer.evaluate(assembleBatch(rows, [[6]]));
      for (let i = 0; i < 5; i++) {
        await trainer.accumulate(assembleBatch(rows, [[6]]));
        await trainer.step({ ...update, divisor: 9 });
      }
      assert.ok((await trainer.evaluate(assembleBatch(rows, [[6]]))) < first, module);
    }
  });

  it("names what is wrong with a batch", async () => {
    await using trainer = await open();
    const good = plainBatch([3, 4, 5]);
    const bad = (change: object) => trainer.accumulate({ ...good, ...change });
    await rejectsWith("TOKEN_OUT_OF_RANGE", bad({ tokens: Int32Array.of(3, 41, 5) }), /index 1/);
    await rejectsWith("TOKEN_OUT_OF_RANGE", bad({ tokens: Int32Array.of(-1, 4, 5) }), /index 0/);
    await rejectsWith("TOKEN_OUT_OF_RANGE", bad({ labels: Int32Array.of(3, 4, 99) }), /index 2/);
    await rejectsWith("CONTEXT_EXCEEDED", bad({ positions: Int32Array.of(0, 1, 64) }), /index 2/);
    await rejectsWith("BATCH_INVALID", bad({ positions: Int32Array.of(0, 1, -1) }));
    await rejectsWith("BATCH_INVALID", bad({ labels: Int32Array.of(1) }));
    await rejectsWith("BATCH_INVALID", trainer.accumulate(plainBatch([])));
    await rejectsWith("LABELS_EMPTY", bad({ labels: Int32Array.of(-100, -100, -100) }));
    assert.ok((await trainer.accumulate(good)) > 0);
  });

  it("says BUSY to a second call, DISPOSED after dispose, ARGUMENT_INVALID to a step without gradients", async () => {
    const trainer = await open();
    await rejectsWith("ARGUMENT_INVALID", trainer.step({ ...update, divisor: 1 }));
    const long = assembleBatch(
      rows,
      Array.from({ length: 300 }, () => [0, 1, 2, 3, 4, 5, 6, 7]),
    );
    const calls = await Promise.allSettled([trainer.accumulate(long), trainer.accumulate(long)]);
    const codes = calls.map((call) => (call.status === "rejected" ? (call.reason as { code: string }).code : "done"));
    assert.deepEqual(codes.sort(), ["BUSY", "done"]);
    trainer.dispose();
    trainer.dispose();
    await assert.rejects(async () => trainer.evaluate(plainBatch([3, 4])), { code: "DISPOSED" });
  });

  it("stops inside a micro-batch, and keeps the event loop free meanwhile", async () => {
    await using trainer = await open();
    const long = assembleBatch(
      rows,
      Array.from({ length: 2000 }, () => [0, 1, 2, 3, 4, 5, 6, 7]),
    );
    const controller = new AbortController();
    let ticks = 0;
    const timer = setInterval(() => {
      if (++ticks === 3) controller.abort(new Error("enough"));
    }, 5);
    await rejectsWith("ABORTED", trainer.accumulate(long, { signal: controller.signal }));
    clearInterval(timer);
    assert.ok(ticks >= 3);
  });
});
