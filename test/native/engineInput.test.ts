import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { SamplerStep } from "../../dist/eval/samplers.js";
import type { GenerateRequest } from "../../dist/native/binding.js";
import { type EngineOptions, InferenceEngine } from "../../dist/native/engine.js";
import { type GgufTensor, gguf } from "./gguf.js";
import { base, hasCode, medtiny, request, run } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "medilora-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** Zeros but for B, whose every element is `b`. */
function pair(name: string, inputs: number, outputs: number, b = 0.01, rank = 2): GgufTensor[] {
  const wave = Float32Array.from({ length: inputs * rank }, (_, i) => Math.sin(i) / 16);
  return [
    { name: `${name}.lora_a`, shape: [inputs, rank], values: wave },
    { name: `${name}.lora_b`, shape: [rank, outputs], values: new Float32Array(rank * outputs).fill(b) },
  ];
}

const adapterHeader = {
  "general.type": "adapter",
  "general.architecture": "llama",
  "adapter.type": "lora",
  "adapter.lora.alpha": 16,
};
const query = "blk.0.attn_q.weight";

async function logits(options: Partial<EngineOptions>): Promise<Float32Array> {
  await using engine = await InferenceEngine.open({ ...base, ...options });
  return await engine.logits(request("The heart").prompt);
}

describe("a model file", () => {
  const open = (model: string) => InferenceEngine.open({ ...base, model });

  it("that is missing, a folder, garbage or cut short is refused with its own code", async () => {
    await assert.rejects(open(join(folder, "none.gguf")), hasCode("FILE_NOT_FOUND"));
    await assert.rejects(open(join(medtiny, "none.gguf")), hasCode("FILE_NOT_FOUND"));
    await assert.rejects(open(folder), hasCode("FILE_READ"));
    await assert.rejects(open(file("garbage.gguf", Buffer.alloc(10_000, 7))), hasCode("MODEL_INVALID"));
    const whole = readFileSync(medtiny);
    for (const part of [0.0001, 0.01, 0.05, 0.3, 0.5, 0.9, 0.999999])
      await assert.rejects(
        open(file("cut.gguf", whole.subarray(0, Math.floor(whole.length * part)))),
        hasCode("MODEL_INVALID"),
      );
  });

  it("with damaged metadata never takes the process down", async () => {
    const whole = readFileSync(medtiny);
    for (let i = 0; i < 60; i++) {
      const damaged = Buffer.from(whole);
      // Most of the first 2000 bytes are hyper-parameters and the start of the vocabulary.
      damaged.fill(i % 2 === 0 ? 0xff : 0, 8 + i * 33, 8 + i * 33 + 1 + (i % 9));
      const opened = await open(file("damaged.gguf", damaged)).catch((error: unknown) => error);
      if (opened instanceof InferenceEngine) await opened.dispose();
      else assert.ok((opened as { code: string }).code.length > 0);
    }
  });

  it("with doubled tokens, without a vocabulary, or that is an adapter is refused", async () => {
    const model = { "general.architecture": "llama", "tokenizer.ggml.model": "llama" };
    const doubled = gguf({ ...model, "tokenizer.ggml.tokens": ["<unk>", "a", "b", "a"] }, []);
    await assert.rejects(open(file("doubled.gguf", doubled)), /same text for two tokens \(the second is 3\)/);
    await assert.rejects(open(file("bare.gguf", gguf(model, []))), hasCode("MODEL_INVALID"));
    await assert.rejects(open(file("adapter.gguf", gguf(adapterHeader, pair(query, 256, 256)))), /is an adapter/);
  });
});

describe("an adapter", () => {
  const adapter = (tensors: GgufTensor[], header: Record<string, string | number> = adapterHeader) =>
    file("adapter.gguf", gguf(header, tensors));
  const refused = (path: string, code: string) =>
    assert.rejects(InferenceEngine.open({ ...base, adapters: [{ path }] }), hasCode(code));

  it("changes the logits in proportion to its scale, and adds up", async () => {
    const plain = await logits({});
    const path = adapter(pair(query, 256, 256));
    assert.deepEqual(await logits({ adapters: [{ path: adapter(pair(query, 256, 256, 0)) }] }), plain);
    const full = await logits({ adapters: [{ path: adapter(pair(query, 256, 256)) }] });
    assert.notDeepEqual(full, plain);
    assert.deepEqual(await logits({ adapters: [{ path, scale: 0 }] }), plain);
    const halves = await logits({
      adapters: [
        { path, scale: 0.5 },
        { path, scale: 0.5 },
      ],
    });
    assert.ok(halves.every((logit, i) => Math.abs(logit - (full[i] ?? Number.NaN)) < 2e-2));
  });

  it("that does not fit is ADAPTER_MISMATCH", async () => {
    await refused(adapter(pair("blk.99.attn_q.weight", 256, 256)), "ADAPTER_MISMATCH");
    await refused(adapter(pair(query, 128, 256)), "ADAPTER_MISMATCH");
    await refused(adapter(pair("blk.0.attn_k.weight", 256, 256)), "ADAPTER_MISMATCH");
    const other = { ...adapterHeader, "general.architecture": "qwen2" };
    await refused(adapter(pair(query, 256, 256), other), "ADAPTER_MISMATCH");
  });

  it("that is no whole adapter is ADAPTER_INVALID", async () => {
    const good = pair(query, 256, 256);
    await refused(file("garbage.gguf", Buffer.from("GGUF and no more")), "ADAPTER_INVALID");
    const bytes = gguf(adapterHeader, good);
    for (const size of [3, 30, 200, bytes.length - 100])
      await refused(file("cut.gguf", bytes.subarray(0, size)), "ADAPTER_INVALID");
    await refused(adapter(good.slice(0, 1)), "ADAPTER_INVALID");
    await refused(adapter([]), "ADAPTER_INVALID");
    await refused(medtiny, "ADAPTER_INVALID");
    const { "adapter.lora.alpha": _, ...withoutAlpha } = adapterHeader;
    await refused(adapter(good, withoutAlpha), "ADAPTER_INVALID");
    await refused(adapter(good, { ...adapterHeader, "adapter.lora.alpha": "16" }), "ADAPTER_INVALID");
    await refused(join(folder, "none.gguf"), "FILE_NOT_FOUND");
  });
});

