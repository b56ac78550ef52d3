import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { openTokenizer } from "../../dist/native/tokenizer.js";
import { hasCode, medtiny, stories, tokenizer } from "./support.js";

const plain = { addSpecial: false, parseSpecial: false };

// Expectations computed with llama.cpp's own tokenizer through node-llama-cpp.
const medtinyCases: Array<[string, number[]]> = [
  ["hello world", [857, 306, 2988]],
  ["Does aspirin reduce the risk of stroke?", [5862, 6029, 1891, 270, 728, 282, 2285, 8169]],
  ["The patient was given 5 mg.", [321, 420, 406, 2038, 8115, 8160, 1556, 8136]],
  ["日本 é 😀", [8115, 235, 156, 170, 235, 161, 177, 8115, 200, 174, 8115, 245, 164, 157, 133]],
  ["  two  spaces\n", [8115, 8115, 954, 8115, 7087, 15]],
  ["a\0b", [262, 5, 8134]],
];

describe("tokenizer of medtiny", () => {
  it("tells what the vocabulary holds", () => {
    assert.equal(tokenizer.vocabSize, 8192);
    assert.equal(tokenizer.bosToken, 1);
    assert.equal(tokenizer.eosToken, 4);
    assert.equal(tokenizer.eotToken, 4);
    assert.equal(tokenizer.addBos, true);
    assert.equal(tokenizer.addEos, false);
    assert.equal(tokenizer.type, "spm");
    assert.match(tokenizer.chatTemplate ?? "", /<\|im_start\|>/);
  });

  for (const [text, tokens] of medtinyCases)
    it(`tokenizes ${JSON.stringify(text)} as llama.cpp does, and back`, () => {
      assert.deepEqual([...tokenizer.tokenize(text, plain)], tokens);
      assert.equal(tokenizer.detokenize(Int32Array.from(tokens)), text);
    });

  it("reads special tokens only when asked to", () => {
    const text = "<|im_start|>user\nHi<|im_end|>\n";
    const parsed = tokenizer.tokenize(text, { addSpecial: false, parseSpecial: true });
    assert.deepEqual([...parsed], [3, 493, 272, 15, 8151, 8120, 4, 8115, 15]);
    const forged = tokenizer.tokenize(text, plain);
    assert.ok(!forged.includes(3) && !forged.includes(4));
    assert.equal(tokenizer.detokenize(forged), text);
  });

  it("adds BOS when asked to, also to an empty text", () => {
    assert.deepEqual([...tokenizer.tokenize("", { addSpecial: true, parseSpecial: false })], [1]);
    assert.deepEqual([...tokenizer.tokenize("", plain)], []);
    assert.equal(tokenizer.detokenize(new Int32Array()), "");
  });

  it("renders special tokens only when asked to", () => {
    assert.equal(tokenizer.detokenize(Int32Array.of(1, 3, 4)), "");
    assert.equal(tokenizer.detokenize(Int32Array.of(3, 4), { special: true }), "<|im_start|><|im_end|>");
    assert.equal(tokenizer.piece(4), "<|im_end|>");
    assert.equal(tokenizer.piece(857), " hel");
  });

  it("takes a megabyte of text without losing any", () => {
    const text = "The patient denies chest pain. 日本\n".repeat(28_000);
    const tokens = tokenizer.tokenize(text, plain);
    assert.equal(tokenizer.detokenize(tokens), text);
  });

  it("refuses ids outside the vocabulary", () => {
    for (const token of [-1, 8192, 2 ** 31 - 1, -(2 ** 31)]) {
      assert.throws(() => tokenizer.piece(token), hasCode("TOKEN_OUT_OF_RANGE"));
      assert.throws(() => tokenizer.detokenize(Int32Array.of(5, token)), hasCode("TOKEN_OUT_OF_RANGE"));
    }
    assert.throws(() => tokenizer.piece(1.5), hasCode("ARGUMENT_INVALID"));
    assert.throws(() => tokenizer.piece(2 ** 40), hasCode("ARGUMENT_INVALID"));
  });

  it("refuses what is no text or no token array", () => {
    assert.throws(() => tokenizer.tokenize(5 as unknown as string, plain), hasCode("ARGUMENT_INVALID"));
    assert.throws(() => tokenizer.detokenize([1] as unknown as Int32Array), hasCode("ARGUMENT_INVALID"));
  });

  it("replaces bytes that are no UTF-8", () => {
    assert.equal(tokenizer.detokenize(Int32Array.of(235)), "\uFFFD");
  });
});

describe("tokenizer of stories260K", { skip: existsSync(stories) ? false : "shared/data is not here" }, () => {
  it("is null where the file says 4294967295, and tokenizes", async () => {
    await using own = await openTokenizer(stories);
    assert.equal(own.vocabSize, 512);
    assert.equal(own.eotToken, null);
    assert.equal(own.chatTemplate, null);
    assert.deepEqual([...own.tokenize("hello world", plain)], [281, 306, 414, 263, 304, 341]);
    assert.deepEqual([...own.tokenize("a\0b", plain)], [261, 3, 430]);
  });
});

describe("openTokenizer", () => {
  const folder = mkdtempSync(join(tmpdir(), "medilora-"));
  after(() => rmSync(folder, { recursive: true }));

  it("names a missing file", async () => {
    await assert.rejects(openTokenizer(join(folder, "none.gguf")), hasCode("FILE_NOT_FOUND"));
  });

  it("refuses a folder", async () => {
    await assert.rejects(openTokenizer(folder), hasCode("FILE_READ"));
  });

  it("refuses garbage, and a model that is cut short anywhere", async () => {
    const whole = readFileSync(medtiny);
    const path = join(folder, "cut.gguf");
    writeFileSync(path, "GGUX and no more");
    await assert.rejects(openTokenizer(path), hasCode("MODEL_INVALID"));
    for (const size of [0, 3, 4, 20, 1000, 100_000, 400_000, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, size));
      await assert.rejects(openTokenizer(path), hasCode("MODEL_INVALID"), `${size} bytes`);
    }
  });

  it("throws DISPOSED after dispose, which may be repeated", async () => {
    const own = await openTokenizer(medtiny);
    own.dispose();
    own.dispose();
    assert.throws(() => own.tokenize("a", plain), hasCode("DISPOSED"));
    assert.throws(() => own.piece(1), hasCode("DISPOSED"));
    assert.equal(own.vocabSize, 8192);
  });
});
