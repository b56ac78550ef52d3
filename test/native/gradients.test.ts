import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { quantize } from "../../dist/quantize/quantize.js";
import { debugGradients } from "../../dist/train/debugGradients.js";
import { relativeError, repoFile, temporaryFolder } from "./helpers.js";

// The expected values were computed in float64 (see test/fixtures/gradients/make_fixtures.py).

interface Expected {
  lossSum: number;
  labelTokens: number;
  logits: Record<string, number[]>;
  gradients: Record<string, { shape: number[]; data: string }>;
}

interface Computed extends Omit<Expected, "gradients"> {
  gradients: Record<string, { shape: number[]; data: number[] }>;
}

const fixture = (name: string) => repoFile(`test/fixtures/gradients/${name}`);
const temporary = await temporaryFolder();

function decode(base64: string): Float32Array {
  const bytes = Buffer.from(base64, "base64");
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

async function compare(name: string, call: { model: string; adapter: string; batch: string; checkpointing: boolean }) {
  const output = temporary(`${name}.json`);
  const answer = await debugGradients({ ...call, output, threads: 2 });
  const expected = JSON.parse(await readFile(fixture(`${name}.expected.json`), "utf8")) as Expected;
  const computed = JSON.parse(await readFile(output, "utf8")) as Computed;
  assert.equal(computed.labelTokens, expected.labelTokens);
  assert.equal(answer.lossSum, computed.lossSum);
  const errors = Object.entries(expected.gradients).map(([tensor, { shape, data }]) => {
    const ours = computed.gradients[tensor];
    assert.ok(ours, `no gradient of ${tensor}`);
    assert.deepEqual(ours.shape, shape, tensor);
    return { tensor, error: relativeError(ours.data, decode(data)) };
  });
  assert.equal(Object.keys(computed.gradients).length, errors.length);
  const logitErrors = Object.entries(expected.logits).map(([at, row]) => relativeError(computed.logits[at]!, row));
  return {
    loss: Math.abs(computed.lossSum / expected.lossSum - 1),
    logits: Math.max(...logitErrors),
    worst: errors.reduce((a, b) => (a.error > b.error ? a : b)),
  };
}

/** Bases of one model in several types: gradients of float32 weights within 1e-4, of others within 3e-2. */
const WIDE = [
  { type: "F32", limit: 1e-4 },
  { type: "F16", limit: 3e-2 },
  { type: "Q4_0", limit: 3e-2 },
  { type: "Q4_K_S", limit: 3e-2 },
  { type: "Q8_0", limit: 3e-2 },
];

for (const checkpointing of [false, true])
  describe(`gradients against float64, ${checkpointing ? "with" : "without"} activation checkpointing`, () => {
    before(async () => {
      for (const { type } of WIDE)
        await quantize({ input: fixture("wide-f16.gguf"), output: temporary(`wide-${type}.gguf`), type });
    });

    for (const { type, limit } of WIDE)
      it(`all seven modules, grouped queries, two packed sequences, masked labels, ${type} base`, async () => {
        const result = await compare(`wide-${type.toLowerCase()}`, {
          model: temporary(`wide-${type}.gguf`),
          adapter: fixture("wide-all.gguf"),
          batch: fixture("wide-batch.json"),
          checkpointing,
        });
        assert.ok(result.worst.error <= limit, `${result.worst.tensor}: ${result.worst.error}`);
        assert.ok(result.loss <= limit / 10, `loss: ${result.loss}`);
        assert.ok(result.logits <= limit, `logits: ${result.logits}`);
      });

    for (const [name, what] of Object.entries({
      qwen2: "qwen2: biases, RoPE by halves",
      qwen3: "qwen3: norms of q and k, heads wider than the model",
      deep: "16 layers",
    }))
      it(what, async () => {
        const files = { model: `${name}-f32.gguf`, adapter: `${name}-all.gguf`, batch: `${name}-batch.json` };
        const { model, adapter, batch } = files;
        const call = { model: fixture(model), adapter: fixture(adapter), batch: fixture(batch), checkpointing };
        const result = await compare(name, call);
        assert.ok(result.worst.error <= 1e-4, `${result.worst.tensor}: ${result.worst.error}`);
        assert.ok(result.loss <= 1e-6, `loss: ${result.loss}`);
        assert.ok(result.logits <= 1e-4, `logits: ${result.logits}`);
      });

    for (const adapter of ["odd-all", "odd-qv"])
      it(`odd sizes, partial RoPE, untied output, a sequence of one token: ${adapter}`, async () => {
        const result = await compare(adapter, {
          model: fixture("odd-f32.gguf"),
          adapter: fixture(`${adapter}.gguf`),
          batch: fixture("odd-batch.json"),
          checkpointing,
        });
        assert.ok(result.worst.error <= 1e-4, `${result.worst.tensor}: ${result.worst.error}`);
        assert.ok(result.loss <= 1e-6, `loss: ${result.loss}`);
        assert.ok(result.logits <= 1e-4, `logits: ${result.logits}`);
      });
  });