describe("options", () => {
  const wrong: Array<Record<string, unknown>> = [
    { contextSize: 0 },
    { contextSize: 1.5 },
    { sequences: 257 },
    { batchSize: 64, microBatchSize: 128 },
    { threads: 0 },
    { kvType: "f64" },
    { flashAttention: true },
    { kvType: "f32", flashAttention: "on" },
    { model: "a\0b" },
    { adapters: [{ scale: 1 }] },
    { adapters: "a.gguf" },
  ];
  for (const options of wrong)
    it(`refuses ${JSON.stringify(options)}`, async () => {
      await assert.rejects(InferenceEngine.open({ ...base, ...options }), hasCode("ARGUMENT_INVALID"));
    });

  it("can be stopped before and while it loads", async () => {
    const early = AbortSignal.abort();
    await assert.rejects(InferenceEngine.open(base, { signal: early }), hasCode("ABORTED"));
    const controller = new AbortController();
    const fractions: number[] = [];
    const onProgress = (fraction: number) => fractions.push(fraction);
    const opening = InferenceEngine.open(base, { signal: controller.signal, onProgress });
    controller.abort();
    await assert.rejects(opening, hasCode("ABORTED"));
    await (await InferenceEngine.open(base, { onProgress })).dispose();
    assert.equal(fractions.at(-1), 1);
  });
});

describe("a request", () => {
  let engine: InferenceEngine;
  before(async () => {
    engine = await InferenceEngine.open({ ...base, contextSize: 300, sequences: 2 });
  });
  after(() => engine.dispose());

  const good = request("a", { maxTokens: 2 });
  const refused = (bad: Partial<GenerateRequest>, code: string) =>
    assert.rejects(
      run(engine, [good, { ...good, ...bad }]),
      (error) => hasCode(code)(error) && /Request 1\b/.test((error as Error).message),
    );

  it("that cannot be run is refused by its index, before any runs", async () => {
    await refused({ prompt: new Int32Array() }, "ARGUMENT_INVALID");
    await refused({ prompt: Int32Array.of(1, 8192) }, "TOKEN_OUT_OF_RANGE");
    await refused({ prompt: Int32Array.of(-1) }, "TOKEN_OUT_OF_RANGE");
    await refused({ stopTokens: Int32Array.of(9000) }, "TOKEN_OUT_OF_RANGE");
    await refused({ prompt: new Int32Array(300).fill(5) }, "CONTEXT_EXCEEDED");
    await refused({ maxTokens: 0 }, "ARGUMENT_INVALID");
    await refused({ seed: 2 ** 32 - 1 }, "ARGUMENT_INVALID");
    await refused({ seed: -1 }, "ARGUMENT_INVALID");
    await refused({ stopStrings: [""] }, "ARGUMENT_INVALID");
    await refused({ prompt: [1] as unknown as Int32Array }, "ARGUMENT_INVALID");
    const [result] = await run(engine, [{ ...good, prompt: new Int32Array(299).fill(5), maxTokens: 9 }]);
    assert.equal(result?.tokens.length, 1);
  });

  it("needs a sampler that picks, last, and with numbers in range", async () => {
    const wrong: SamplerStep[][] = [
      [],
      [{ type: "topK", k: 40 }],
      [{ type: "greedy" }, { type: "draw" }],
      [{ type: "topK", k: 0 }, { type: "draw" }],
      [{ type: "topP", p: 0, minKeep: 1 }, { type: "draw" }],
      [{ type: "topP", p: 1.1, minKeep: 1 }, { type: "draw" }],
      [{ type: "minP", p: -0.1, minKeep: 1 }, { type: "draw" }],
      [{ type: "minP", p: 0.1, minKeep: 0 }, { type: "draw" }],
      [{ type: "temperature", t: 0 }, { type: "draw" }],
      [{ type: "temperature", t: Number.NaN }, { type: "draw" }],
      [{ type: "penalties", lastN: 64, repeat: 0 }, { type: "draw" }],
      [{ type: "penalties", lastN: -1, repeat: 1.1 }, { type: "draw" }],
      [{ type: "mirostat" } as unknown as SamplerStep],
    ];
    for (const sampler of wrong) await refused({ sampler }, "ARGUMENT_INVALID");
  });

  it("for logits is checked as well", async () => {
    await assert.rejects(engine.logits(new Int32Array()), hasCode("ARGUMENT_INVALID"));
    await assert.rejects(engine.logits(new Int32Array(301).fill(5)), hasCode("CONTEXT_EXCEEDED"));
    await assert.rejects(engine.logits(Int32Array.of(8192)), hasCode("TOKEN_OUT_OF_RANGE"));
  });
});
