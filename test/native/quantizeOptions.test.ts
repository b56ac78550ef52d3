import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { readGguf } from "../../dist/native/gguf.js";
import { type QuantizeOptions, quantize } from "../../dist/quantize/quantize.js";
import { sha256File } from "../../dist/util/hash.js";
import { EditableGguf } from "./ggufEdit.js";
import { rejectsWith, repoFile, temporaryFolder } from "./helpers.js";
import { imatrixFile } from "./imatrixFile.js";
import { QuantizeReference, skipReference } from "./quantizeReference.js";

const temporary = await temporaryFolder();
const medtiny = repoFile("assets/medtiny-f16.gguf");
const imatrix = temporary("imatrix.gguf");

type Entries = Parameters<typeof imatrixFile>[0];

/** Importance of every matrix of medtiny's layers: some columns matter a thousand times as much as others. */
async function importance(): Promise<Entries> {
  const { tensors } = await readGguf(medtiny);
  const matrices = tensors.filter(({ name, shape }) => name.startsWith("blk.") && shape.length === 2);
  const sums = (columns: number) => Float32Array.from({ length: columns }, (_, i) => 10 ** ((i * 37) % 4));
  return Object.fromEntries(matrices.map(({ name, shape }) => [name, { sums: sums(shape[0]!), counts: [3584] }]));
}

async function types(path: string): Promise<Map<string, string>> {
  return new Map((await readGguf(path)).tensors.map(({ name, type }) => [name, type]));
}

const run = (options: Partial<QuantizeOptions>) =>
  quantize({ input: medtiny, output: temporary("out.gguf"), type: "Q4_0", ...options });

before(async () => {
  await writeFile(imatrix, imatrixFile(await importance()));
});

