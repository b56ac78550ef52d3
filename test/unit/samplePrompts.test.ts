import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tokenizer } from "../../dist/chat/tokenizeRow.js";
import { samplePrompts } from "../../dist/train/samplePrompts.js";

// Token 1 is <|im_start|>, 2 <|im_end|>; every other character is its code.
const tokenizer: Tokenizer = {
  bosToken: 0,
  eosToken: null,
  addBos: true,
  addEos: false,
  vocabSize: 256,
  tokenize: (text) =>
    text === "<|im_start|>"
      ? Int32Array.of(1)
      : text === "<|im_end|>"
        ? Int32Array.of(2)
        : Int32Array.from(Buffer.from(text)),
};
const header = [1, ...Buffer.from("assistant\n")];

const sample = (tokens: number[], first: number, end = tokens.length) => ({
  tokens: Int32Array.from(tokens),
  labelMask: Uint8Array.from(tokens, (_, i) => (i >= first && i < end ? 1 : 0)),
});
const cut = (...train: ReturnType<typeof sample>[]) =>
  samplePrompts(tokenizer, { train, validation: [], sha256: "" }, 10).map(({ prompt, reference }) => [
    [...prompt],
    [...reference],
  ]);

test("a conversation is cut behind the header of its first answer, labelled or not", () => {
  const question = [0, 1, 50, 51, 2, 10];
  const answer = [60, 61, 2, 10];
  const whole = [...question, ...header, ...answer, 70, 71];
  const end = whole.length - 2;
  const expected = [[...question, ...header], answer];
  assert.deepEqual(cut(sample(whole, question.length, end)), [expected], "label_span: turn");
  assert.deepEqual(cut(sample(whole, question.length + header.length, end)), [expected], "label_span: content");
});

test("a text is cut after its half, at 64 tokens at most", () => {
  const text = (length: number) => Array.from({ length }, (_, i) => 100 + (i % 50));
  const [short, long] = cut(sample(text(11), 0), sample(text(500), 0));
  assert.deepEqual([short![0]!.length, short![1]!.length], [5, 6]);
  assert.deepEqual([long![0]!.length, long![1]!.length], [64, 436]);
});

test("what has nothing to go on with, or nothing to go on from, is passed over", () => {
  assert.deepEqual(cut(sample([5, 6], 2), sample([5], 0)), []);
});

test("held-out samples go before those that are trained on, in their order and no more than asked for", () => {
  const [a, b, c] = [5, 6, 7].map((token) => sample([token, 9, 9, 9], 0));
  const chosen = samplePrompts(tokenizer, { train: [a!], validation: [b!, c!], sha256: "" }, 1);
  assert.deepEqual(
    chosen.map(({ prompt, heldOut }) => [prompt[0], heldOut]),
    [[6, true]],
  );
});
