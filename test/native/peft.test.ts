import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { describe, it } from "node:test";
import { exportPeftAdapter } from "../../dist/adapter/exportPeft.js";
import { importPeftAdapter } from "../../dist/adapter/importPeft.js";
import { mergeAdapter } from "../../dist/adapter/merge.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { readGguf } from "../../dist/native/gguf.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { maxDifference, plainBatch, rejectsWith, repoFile, temporaryFolder } from "./helpers.js";
import { type Branch, HuggingFaceModel } from "./huggingFace.js";
import { type FileTensor, loraTensors, safetensors, type Type, writePeft } from "./peftFiles.js";

const temporary = await temporaryFolder();
const fixture = (name: string) => repoFile(`test/fixtures/gradients/${name}`);
const tokens = [3, 17, 25, 8, 41, 2, 30, 11, 29, 5, 44, 19];
const config = { peft_type: "LORA", task_type: "CAUSAL_LM", r: 4, lora_alpha: 8, target_modules: "all-linear" };

type Modules = ReadonlyArray<readonly [string, number, number, number]>;

/** All seven linear layers of some blocks, rank 4. */
function blockModules(layers: number, embd: number, q: number, kv: number, ff: number): Modules {
  return Array.from({ length: layers }, (_, i) => [
    [`model.layers.${i}.self_attn.q_proj`, embd, q, 4] as const,
    [`model.layers.${i}.self_attn.k_proj`, embd, kv, 4] as const,
    [`model.layers.${i}.self_attn.v_proj`, embd, kv, 4] as const,
    [`model.layers.${i}.self_attn.o_proj`, q, embd, 4] as const,
    [`model.layers.${i}.mlp.gate_proj`, embd, ff, 4] as const,
    [`model.layers.${i}.mlp.up_proj`, embd, ff, 4] as const,
    [`model.layers.${i}.mlp.down_proj`, ff, embd, 4] as const,
  ]).flat();
}

/** The branches as PEFT applies them, from what was written to the safetensors file. */
function branchesOf(tensors: Record<string, FileTensor>, scale: (module: string) => number): Map<string, Branch> {
  const names = Object.keys(tensors).filter((name) => name.includes("lora_A"));
  return new Map(
    names.map((name) => {
      const module = name.slice("base_model.model.".length, -".lora_A.weight".length);
      const [a, b] = [tensors[name]!, tensors[name.replace("lora_A", "lora_B")]!];
      return [module, { scale: scale(module), rank: a.shape[0]!, a: a.values, b: b.values }];
    }),
  );
}

async function llamaLogits(model: string, adapter?: string): Promise<Float32Array> {
  const exact = { kvType: "f32", flashAttention: "off", contextSize: 64, sequences: 1, threads: 1 } as const;
  const adapters = adapter === undefined ? [] : [{ path: adapter }];
  await using engine = await InferenceEngine.open({ ...exact, model, adapters, repackWeights: false });
  return await engine.logits(Int32Array.from(tokens));
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, limit: number, what: string): void {
  const difference = maxDifference(actual, expected);
  const largest = Math.max(...Array.from(expected, Math.abs));
  assert.ok(difference <= limit * largest, `${what}: ${difference} of ${largest}`);
}

const BASES: Record<string, Modules> = {
  // 2 heads of 12, one for keys and values; tied output.
  deep: blockModules(16, 24, 24, 12, 32),
  qwen2: blockModules(2, 32, 32, 16, 48),
  qwen3: blockModules(2, 32, 48, 12, 48),
};

