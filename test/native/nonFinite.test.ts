import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { mergeAdapter } from "../../dist/adapter/merge.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { readGguf } from "../../dist/native/gguf.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { type GgufTensor, gguf } from "./gguf.js";
import { rejectsWith, repoFile, temporaryFolder } from "./helpers.js";

const temporary = await temporaryFolder();
const output = temporary("out.gguf");

function file(name: string, bytes: Buffer): string {
  writeFileSync(temporary(name), bytes);
  return temporary(name);
}

// A base of one 2 x 2 matrix and one vector, enough for a merge: W' = W + scale (alpha / 1) b a.
const header = { "general.architecture": "llama" };
const norm: GgufTensor = { name: "output_norm.weight", shape: [2], values: Float32Array.of(1, 1) };
const weight = (...values: number[]): GgufTensor => ({
  name: "blk.0.attn_q.weight",
  shape: [2, 2],
  values: Float32Array.from(values),
});
const adapterHeader = { ...header, "general.type": "adapter", "adapter.type": "lora", "adapter.lora.alpha": 1 };
const pair = (a: [number, number], b: [number, number]): GgufTensor[] => [
  { name: "blk.0.attn_q.weight.lora_a", shape: [2, 1], values: Float32Array.from(a) },
  { name: "blk.0.attn_q.weight.lora_b", shape: [1, 2], values: Float32Array.from(b) },
];
const base = file("base.gguf", gguf(header, [weight(1, 2, 3, 4), norm]));
const adapter = file("adapter.gguf", gguf(adapterHeader, pair([1, 2], [10, 100])));

describe("merging", () => {
  it("of finite numbers gives W + scale (alpha / r) B A", async () => {
    await mergeAdapter({ base, adapter, output: temporary("good.gguf"), scale: 2 });
    const bytes = readFileSync(temporary("good.gguf"));
    const expected = Buffer.from(Float32Array.of(1 + 20, 2 + 40, 3 + 200, 4 + 400).buffer);
    assert.ok(bytes.includes(expected));
  });

  it("refuses an adapter that is not finite, naming what", async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const cases = {
        lora_a: gguf(adapterHeader, pair([1, bad], [10, 100])),
        lora_b: gguf(adapterHeader, pair([1, 2], [bad, 100])),
        "adapter.lora.alpha": gguf({ ...adapterHeader, "adapter.lora.alpha": bad }, pair([1, 2], [10, 100])),
      };
      for (const [name, bytes] of Object.entries(cases))
        await rejectsWith(
          "ADAPTER_INVALID",
          mergeAdapter({ base, adapter: file("bad.gguf", bytes), output }),
          new RegExp(name),
        );
    }
    assert.equal(existsSync(output), false);
  });

  it("refuses a base that is not finite, in matrices and vectors, with or without a pair", async () => {
    const other = { ...weight(1, Number.NaN, 3, 4), name: "blk.0.attn_k.weight" };
    const infinite = { ...norm, values: Float32Array.of(1, Number.NEGATIVE_INFINITY) };
    const cases: [string, GgufTensor[]][] = [
      ["blk.0.attn_q.weight", [weight(1, 2, Number.POSITIVE_INFINITY, 4), norm]],
      ["blk.0.attn_k.weight", [weight(1, 2, 3, 4), other, norm]],
      ["output_norm.weight", [weight(1, 2, 3, 4), infinite]],
    ];
    for (const [name, tensors] of cases)
      for (const type of ["F32", "F16"] as const)
        await rejectsWith(
          "MODEL_INVALID",
          mergeAdapter({ base: file("bad.gguf", gguf(header, tensors)), adapter, output, type }),
          new RegExp(`${name} holds`),
        );
    assert.equal(existsSync(output), false);
  });

  it("refuses a result that the output's type cannot hold", async () => {
    const merge = (scale: number, type: "F32" | "F16" | "BF16") => mergeAdapter({ base, adapter, output, scale, type });
    // The largest change is 200 scale: 65504 is the largest F16, 3.39e38 the largest BF16, 3.40e38 the largest F32.
    await rejectsWith("MODEL_INVALID", merge(400, "F16"), /blk\.0\.attn_q\.weight are too large for f16/);
    await rejectsWith("MODEL_INVALID", merge(1.7005e36, "BF16"), /too large for bf16/);
    await rejectsWith("MODEL_INVALID", merge(1e37, "F32"), /too large for f32/);
    await rejectsWith("ARGUMENT_INVALID", merge(1e39, "F32"), /scale/);
    assert.equal(existsSync(output), false);
    await merge(300, "F16");
    await merge(1.7005e36, "F32");
  });
});

describe("an adapter that is not finite", () => {
  it("is ADAPTER_INVALID in training and generating too", async () => {
    const model = repoFile("test/fixtures/gradients/llama3-f32.gguf");
    const values = (n: number, bad: boolean) => new Float32Array(n).fill(bad ? Number.NaN : 0);
    const made = (bad: boolean, alpha = 1) =>
      gguf({ ...adapterHeader, "adapter.lora.alpha": alpha }, [
        { name: "blk.0.attn_q.weight.lora_a", shape: [32, 1], values: values(32, bad) },
        { name: "blk.0.attn_q.weight.lora_b", shape: [1, 32], values: values(32, false) },
      ]);
    const open = (bytes: Buffer) => {
      const path = file("adapter-of-32.gguf", bytes);
      return InferenceEngine.open({ model, adapters: [{ path }], contextSize: 64, threads: 1 });
    };
    await (await open(made(false)))[Symbol.asyncDispose]();
    for (const bytes of [made(true), made(false, Number.NaN)]) {
      await rejectsWith("ADAPTER_INVALID", open(bytes));
      await rejectsWith("ADAPTER_INVALID", NativeTrainer.open({ model, adapter: file("bad.gguf", bytes) }));
    }
  });
});

describe("quantising", async () => {
  const model = repoFile("test/fixtures/gradients/llama3-f32.gguf");
  const { tensors } = await readGguf(model);
  const dataBytes = tensors.reduce((sum, { bytes }) => sum + Math.ceil(bytes / 32) * 32, 0);
  const quantized = temporary("quantized.gguf");

  /** The fixture with the first number of its first tensor replaced. */
  const damaged = (value: number) => {
    const bytes = readFileSync(model);
    bytes.writeFloatLE(value, bytes.length - dataBytes);
    return file("damaged.gguf", bytes);
  };

  it("refuses NaN and infinity, naming the tensor", async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
      await rejectsWith(
        "MODEL_INVALID",
        quantize({ input: damaged(value), output: quantized, type: "Q8_0" }),
        /token_embd\.weight holds NaN or infinity/,
      );
    assert.equal(existsSync(quantized), false);
  });

  it("keeps ggml's own report of it out of stderr", () => {
    const code = `const { quantize } = await import(process.argv[1]);
      await quantize({ input: process.argv[2], output: process.argv[3], type: "Q8_0" }).catch((error) => console.log(error.code));`;
    const module = fileURLToPath(new URL("../../dist/quantize/quantize.js", import.meta.url));
    const run = spawnSync(
      process.execPath,
      ["--input-type=module", "-e", code, module, damaged(Number.NaN), quantized],
      {
        encoding: "utf8",
      },
    );
    assert.deepEqual([run.stdout, run.stderr], ["MODEL_INVALID\n", ""]);
  });

  it("says so when a weight does not fit the type", async () => {
    await rejectsWith(
      "QUANTIZE_FAILED",
      quantize({ input: damaged(1e30), output: quantized, type: "F16" }),
      /too large for F16/,
    );
    assert.equal(existsSync(quantized), false);
  });
});
