import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { exportPeftAdapter } from "../../dist/adapter/exportPeft.js";
import { importPeftAdapter } from "../../dist/adapter/importPeft.js";
import type { ErrorCode } from "../../dist/errors.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { runCli } from "../unit/helpers/cli.js";
import { gguf } from "./gguf.js";
import { rejectsWith, repoFile, temporaryFolder } from "./helpers.js";
import { type FileTensor, loraTensors, randomTensor, safetensors, writePeft } from "./peftFiles.js";

const temporary = await temporaryFolder();
const base = repoFile("test/fixtures/gradients/qwen2-f32.gguf");
const config = { peft_type: "LORA", r: 4, lora_alpha: 8, target_modules: "all-linear" };
const q0 = "model.layers.0.self_attn.q_proj";
const good = loraTensors([[q0, 32, 32, 4]], "F32");
const [nameA, nameB] = Object.keys(good) as [string, string];

let number = 0;

async function refused(tensors: Record<string, FileTensor>, message: RegExp, code: ErrorCode = "ADAPTER_INVALID") {
  const folder = await writePeft(temporary(`peft-${number++}`), config, safetensors(tensors));
  const output = temporary("refused.gguf");
  await rejectsWith(code, importPeftAdapter({ input: folder, base, output }), message);
  assert.equal(existsSync(output), false);
}

describe("a PEFT adapter is refused, and no file written", () => {
  it("for tensors that GGUF cannot carry, by name", async () => {
    const more = (name: string) => ({ ...good, [name]: randomTensor("F32", [3, 32], 9) });
    await refused(more("base_model.model.score.weight"), /"base_model\.model\.score\.weight".*classifier/);
    await refused(more("base_model.model.score.modules_to_save.weight"), /classifier/);
    await refused(more("base_model.model.model.embed_tokens.lora_embedding_A"), /lora_embedding/);
    await refused(more(`base_model.model.${q0}.lora_magnitude_vector`), /DoRA/);
    await refused(more(`base_model.model.${q0}.bias`), /biases/);
    await refused(more("base_model.model.model.embed_tokens.weight"), /save_embedding_layers/);
    await refused(more("base_model.model.model.norm.weight"), /no part of a LoRA/);
    await refused(more(`base_model.model.${q0}.lora_E`), /no part of a LoRA/);
    await refused(more(nameA.replace(".weight", ".default.weight")), /no part of a LoRA/);
    await refused(more(nameA.replace("layers.0", "layers.7")), /layers\.7/, "ADAPTER_MISMATCH");
    await refused(more(nameA.replace("q_proj", "experts.0.w1")), /no such linear layer/, "ADAPTER_MISMATCH");
    await refused(more(nameA.replace("layers.0", "layers.00")), /layers\.00/, "ADAPTER_MISMATCH");
  });

  it("for halves that are missing or do not fit", async () => {
    const a = good[nameA]!;
    await refused({}, /no tensors/);
    await refused({ [nameA]: a }, /only one of A and B/);
    const withB = (shape: number[]) => ({ [nameA]: a, [nameB]: randomTensor("F32", shape, 1) });
    await refused(withB([32, 3]), /one rank/);
    await refused(withB([4, 32]), /one rank/);
    await refused(withB([128]), /one rank/);
    await refused(withB([32, 4, 1]), /one rank/);
    await refused(withB([16, 4]), /32 to 16 values.*32 to 32/, "ADAPTER_MISMATCH");
    await refused(
      { [nameA]: { ...a, shape: [0, 32], values: [] }, [nameB]: { ...a, shape: [32, 0], values: [] } },
      /one rank/,
    );
    await refused(loraTensors([[q0, 32, 32, 2]], "F32"), /has rank 2, but adapter_config\.json says 4/);
  });

  it("for numbers that are not finite", async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
      for (const name of [nameA, nameB]) {
        const values = good[name]!.values.with(5, bad);
        await refused({ ...good, [name]: { ...good[name]!, values } }, /NaN or infinity/);
      }
  });

  it("where its file is cut at any place", async () => {
    const whole = safetensors(good);
    for (const end of [0, 8, 60, whole.length - 500, whole.length - 1]) {
      const folder = await writePeft(temporary("cut"), config, whole.subarray(0, end));
      await rejectsWith("ADAPTER_INVALID", importPeftAdapter({ input: folder, base, output: temporary("cut.gguf") }));
    }
  });

  it("for a layer outside layers_to_transform", async () => {
    const folder = await writePeft(temporary("layers"), { ...config, layers_to_transform: [1] }, safetensors(good));
    const call = importPeftAdapter({ input: folder, base, output: temporary("layers.gguf") });
    await rejectsWith("ADAPTER_INVALID", call, /layers\.0\.self_attn\.q_proj.*layers_to_transform/);
  });

  it("as a pickle, with the way to convert it", async () => {
    const folder = await writePeft(temporary("pickle"), config, safetensors(good));
    await rm(`${folder}/adapter_model.safetensors`);
    const call = () => importPeftAdapter({ input: folder, base, output: temporary("pickle.gguf") });
    await rejectsWith("FILE_NOT_FOUND", call(), /safetensors/);
    await writeFile(`${folder}/adapter_model.bin`, "x");
    await rejectsWith("ADAPTER_INVALID", call(), /pickle.*save_pretrained/);
  });

  it("for a base of another kind", async () => {
    const folder = await writePeft(temporary("gemma"), config, safetensors(good));
    const other = temporary("gemma.gguf");
    const values = new Float32Array(4);
    await writeFile(other, gguf({ "general.architecture": "gemma3" }, [{ name: "x.weight", shape: [4], values }]));
    const output = temporary("gemma-out.gguf");
    await rejectsWith("ARCHITECTURE_UNSUPPORTED", importPeftAdapter({ input: folder, base: other, output }), /qwen2/);
    await rejectsWith("FILE_NOT_FOUND", importPeftAdapter({ input: folder, base: temporary("no"), output }));
    await rejectsWith("ARGUMENT_INVALID", importPeftAdapter({ input: folder, base } as never), /output/);
  });
});

