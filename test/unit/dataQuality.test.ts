import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countedExchange, QUALITY_RULES, qualityReason } from "../../dist/data/quality.js";

const question = "My ankle has been swollen since I fell, what can I do?";
const advice = "Please rest the ankle, cool it several times a day and keep it raised until the swelling is gone";
const reason = (answer: string, asked = question) => qualityReason({ question: asked, answer });

test("ordinary answers stay, with any of the usual ends", () => {
  const ends = [
    ".",
    "!",
    "?",
    "...",
    "…",
    '."',
    ".)",
    ". Regards",
    ". Regards, Dr. Jane Example",
    ". Take care",
    ".\n\nThanks",
  ];
  for (const end of [...ends, ". Best wishes, Dr Example", ". Hope this helps. Good luck"])
    assert.equal(reason(`${advice}${end}`), undefined, end);
});

test("an answer that ends inside a sentence is truncated", () => {
  for (const end of ["", ",", " and", " -", ":", " (see", ". Regards to the family that you have there at home today"])
    assert.equal(reason(`${advice}${end}`), "truncated", end);
});

test("lengths count words: 5 of a question and 10 of an answer are enough, 1500 not too much", () => {
  const counted = (n: number) => `${Array.from({ length: n }, (_, i) => `w${i}`).join(" ")}.`;
  assert.equal(reason(`${advice}.`, "One two three four?"), "too-short");
  assert.equal(reason(`${advice}.`, "One two three four five?"), undefined);
  assert.equal(reason(counted(9)), "too-short");
  assert.equal(reason(counted(10)), undefined);
  assert.equal(reason(counted(1500)), undefined);
  assert.equal(reason(counted(1501)), "too-long");
  assert.equal(reason(`${advice}.`, counted(1501)), "too-long");
});

test("courtesies alone are no advice", () => {
  const polite =
    "Hello and welcome. Thank you for your question. I have read your query. I hope this helps. Take care.";
  assert.equal(reason(polite), "greeting-only");
  // Five words of substance, and six.
  assert.equal(reason(`${polite} Cool the ankle, keep it raised, and rest.`), "greeting-only");
  assert.equal(reason(`${polite} Cool the ankle, keep it raised, and rest today.`), undefined);
});

test("an answer that goes round in circles is repetition", () => {
  const sentence = "Rest the ankle and keep it cool. ";
  // 7 words 6 times: 39 4-grams, of which 7 are distinct.
  assert.equal(reason(sentence.repeat(6)), "repetition");
  assert.equal(reason(`${advice} ${"a".repeat(20)}.`), "repetition");
  assert.equal(reason(`${advice} ........................`), undefined);
});

test("no rule throws on any text, and the time does not explode on long ones", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (asked, answer) => {
      const found = qualityReason({ question: asked, answer });
      assert.ok(found === undefined || QUALITY_RULES.some(({ name }) => name === found));
    }),
  );
  // A rule of quadratic time would take hours on these.
  for (const unit of ["a", "a ", ". ", "Dr. A ", "regards, a ", '")', "é\u0301"])
    for (const rule of QUALITY_RULES)
      rule.drops(countedExchange({ question: unit, answer: unit.repeat(2_000_000 / unit.length) }));
});
