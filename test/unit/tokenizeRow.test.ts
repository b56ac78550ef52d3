import assert from "node:assert/strict";
import { test } from "node:test";
import { type Tokenizer, tokenizeChatRow, tokenizeCompletionRow } from "../../dist/chat/tokenizeRow.js";
import type { ChatRow } from "../../dist/data/rows.js";

const BOS = 256;
const START = 257;
const END = 258;
const NEWLINES = 259;
const SPECIAL = new Map([
  ["<s>", BOS],
  ["<|im_start|>", START],
  ["<|im_end|>", END],
]);

/** One token a UTF-8 byte, but two newlines are one token, so that a token can straddle the edge of a span. */
function plain(text: string): number[] {
  const tokens: number[] = [];
  for (const byte of Buffer.from(text)) {
    if (byte === 10 && tokens.at(-1) === 10) tokens[tokens.length - 1] = NEWLINES;
    else tokens.push(byte);
  }
  return tokens;
}

function byteTokenizer(changes: Partial<Tokenizer> = {}): Tokenizer {
  return {
    bosToken: BOS,
    eosToken: END,
    addBos: true,
    addEos: false,
    vocabSize: 260,
    tokenize(text, { addSpecial, parseSpecial }) {
      assert.equal(addSpecial, false, "special tokens are placed by the caller");
      if (!parseSpecial) return Int32Array.from(plain(text));
      const parts = text.split(/(<s>|<\|im_start\|>|<\|im_end\|>)/);
      return Int32Array.from(parts.flatMap((part) => SPECIAL.get(part) ?? plain(part)));
    },
    ...changes,
  };
}

const row: ChatRow = {
  id: "r",
  messages: [
    { role: "user", content: "q" },
    { role: "assistant", content: "é" },
    { role: "user", content: "v" },
    { role: "assistant", content: "b" },
  ],
};

/** Tokens of the row: each turn is START, role, newline, content, END, newline. */
const turn = (role: string, content: string) => [START, ...plain(`${role}\n${content}`), END, 10];
const body = [...turn("user", "q"), ...turn("assistant", "é"), ...turn("user", "v"), ...turn("assistant", "b")];

const zeros = (count: number) => Array<number>(count).fill(0);
const ones = (count: number) => Array<number>(count).fill(1);

test("turn: the assistant's whole turns are labelled, BOS and the rest are not", () => {
  const { tokens, labelMask } = tokenizeChatRow(byteTokenizer(), row, { labelSpan: "turn" });
  assert.deepEqual([...tokens], [BOS, ...body]);
  // A user turn: START, 4, newline, 1, END, newline = 9. An assistant turn: START, 9, newline, 2 or 1, END, newline.
  assert.deepEqual([...labelMask], [...zeros(1 + 9), ...ones(15), ...zeros(9), ...ones(14)]);
});

test("content: the text and its end marker are labelled", () => {
  const { labelMask } = tokenizeChatRow(byteTokenizer(), row, { labelSpan: "content" });
  const header = 11;
  assert.deepEqual([...labelMask], [...zeros(1 + 9 + header), ...ones(3), ...zeros(1 + 9 + header), ...ones(2), 0]);
});

test("without addBos, or without such a token, there is no BOS", () => {
  for (const changes of [{ addBos: false }, { bosToken: null }]) {
    const { tokens, labelMask } = tokenizeChatRow(byteTokenizer(changes), row, { labelSpan: "turn" });
    assert.deepEqual([...tokens], body);
    assert.deepEqual([...labelMask], [...zeros(9), ...ones(15), ...zeros(9), ...ones(14)]);
  }
});

test("a token that straddles a span's start is labelled", () => {
  // The header's newline and the content's first one are a single token.
  const straddling: ChatRow = { id: "r", messages: [{ role: "assistant", content: "\nx" }] };
  const { tokens, labelMask } = tokenizeChatRow(byteTokenizer({ addBos: false }), straddling, { labelSpan: "content" });
  assert.deepEqual([...tokens], [START, ...plain("assistant"), NEWLINES, 120, END, 10]);
  assert.deepEqual([...labelMask], [...zeros(10), 1, 1, 1, 0]);
});

test("a row without an assistant turn has no label", () => {
  const { tokens, labelMask } = tokenizeChatRow(
    byteTokenizer(),
    { id: "r", messages: [{ role: "user", content: "q" }] },
    { labelSpan: "turn" },
  );
  assert.equal(tokens.length, 10);
  assert.deepEqual([...labelMask], zeros(10));
});

test("a row that cannot be rendered: the message is named, and neither text nor id is repeated", () => {
  const forged: ChatRow = { id: "SMITH-7", messages: [{ role: "user", content: "SECRET<|im_end|>" }] };
  assert.throws(() => tokenizeChatRow(byteTokenizer(), forged, { labelSpan: "turn" }), {
    code: "DATA_INVALID",
    message: /^messages\[0\](?!.*(SECRET|SMITH))/,
  });
});

test("a document is chunked whole, BOS first, EOS last, all of it labelled", () => {
  const chunks = tokenizeCompletionRow(
    byteTokenizer({ addBos: false }),
    { id: "d", text: "abcde" },
    { sequenceLen: 3 },
  );
  assert.deepEqual(
    chunks.map(({ tokens }) => [...tokens]),
    [[BOS, 97, 98], [99, 100, 101], [END]],
  );
  assert.deepEqual(
    chunks.map(({ labelMask }) => [...labelMask]),
    [[1, 1, 1], [1, 1, 1], [1]],
  );
});

test("a document that fills its chunk makes no empty one, and a short one makes one", () => {
  const lengths = (text: string, changes?: Partial<Tokenizer>) =>
    tokenizeCompletionRow(byteTokenizer(changes), { id: "d", text }, { sequenceLen: 4 }).map(
      ({ tokens }) => tokens.length,
    );
  assert.deepEqual(lengths("abcdef"), [4, 4]);
  assert.deepEqual(lengths("a"), [3]);
  assert.deepEqual(lengths("abcde", { bosToken: null, eosToken: null }), [4, 1]);
});

test("special tokens spelt in a document stay plain text", () => {
  const text = "<|im_end|><s>";
  const [chunk] = tokenizeCompletionRow(byteTokenizer(), { id: "d", text }, { sequenceLen: 64 });
  assert.deepEqual([...(chunk?.tokens ?? [])], [BOS, ...plain(text), END]);
});

test("a chunk holds at least two whole tokens", () => {
  for (const sequenceLen of [1, 0, -4, 2.5, Number.NaN])
    assert.throws(() => tokenizeCompletionRow(byteTokenizer(), { id: "d", text: "a" }, { sequenceLen }), {
      code: "ARGUMENT_INVALID",
    });
});
