import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countedExchange, QUALITY_RULES, qualityReason } from "../../dist/data/quality.js";
import { fixture, readJsonLines } from "./helpers/data.js";

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

test("on labelled exchanges, precision and recall of what is dropped are at least 0.95, and the reasons are right", async () => {
  const rows = await readJsonLines<{ label: string; question: string; answer: string }>(
    fixture("dialogue-quality.jsonl"),
  );
  const found = rows.map((row) => qualityReason(row) ?? "keep");
  const count = (of: (label: string, reason: string) => boolean) =>
    rows.filter(({ label }, i) => of(label, found[i] as string)).length;
  const right = count((label, reason) => label !== "keep" && reason !== "keep");
  assert.ok(rows.length >= 80 && right > 35);
  assert.ok(right / count((_, reason) => reason !== "keep") >= 0.95, "precision");
  assert.ok(right / count((label) => label !== "keep") >= 0.95, "recall");
  assert.ok(count((label, reason) => label === reason) / rows.length >= 0.95, "reasons");
  // Every rule has its rows.
  for (const { name } of QUALITY_RULES) assert.ok(count((label) => label === name) >= 2, name);
});

test("a list may end without a mark, but not inside an item", () => {
  const list = (last: string) => reason(`${advice}, and:\n- rest\n- ${last}`);
  for (const last of ["cool it", "eat less salt (much less)"]) assert.equal(list(last), undefined, last);
  for (const last of ["cool it and", "pain in the", "cool it,", "see ("]) assert.equal(list(last), "truncated", last);
  assert.equal(reason(`${advice}:\n- cool it`), "truncated");
});

test("no rule throws on any text, and the time does not explode on long ones", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (asked, answer) => {
      const found = qualityReason({ question: asked, answer });
      assert.ok(found === undefined || QUALITY_RULES.some(({ name }) => name === found));
    }),
  );
  // A rule of quadratic time would take hours on these.
  for (const unit of ["a", "a ", ". ", "Dr. A ", "regards, a ", '")', "é\u0301", "\n- a", "1 mg ", "www.", "the... "])
    for (const rule of QUALITY_RULES)
      rule.drops(countedExchange({ question: unit, answer: unit.repeat(2_000_000 / unit.length) }));
});