describe("a PEFT adapter and its GGUF give the logits of W x + s B A x in Hugging Face's layout", () => {
  for (const [name, modules] of Object.entries(BASES))
    for (const type of ["F32", "F16", "BF16"] as Type[])
      it(`${name}, ${type}`, async () => {
        const base = fixture(`${name}-f32.gguf`);
        const tensors = loraTensors(modules, type);
        const folder = await writePeft(temporary(`${name}-${type}`), config, safetensors(tensors));
        const adapter = temporary(`${name}-${type}.gguf`);
        const result = await importPeftAdapter({ input: folder, base, output: adapter });
        assert.equal(result.bytes, (await stat(adapter)).size);
        assert.deepEqual([result.modules, result.alpha, result.ranks], [modules.length, 8, [4, 4]]);
        const model = await HuggingFaceModel.open(base);
        const plain = model.logits(tokens);
        const expected = model.logits(
          tokens,
          branchesOf(tensors, () => 2),
        );
        assert.ok(maxDifference(plain, expected) > 0.1, "the adapter must change something");
        assertClose(await llamaLogits(base), plain, 1e-4, "without adapter");
        // llama.cpp rounds what it multiplies 16-bit weights with; the merge does not.
        const limit = { F32: 1e-4, F16: 2e-2, BF16: 2e-1 }[type];
        assertClose(await llamaLogits(base, adapter), expected, limit, "with adapter");
        const merged = temporary(`${name}-${type}-merged.gguf`);
        await mergeAdapter({ base, adapter, output: merged });
        assertClose(await llamaLogits(merged), expected, 1e-4, "merged");
      });

  it("an adapter of the output layer, where that is no token embedding", async () => {
    const [base, adapter] = [temporary("untied.gguf"), temporary("head.gguf")];
    const shape = { embeddingLength: 32, layers: 1, heads: 4, kvHeads: 2, feedForwardLength: 48, contextLength: 64 };
    const tokenizer = repoFile("assets/medtiny-f16.gguf");
    await using trainer = await NativeTrainer.open({ fresh: { ...shape, tiedOutput: false }, tokenizer, threads: 1 });
    await trainer.saveWeights(base);
    const tensors = loraTensors([["lm_head", 32, 8192, 3]], "F32");
    const head = { ...config, r: 3, target_modules: ["lm_head"] };
    const folder = await writePeft(temporary("head"), head, safetensors(tensors));
    await importPeftAdapter({ input: folder, base, output: adapter });
    const expected = (await HuggingFaceModel.open(base)).logits(
      tokens,
      branchesOf(tensors, () => 8 / 3),
    );
    assertClose(await llamaLogits(base, adapter), expected, 1e-4, "with adapter");
    const merged = temporary("head-merged.gguf");
    await mergeAdapter({ base, adapter, output: merged });
    assertClose(await llamaLogits(merged), expected, 1e-4, "merged");
    const tied = fixture("deep-f32.gguf");
    await rejectsWith("ADAPTER_MISMATCH", importPeftAdapter({ input: folder, base: tied, output: adapter }), /lm_head/);
  });
});

describe("scales", () => {
  const base = fixture("qwen2-f32.gguf");
  const q0 = "model.layers.0.self_attn.q_proj";
  const cases: Array<{
    name: string;
    more: object;
    ranks?: Record<string, number>;
    scale: (module: string) => number;
  }> = [
    { name: "rslora", more: { use_rslora: true }, scale: () => 8 / 2 },
    {
      name: "rank_pattern by an end of the name",
      more: { rank_pattern: { q_proj: 2 } },
      ranks: { q_proj: 2 },
      scale: (module) => 8 / (module.endsWith("q_proj") ? 2 : 4),
    },
    {
      name: "rank_pattern and rslora, where B takes up a factor",
      more: { rank_pattern: { "layers\\.0\\..*_proj": 2 }, use_rslora: true },
      ranks: { "layers.0.": 2 },
      scale: (module) => 8 / Math.sqrt(module.includes("layers.0.") ? 2 : 4),
    },
    {
      name: "alpha_pattern by a regular expression; the first key that matches counts",
      more: { alpha_pattern: { "self_attn\\.(q|k)_proj": 32, q_proj: 1, "^model.layers.1.mlp.up_proj": -3 } },
      scale: (module) => (/[qk]_proj$/.test(module) ? 32 : module === "model.layers.1.mlp.up_proj" ? -3 : 8) / 4,
    },
    {
      name: "a key matches whole parts of a name only",
      more: { alpha_pattern: { proj: 100, "attn.q_proj": 100, [q0]: 1 } },
      scale: (module) => (module === q0 ? 1 : 8) / 4,
    },
  ];
  for (const { name, more, ranks = {}, scale } of cases)
    it(name, async () => {
      const modules = BASES.qwen2!.map(([module, inputs, outputs, rank]) => {
        const own = Object.entries(ranks).find(([part]) => module.includes(part))?.[1] ?? rank;
        return [module, inputs, outputs, own] as const;
      });
      const tensors = loraTensors(modules, "F32");
      const folder = await writePeft(temporary(`scale ${name}`), { ...config, ...more }, safetensors(tensors));
      const adapter = temporary(`${name}.gguf`);
      await importPeftAdapter({ input: folder, base, output: adapter });
      const expected = (await HuggingFaceModel.open(base)).logits(tokens, branchesOf(tensors, scale));
      assertClose(await llamaLogits(base, adapter), expected, 1e-4, name);
      await using trainer = await NativeTrainer.open({ model: base, adapter, threads: 1 });
      assertClose(await trainer.logits(plainBatch(tokens)), expected, 1e-4, "trainer");
    });

  it("a factor widens B of 16 bits to float32, and A stays", async () => {
    const tensors = loraTensors(BASES.qwen2!, "BF16");
    const more = { alpha_pattern: { [q0]: 3 } };
    const folder = await writePeft(temporary("widened"), { ...config, ...more }, safetensors(tensors));
    const adapter = temporary("widened.gguf");
    await importPeftAdapter({ input: folder, base, output: adapter });
    const types = new Map((await readGguf(adapter)).tensors.map(({ name, type }) => [name, type]));
    assert.equal(types.get("blk.0.attn_q.weight.lora_b"), "f32");
    assert.equal(types.get("blk.0.attn_q.weight.lora_a"), "bf16");
    assert.equal(types.get("blk.1.attn_q.weight.lora_b"), "bf16");
    const expected = (await HuggingFaceModel.open(base)).logits(
      tokens,
      branchesOf(tensors, (module) => (module === q0 ? 3 : 8) / 4),
    );
    assertClose(await llamaLogits(base, adapter), expected, 5e-2, "BF16");
  });
});