describe("a GGUF adapter is not exported", () => {
  const header = { "general.type": "adapter", "general.architecture": "qwen2", "adapter.type": "lora" };
  const tensor = (name: string, shape: number[], value = 0.5) => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
  });
  const pair = [tensor("blk.0.attn_q.weight.lora_a", [32, 2]), tensor("blk.0.attn_q.weight.lora_b", [2, 32])];

  async function notExported(
    metadata: Record<string, string | number>,
    tensors: typeof pair,
    code: ErrorCode,
    message: RegExp,
  ) {
    const input = temporary("bad.gguf");
    await writeFile(input, gguf({ ...header, ...metadata }, tensors));
    const output = temporary("bad-out");
    await rejectsWith(code, exportPeftAdapter({ input, base, output }), message);
    assert.deepEqual(await readdir(output).catch(() => []), []);
  }

  it("when it is malformed or has what PEFT lacks", async () => {
    const alpha = { "adapter.lora.alpha": 4 };
    await notExported({}, pair, "ADAPTER_INVALID", /alpha/);
    await notExported({ "adapter.lora.alpha": Number.NaN }, pair, "ADAPTER_INVALID", /alpha/);
    await notExported({ ...alpha, "adapter.type": "control" }, pair, "ADAPTER_INVALID", /no LoRA/);
    await notExported({ ...alpha, "general.architecture": "llama" }, pair, "ADAPTER_MISMATCH", /architecture/);
    await notExported(alpha, pair.slice(0, 1), "ADAPTER_INVALID", /only one of/);
    await notExported(alpha, [...pair, tensor("blk.0.attn_norm.weight", [32])], "ADAPTER_INVALID", /no part of a LoRA/);
    const embedding = [tensor("token_embd.weight.lora_a", [2, 61]), tensor("token_embd.weight.lora_b", [2, 32])];
    await notExported(alpha, embedding, "ADAPTER_MISMATCH", /token_embd/);
    await notExported(alpha, [pair[0]!, tensor(pair[1]!.name, [3, 32])], "ADAPTER_INVALID", /one rank/);
    await notExported(alpha, [pair[0]!, tensor(pair[1]!.name, [2, 16])], "ADAPTER_MISMATCH", /another shape/);
    await notExported(alpha, [pair[0]!, tensor(pair[1]!.name, [2, 32], Number.NaN)], "ADAPTER_INVALID", /NaN/);
  });

  it("but an alpha of 0 is a scale of 1", async () => {
    const input = temporary("zero.gguf");
    await writeFile(input, gguf({ ...header, "adapter.lora.alpha": 0 }, pair));
    await exportPeftAdapter({ input, base, output: temporary("zero") });
    await importPeftAdapter({ input: temporary("zero"), base, output: temporary("zero-again.gguf") });
    const { alpha, ranks } = await exportPeftAdapter({
      input: temporary("zero-again.gguf"),
      base,
      output: temporary("zero"),
    });
    assert.deepEqual([alpha, ranks], [2, [2, 2]]);
  });
});