describe("quantize with an importance matrix and types of single tensors", () => {
  describe("is byte for byte what llama.cpp writes", { skip: skipReference }, () => {
    let reference: QuantizeReference;
    before(() => {
      reference = new QuantizeReference(temporary("quantize_reference"));
    });

    // llama_ftype numbers, from llama.h.
    for (const [type, ftype] of Object.entries({ Q3_K_L: 13, Q2_K_S: 21, Q4_0: 2 }))
      it(`${type} by importance`, async () => {
        await run({ type, imatrix, threads: 2 });
        reference.run(medtiny, temporary("theirs.gguf"), ftype, imatrix);
        assert.equal(await sha256File(temporary("out.gguf")), await sha256File(temporary("theirs.gguf")));
      });

    it("a type that cannot do without importance", async () => {
      await run({ imatrix, tensorTypes: [{ pattern: "attn_k", type: "IQ2_XXS" }], threads: 2 });
      reference.run(medtiny, temporary("theirs.gguf"), 2, imatrix, [["attn_k", 16]]);
      assert.equal(await sha256File(temporary("out.gguf")), await sha256File(temporary("theirs.gguf")));
    });

    // ggml_type numbers, from ggml.h.
    it("rules, of which the first that fits counts", async () => {
      const tensorTypes = [
        { pattern: "BLK\\.[0-2]\\.attn_v", type: "q8_0" },
        { pattern: "attn_v", type: "Q6_K" },
        { pattern: "ffn_down", type: "IQ4_NL" },
      ];
      await run({ tensorTypes });
      const rules: Array<[string, number]> = [
        ["blk\\.[0-2]\\.attn_v", 8],
        ["attn_v", 14],
        ["ffn_down", 20],
      ];
      reference.run(medtiny, temporary("theirs.gguf"), 2, "-", rules);
      assert.equal(await sha256File(temporary("out.gguf")), await sha256File(temporary("theirs.gguf")));
    });
  });

  it("writes the types asked for", async () => {
    await run({ tensorTypes: [{ pattern: "attn_v", type: "Q8_0" }], tokenEmbeddingType: "Q5_0" });
    const found = await types(temporary("out.gguf"));
    assert.equal(found.get("blk.5.attn_v.weight"), "q8_0");
    assert.equal(found.get("blk.5.attn_q.weight"), "q4_0");
    assert.equal(found.get("token_embd.weight"), "q5_0");
    await run({ type: "Q4_K_M", pure: true });
    for (const [name, type] of await types(temporary("out.gguf")))
      assert.equal(type, name.includes("norm") ? "f32" : "q4_K", name);
    // Tied embeddings take the output's type.
    await run({ outputTensorType: "Q8_0" });
    assert.equal((await types(temporary("out.gguf"))).get("token_embd.weight"), "q8_0");
  });

  it("importance changes the weights, and the file says where it is from", async () => {
    await run({ type: "Q4_K_S" });
    const plain = await readFile(temporary("out.gguf"));
    const { warnings } = await run({ type: "Q4_K_S", imatrix });
    assert.deepEqual(warnings, []);
    assert.notDeepEqual(await readFile(temporary("out.gguf")), plain);
    const { metadata } = await readGguf(temporary("out.gguf"));
    assert.equal(metadata["quantize.imatrix.file"], imatrix.slice(0, 127));
    assert.equal(metadata["quantize.imatrix.dataset"], "text.txt");
    assert.equal(metadata["quantize.imatrix.entries_count"], 42);
    assert.equal(metadata["quantize.imatrix.chunks_count"], 7);
  });

  it("a split model is read from its first part, and gives the file of the whole one", async () => {
    const [first, second] = new EditableGguf(await readFile(medtiny)).split(20);
    await writeFile(temporary("part-00001-of-00002.gguf"), first);
    await writeFile(temporary("part-00002-of-00002.gguf"), second);
    const output = temporary("of-parts.gguf");
    const tensorTypes = [{ pattern: "blk.5.ffn_up", type: "Q8_0" }];
    await run({ input: temporary("part-00001-of-00002.gguf"), output, imatrix, tensorTypes });
    await run({ imatrix, tensorTypes });
    assert.deepEqual(await types(output), await types(temporary("out.gguf")));
    assert.equal((await readFile(output)).length, (await readFile(temporary("out.gguf"))).length);
    await rejectsWith("MODEL_INVALID", run({ input: temporary("part-00002-of-00002.gguf"), output }));
  });

  it("refuses what llama.cpp would not look at, or end the process on", async () => {
    const rule = (pattern: string, type: string) => ({ tensorTypes: [{ pattern, type }] });
    const output = temporary("refused.gguf");
    const cases: Array<[Partial<QuantizeOptions>, Parameters<typeof rejectsWith>[0], RegExp]> = [
      [rule("attn_z", "Q8_0"), "ARGUMENT_INVALID", /No tensor .*attn_z/],
      [rule("(", "Q8_0"), "ARGUMENT_INVALID", /no regular expression/],
      [rule("", "Q8_0"), "ARGUMENT_INVALID", /1 to 256 characters/],
      [rule("attn_v", "Q8_K"), "TYPE_UNSUPPORTED", /Q8_0, Q6_K/],
      [rule("attn_v", "Q4_K_M"), "TYPE_UNSUPPORTED", /Q4_K/],
      [
        rule("attn_v", "IQ2_XS"),
        "QUANTIZE_FAILED",
        /blk\.0\.attn_v\.weight would be written as iq2_xs.*medilora imatrix/,
      ],
      [{ ...rule("token_embd", "IQ1_S"), imatrix }, "QUANTIZE_FAILED", /IQ1_S needs the importance of token_embd/],
      [{ tokenEmbeddingType: "IQ2_XXS" }, "QUANTIZE_FAILED", /IQ2_XXS needs the importance of token_embd/],
      [{ outputTensorType: "IQ2_XXS" }, "QUANTIZE_FAILED", /IQ2_XXS needs the importance of token_embd/],
      [{ type: "IQ2_XXS", pure: true, imatrix }, "QUANTIZE_FAILED", /IQ2_XXS needs the importance of token_embd/],
      [{ type: "F16", ...rule("attn_v", "Q8_0") }, "ARGUMENT_INVALID", /quantised main type/],
      [{ type: "F16", outputTensorType: "Q8_0" }, "ARGUMENT_INVALID", /no output\.weight/],
      [{ imatrix: medtiny }, "DATA_INVALID", /no importance matrix/],
      [{ imatrix: temporary("absent.gguf") }, "FILE_NOT_FOUND", /absent/],
    ];
    for (const [options, code, message] of cases) {
      await rejectsWith(code, run({ output, ...options }), message);
      assert.equal(existsSync(output), false);
    }
    await rejectsWith("ARGUMENT_INVALID", run({ imatrix, output: imatrix }), /the input file/);
  });

  it("refuses an embedding type that its rows do not fit", async () => {
    const input = repoFile("test/fixtures/gradients/deep-f32.gguf");
    const { tensors } = await readGguf(input);
    const columns = tensors.find(({ name }) => name === "token_embd.weight")!.shape[0]!;
    assert.notEqual(columns % 256, 0);
    const wanted = new RegExp(`token_embd\\.weight have ${columns} weights.*256 for Q4_K`);
    await rejectsWith("QUANTIZE_FAILED", run({ input, tokenEmbeddingType: "Q4_K" }), wanted);
  });

  it("refuses the matrix of another model, and one of impossible numbers", async () => {
    const entries = await importance();
    const bad = temporary("bad.gguf");
    const refuse = async (changes: Entries, code: Parameters<typeof rejectsWith>[0], message: RegExp) => {
      await writeFile(bad, imatrixFile({ ...entries, ...changes }));
      await rejectsWith(code, run({ imatrix: bad }), message);
    };
    const columns = (value: number, length = 256) => ({ sums: new Float32Array(length).fill(value), counts: [1] });
    const name = "blk.0.attn_q.weight";
    await refuse({ "blk.6.attn_q.weight": columns(1) }, "QUANTIZE_FAILED", /another model.*no blk\.6\.attn_q/);
    await refuse({ [name]: columns(1, 512) }, "QUANTIZE_FAILED", /another model.*blk\.0\.attn_q.* 512 columns/);
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e21])
      await refuse({ [name]: columns(value) }, "DATA_INVALID", /blk\.0\.attn_q.*negative, not finite or too large/);
    await refuse({ [name]: { ...columns(1), counts: [-1] } }, "DATA_INVALID", /no count/);
    const bytes = imatrixFile(entries);
    await writeFile(bad, bytes.subarray(0, bytes.length - 4000));
    await rejectsWith("DATA_INVALID", run({ imatrix: bad }), /ends inside/);
  });

  it("warns of tensors that the matrix leaves out, and names one that needs it", async () => {
    const { "blk.2.ffn_up.weight": _, ...entries } = await importance();
    const partial = temporary("partial.gguf");
    await writeFile(partial, imatrixFile(entries));
    const { warnings } = await run({ imatrix: partial });
    assert.deepEqual(warnings, ["the importance matrix says nothing of 1 quantised tensors."]);
    const failed = run({ imatrix: partial, type: "IQ2_XXS" });
    await rejectsWith("QUANTIZE_FAILED", failed, /says nothing of blk\.2\.ffn_up\.weight, which IQ2_XXS cannot/);
  });
});