describe("round trips", () => {
  for (const type of ["F32", "F16", "BF16"] as Type[])
    it(`PEFT to GGUF to PEFT: every tensor byte for byte, ${type}`, async () => {
      const base = fixture("deep-f32.gguf");
      const ranks = BASES.deep!.map(([m, i, o], n) => [m, i, o, n % 3 === 0 ? 6 : 4] as const);
      const pattern = Object.fromEntries(ranks.filter((x) => x[3] === 6).map((x) => [x[0], 6]));
      const tensors = loraTensors(ranks, type);
      const source = { ...config, rank_pattern: pattern, base_model_name_or_path: "some/model" };
      const folder = await writePeft(temporary(`round-${type}`), source, safetensors(tensors));
      const adapter = temporary(`round-${type}.gguf`);
      await importPeftAdapter({ input: folder, base, output: adapter });
      const output = temporary(`round-${type}-out`);
      await exportPeftAdapter({ input: adapter, base, output });
      const [before, after] = [safetensors(tensors), await readFile(`${output}/adapter_model.safetensors`)];
      assert.deepEqual(contents(after), contents(before));
      const written = JSON.parse(await readFile(`${output}/adapter_config.json`, "utf8"));
      assert.deepEqual(
        [written.peft_type, written.task_type, written.r, written.lora_alpha, written.use_rslora, written.bias],
        ["LORA", "CAUSAL_LM", 4, 8, false, "none"],
      );
      assert.equal(written.base_model_name_or_path, "some/model");
      assert.deepEqual(written.target_modules, [
        "down_proj",
        "gate_proj",
        "k_proj",
        "o_proj",
        "q_proj",
        "up_proj",
        "v_proj",
      ]);
      assert.equal(Object.keys(written.rank_pattern).length, Object.keys(pattern).length);
      assert.equal((await stat(`${output}/adapter_model.safetensors`)).mode & 0o777, 0o600);
    });

  it("no B is widened for an alpha that alpha / r * r misses by a bit", async () => {
    // 49 * (16 / 49) is 16 - 2^-49.
    const ranks = BASES.qwen2!.map(([m, i, o], n) => [m, i, o, n === 0 ? 49 : 4] as const);
    const tensors = loraTensors(ranks, "BF16");
    const source = { ...config, lora_alpha: 16, rank_pattern: { [ranks[0]![0]]: 49 } };
    const folder = await writePeft(temporary("rank-49"), source, safetensors(tensors));
    const [base, adapter, output] = [fixture("qwen2-f32.gguf"), temporary("rank-49.gguf"), temporary("rank-49-out")];
    await importPeftAdapter({ input: folder, base, output: adapter });
    await exportPeftAdapter({ input: adapter, base, output });
    assert.deepEqual(contents(await readFile(`${output}/adapter_model.safetensors`)), contents(safetensors(tensors)));
  });

  it("GGUF to PEFT to GGUF: the same file", async () => {
    for (const name of ["deep", "odd", "qwen2", "qwen3"]) {
      const base = fixture(`${name}-f32.gguf`);
      const adapter = temporary(`trained-${name}.gguf`);
      await using trainer = await NativeTrainer.open({ model: base, adapter: fixture(`${name}-all.gguf`), threads: 1 });
      await trainer.saveWeights(adapter, { "medilora.version": "1", "medilora.data_sha256": "ab" });
      const [folder, again] = [temporary(`${name}-peft`), temporary(`${name}-again.gguf`)];
      await exportPeftAdapter({ input: adapter, base, output: folder });
      await importPeftAdapter({ input: folder, base, output: again });
      assert.deepEqual(await readFile(again), await readFile(adapter), name);
    }
  });

  it("names single modules where not all of a name are adapted", async () => {
    const base = fixture("qwen2-f32.gguf");
    const adapter = temporary("single.gguf");
    const lora = { rank: 2, alpha: 4, modules: ["attn_q"] as const, seed: 1 };
    await using trainer = await NativeTrainer.open({ model: base, lora, layers: 1, threads: 1 });
    await trainer.saveWeights(adapter);
    await exportPeftAdapter({ input: adapter, base, output: temporary("single"), baseModel: "org/name" });
    const written = JSON.parse(await readFile(temporary("single/adapter_config.json"), "utf8"));
    assert.deepEqual(written.target_modules, ["model.layers.0.self_attn.q_proj"]);
    assert.equal(written.base_model_name_or_path, "org/name");
  });

  it("refuses an adapter of another base, a base for an adapter, and outputs that are inputs", async () => {
    const [base, adapter] = [fixture("qwen2-f32.gguf"), fixture("qwen2-all.gguf")];
    const output = temporary("refused");
    await rejectsWith(
      "ADAPTER_MISMATCH",
      exportPeftAdapter({ input: adapter, base: fixture("qwen3-f32.gguf"), output }),
    );
    await rejectsWith(
      "ADAPTER_MISMATCH",
      exportPeftAdapter({ input: fixture("odd-all.gguf"), base: fixture("deep-f32.gguf"), output }),
    );
    await rejectsWith("ADAPTER_INVALID", exportPeftAdapter({ input: base, base, output }));
    const folder = await writePeft(temporary("same"), config, safetensors(loraTensors(BASES.qwen2!, "F32")));
    for (const target of [`${folder}/adapter_model.safetensors`, `${folder}/adapter_config.json`, base])
      await rejectsWith(
        "ARGUMENT_INVALID",
        importPeftAdapter({ input: folder, base, output: target }),
        /one of the inputs/,
      );
  });

  it("stops on request, leaving no file", async () => {
    const base = fixture("deep-f32.gguf");
    const controller = new AbortController();
    const output = temporary("stopped");
    const onProgress = () => controller.abort();
    const call = exportPeftAdapter({
      input: fixture("deep-all.gguf"),
      base,
      output,
      signal: controller.signal,
      onProgress,
    });
    await rejectsWith("ABORTED", call);
    assert.deepEqual(await readdir(output), []);
  });
});

/** Name, type, shape and bytes of every tensor, by name. */
function contents(file: Buffer): Record<string, unknown> {
  const length = Number(file.readBigUInt64LE());
  const { __metadata__: _, ...header } = JSON.parse(file.toString("utf8", 8, 8 + length));
  const data = file.subarray(8 + length);
  const names = Object.keys(header).sort();
  return Object.fromEntries(
    names.map((name) => {
      const { dtype, shape, data_offsets: offsets } = header[name];
      return [name, [dtype, shape, data.subarray(offsets[0], offsets[1]).toString("hex")]];
    }),
  );
}
