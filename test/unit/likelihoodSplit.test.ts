import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tokenizer } from "../../dist/chat/tokenizeRow.js";
import { isMediloraError } from "../../dist/errors.js";
import { cutLeft, splitPair } from "../../dist/eval/loglikelihood/split.js";
import { strip, stripEnd } from "../../dist/eval/loglikelihood/whiteSpace.js";

const BOS = 1;
const EOS = 2;
/** Longest match first; a text with another character cannot be tokenised here. */
const PIECES = ["Answer", " A", " B", " yes", "::", ":", " ", "A", "B", "y", "e", "s", "\n"];

const tokenizer: Tokenizer = {
  bosToken: BOS,
  eosToken: EOS,
  addBos: true,
  addEos: false,
  vocabSize: 100,
  tokenize(text, { addSpecial, parseSpecial }) {
    assert.deepEqual([addSpecial, parseSpecial], [false, false]);
    const tokens: number[] = [];
    for (let at = 0; at < text.length; ) {
      const piece = PIECES.findIndex((one) => text.startsWith(one, at));
      assert.ok(piece >= 0, `no piece at ${at}`);
      tokens.push(10 + piece);
      at += PIECES[piece]!.length;
    }
    return Int32Array.from(tokens);
  },
};

/** Pieces by their text; BOS and EOS by name. */
function spelt(tokens: Int32Array): string[] {
  return [...tokens].map((token) => (token < 10 ? ["", "<s>", "</s>"][token]! : PIECES[token - 10]!));
}

function split(context: string, continuation: string, options = { addBos: false }, using = tokenizer) {
  const pair = splitPair(using, context, continuation, options);
  assert.equal(pair.cut, 0);
  return [spelt(pair.context), spelt(pair.continuation)];
}

function refused(code: string): (error: unknown) => boolean {
  return (error) => isMediloraError(error) && error.code === code;
}

test("context and continuation are tokenised together and cut at the context's length", () => {
  assert.deepEqual(split("Answer:", " A"), [["Answer", ":"], [" A"]]);
  assert.deepEqual(split("Answer:", " yes"), [["Answer", ":"], [" yes"]]);
  assert.deepEqual(split("Answer", "A"), [["Answer"], ["A"]]);
});

test("white space at the context's end goes to the continuation", () => {
  assert.deepEqual(split("Answer: ", "A"), [["Answer", ":"], [" A"]]);
  assert.deepEqual(split("Answer:\n", "A"), [
    ["Answer", ":"],
    ["\n", "A"],
  ]);
  assert.deepEqual(split("Answer:  ", "A"), [
    ["Answer", ":"],
    [" ", " A"],
  ]);
});

test("a token across the border stays with the context's count, as in the harness", () => {
  // Together "Answer", "::", " A"; the context alone has two tokens, so the continuation is what lies behind two.
  assert.deepEqual(split("Answer:", ": A"), [["Answer", ":"], [" A"]]);
});

test("an empty context is BOS, and so is one of white space; EOS without BOS", () => {
  assert.deepEqual(split("", "yes"), [["<s>"], ["y", "e", "s"]]);
  assert.deepEqual(split(" ", "yes"), [["<s>"], [" yes"]]);
  assert.deepEqual(split("", "A", { addBos: false }, { ...tokenizer, bosToken: null }), [["</s>"], ["A"]]);
  const none = { ...tokenizer, bosToken: null, eosToken: null };
  assert.throws(() => split("", "A", { addBos: false }, none), refused("MODEL_INVALID"));
});

test("BOS stands in front of a context only where asked for", () => {
  assert.deepEqual(split("Answer:", " A", { addBos: true }), [["<s>", "Answer", ":"], [" A"]]);
  assert.deepEqual(split("", "A", { addBos: true }), [["<s>"], ["A"]]);
});

test("a continuation that adds no token is refused", () => {
  assert.throws(() => split("Answer:", ":"), refused("DATA_INVALID"));
});

test("what is too long is cut from the left to the limit and one token", () => {
  const pair = { context: Int32Array.of(1, 2, 3, 4, 5), continuation: Int32Array.of(6, 7), cut: 0 };
  assert.equal(cutLeft(pair, 6), pair);
  assert.deepEqual(cutLeft(pair, 5), { ...pair, context: Int32Array.of(2, 3, 4, 5), cut: 1 });
  assert.deepEqual(cutLeft(pair, 2), { ...pair, context: Int32Array.of(5), cut: 4 });
  assert.throws(() => cutLeft(pair, 1), refused("CONTEXT_EXCEEDED"));
});

test("white space is what Python's strip takes for it", () => {
  // As [chr(i) for i in range(0x110000) if chr(i).isspace()] prints it.
  const spaces = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2005\u200a\u2028\u2029\u202f\u205f\u3000";
  assert.equal(strip(`${spaces}a b${spaces}`), "a b");
  assert.equal(stripEnd(`${spaces}a b${spaces}`), `${spaces}a b`);
  for (const text of ["", "a", "\ufeffa\ufeff", "\u200ba\u200b", "a\0", "\u180ea\u180e"]) {
    assert.equal(strip(text), text);
    assert.equal(stripEnd(text), text);
  }
  assert.deepEqual([strip(spaces), stripEnd(spaces)], ["", ""]);
  const long = `a${" ".repeat(1_000_000)}b`;
  assert.equal(stripEnd(long), long);
});
