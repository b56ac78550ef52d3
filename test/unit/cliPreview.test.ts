import assert from "node:assert/strict";
import { test } from "node:test";
import { previewSequences, renderSequence } from "../../dist/cli/previewText.js";
import { assembleBatch } from "../../dist/train/packing.js";

/** Token n is the letter at n; like a SentencePiece vocabulary, a leading blank of the whole text is dropped. */
const LETTERS = " abcdefghij";
const detokenize = (tokens: Int32Array) =>
  Array.from(tokens, (token) => LETTERS[token] ?? "?")
    .join("")
    .replace(/^ /, "");

function sample(tokens: number[], labelMask: number[]) {
  return { tokens: Int32Array.from(tokens), labelMask: Uint8Array.from(labelMask) };
}

test("tokens with loss are cut from those without, sequence by sequence", () => {
  const samples = [sample([1, 2, 0, 3, 4], [0, 0, 1, 1, 0]), sample([5, 6, 7], [1, 1, 1])];
  const batch = assembleBatch(samples, [[0], [1]]);
  assert.deepEqual(previewSequences(batch, detokenize), [
    {
      tokens: 5,
      labels: 2,
      segments: [
        { text: "ab", loss: false },
        { text: " c", loss: true },
        { text: "d", loss: false },
      ],
    },
    // The first token of a sequence has nothing before it, so it never carries loss.
    {
      tokens: 3,
      labels: 2,
      segments: [
        { text: "e", loss: false },
        { text: "fg", loss: true },
      ],
    },
  ]);
});

test("without colour, marks enclose exactly what carries loss", () => {
  const [sequence] = previewSequences(assembleBatch([sample([1, 2, 3], [0, 1, 0])], [[0]]), detokenize);
  assert.equal(renderSequence(sequence!, false), "a⟦b⟧c");
});

test("with colour, text is dim or green and there are no marks", () => {
  const [sequence] = previewSequences(assembleBatch([sample([1, 2], [0, 1])], [[0]]), detokenize);
  assert.equal(renderSequence(sequence!, true), "\x1b[2ma\x1b[0m\x1b[32mb\x1b[0m");
});

test("control characters of the data do not reach the terminal; newlines and tabs do", () => {
  const text = "a\x1b]0;title\x07\tb\nc\x7fd\u009b31m";
  const sequence = { tokens: 1, labels: 0, segments: [{ text, loss: false }] };
  assert.equal(renderSequence(sequence, false), "a␛]0;title␇\tb\nc␡d\ufffd31m");
});