it("an adapter of a token embedding that is the output layer too is refused, not left to an assertion", async () => {
  const half = (name: string, shape: [number, number]) => ({
    name,
    shape,
    values: new Float32Array(shape[0] * shape[1]),
  });
  const metadata = { "general.type": "adapter", "general.architecture": "qwen2", "adapter.type": "lora" };
  const path = temporary("embedding.gguf");
  const tensors = [half("token_embd.weight.lora_a", [2, 61]), half("token_embd.weight.lora_b", [2, 32])];
  await writeFile(path, gguf({ ...metadata, "adapter.lora.alpha": 4 }, tensors));
  const open = InferenceEngine.open({ model: base, adapters: [{ path }], contextSize: 64, sequences: 1, threads: 1 });
  await rejectsWith("ADAPTER_MISMATCH", open, /output layer/);
});

describe("medilora adapter", () => {
  it("imports and exports, with one JSON document or one line", async () => {
    const folder = await writePeft(temporary("cli"), config, safetensors(good));
    const adapter = temporary("cli.gguf");
    const imported = await runCli(["adapter", "import", folder, "--base", base, "--output", adapter, "--json"]);
    assert.equal(imported.code, 0, imported.stderr);
    const { output, modules, alpha, ranks } = JSON.parse(imported.stdout);
    assert.deepEqual([output, modules, alpha, ranks], [adapter, 1, 8, [4, 4]]);
    const back = temporary("cli-back");
    const exported = await runCli([
      "adapter",
      "export",
      adapter,
      "--base",
      base,
      "--output",
      back,
      "--base-model",
      "a/b",
    ]);
    assert.equal(exported.code, 0, exported.stderr);
    assert.match(exported.stdout, /^\S+cli-back: \S+ \S+, 1 layers adapted, rank 4, alpha 8\n$/);
    assert.match(exported.stderr, /100% {2}2\/2 tensors/);
    assert.deepEqual((await readdir(back)).sort(), ["adapter_config.json", "adapter_model.safetensors"]);
  });

  it("fails with 1 for a file, 2 for a wrong command line", async () => {
    await mkdir(temporary("empty"));
    const missing = await runCli(["adapter", "import", temporary("empty"), "--base", base, "--output", temporary("x")]);
    assert.deepEqual([missing.code, missing.stdout], [1, ""]);
    assert.match(missing.stderr, /adapter_config\.json does not exist.*\[FILE_NOT_FOUND\]/);
    assert.equal((await runCli(["adapter", "import", temporary("empty"), "--output", "x"])).code, 2);
    assert.equal((await runCli(["adapter"])).code, 2);
  });
});
