import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtractionRule } from "../../dist/eval/extraction.js";
import { medqaReasoned, pubmedqaReasoned } from "../../dist/eval/strategies/chainOfThought.js";

type Case = [response: string, label: string | null];

function checkAll(rule: ExtractionRule, cases: Case[]): void {
  assert.ok(cases.length >= 60, `only ${cases.length} cases`);
  assert.equal(new Set(cases.map(([response]) => response)).size, cases.length, "a case stands twice");
  for (const [response, label] of cases)
    assert.equal(rule.extract(response), label, `${rule.id} on ${JSON.stringify(response)}`);
}

const PUBMEDQA: Case[] = [
  ["Answer: yes", "yes"],
  ["Answer: no", "no"],
  ["Answer: maybe", "maybe"],
  ["Answer:yes", "yes"],
  ["answer: Yes", "yes"],
  ["ANSWER: NO", "no"],
  ["Answer : yes", "yes"],
  ["Answer:\nyes", "yes"],
  ["Answer:\r\n\r\n  maybe", "maybe"],
  ["The trial was small.\nAnswer: maybe", "maybe"],
  ["The trial was small. Answer: maybe.", "maybe"],
  ["Final answer: no", "no"],
  ["**Answer: yes**", "yes"],
  ["**Answer:** yes", "yes"],
  ["**Answer**: yes", "yes"],
  ["Answer: **no**", "no"],
  ["Answer: *no*", "no"],
  ['Answer: "maybe"', "maybe"],
  ["Answer: 'yes,' since it helped", "yes"],
  ["Answer: “yes”", "yes"],
  ["Answer: (yes)", "yes"],
  ["Answer: (no) because", "no"],
  ["# Answer: yes", "yes"],
  ["- Answer: yes\n", "yes"],
  ["Answer: yes. The effect was large.", "yes"],
  ["Answer: yes, since it helped", "yes"],
  ["Answer: yes; it helped", "yes"],
  ["Answer: yes-man", "yes"],
  ["Answer: yes<|im_end|>", "yes"],
  ["Answer: yes (there was no harm)", "yes"],
  ["Answer: no effect was seen", "no"],
  ["Answer: yes\nno harm was seen", "yes"],
  ["Answer: no\nor so it seems", "no"],
  ["Answer: yes and it was clear", "yes"],
  ["Answer: yes or so", "yes"],
  ["Answer: no\nOn reflection:\nAnswer: yes", "yes"],
  ["Answer: yes. Answer: yes", "yes"],
  ["Is it yes? Is it no? Answer: maybe", "maybe"],
  ["yes at first sight, but\nAnswer: no", "no"],
  ["Answer: yes/no", null],
  ["Answer: yes/no/maybe", null],
  ["Answer: yes, no or maybe", null],
  ["Answer: yes or no", null],
  ["Answer: yes and no", null],
  ["Answer: 'yes,' 'no,' or 'maybe.'", null],
  ["Answer: yes, or maybe", null],
  ["Answer: **yes** | **no**", null],
  ["Answer: maybe yes", "maybe"],
  ["Answer: (yes) or (no)", null],
  ["", null],
  ["yes", null],
  ["Yes, the trial shows it.", null],
  ["The answer is yes", null],
  ["Answer yes", null],
  ["Answer - yes", null],
  ["Answers: yes", null],
  ["Answer:", null],
  ["Answer: ", null],
  ["Answer: unclear", null],
  ["Answer: probably yes", null],
  ["Answer: the option is yes", null],
  ["Answer: nordic", null],
  ["Answer: not yet", null],
  ["Answer: noć", null],
  ["Answer: yes1", null],
  ["Answer: no_", null],
  ["Answer: yeſ", null],
  ["Answer: A", null],
  ["myAnswer: yes", null],
  ["non_answer: yes", null],
  ["Answer: yes\nAnswer:", null],
  ["Answer: yes\nThe next answer: unclear", null],
  ["Answer: [yes]", null],
  ["Réponse: oui", null],
];

test("pubmedqa/cot@1 reads what stands behind the last marker, and nothing else", () => {
  assert.equal(pubmedqaReasoned.id, "pubmedqa/cot@1");
  checkAll(pubmedqaReasoned, PUBMEDQA);
});

const MEDQA: Case[] = [
  ["Answer: (A)", "A"],
  ["Answer: (B)", "B"],
  ["Answer: (C)", "C"],
  ["Answer: (D)", "D"],
  ["Answer:(D)", "D"],
  ["Answer: A", "A"],
  ["Answer: B.", "B"],
  ["Answer: C)", "C"],
  ["Answer: D:", "D"],
  ["Answer: D: Ceftriaxone", "D"],
  ["Answer: B, since", "B"],
  ["Answer: B; since", "B"],
  ["answer: (a) is wrong", null],
  ["ANSWER: (C)", "C"],
  ["Answer : (C)", "C"],
  ["Answer:\n(C)", "C"],
  ["Answer:\r\nC\r\n", "C"],
  ["Answer: C  \n", "C"],
  ["Answer: C\nBecause of the knee.", "C"],
  ["It is not (A).\nAnswer: (C)", "C"],
  ["(A) fits, (B) does not. Final answer: (A)", "A"],
  ["**Answer: (B)**", "B"],
  ["**Answer:** (B)", "B"],
  ["**Answer**: (B)", "B"],
  ["Answer: **B**", "B"],
  ["Answer: **(B)** Gentamicin", "B"],
  ['Answer: "B"', "B"],
  ["Answer: “(B)”", "B"],
  ["Answer: 'B'", "B"],
  ["Answer: (B) Gentamicin", "B"],
  ["Answer: (B)Gentamicin", "B"],
  ["Answer: B. Gentamicin, not A", "B"],
  ["Answer: (A) and nothing else", "A"],
  ["Answer: (A) or so", "A"],
  ["Answer: (A)\n(B) is wrong", "A"],
  ["Answer: (A), a penicillin", "A"],
  ["Answer: (A), A patient needs it", "A"],
  ["Answer: (A)\nAnswer: (D)", "D"],
  ["Answer: (D)<|im_end|>", "D"],
  ["Answer: A patient with gonorrhoea needs ceftriaxone", null],
  ["Answer: A Ceftriaxone", null],
  ["Answer: B Gentamicin", null],
  ["Answer: Ceftriaxone", null],
  ["Answer: Blood", null],
  ["Answer: ABCD", null],
  ["Answer: A1", null],
  ["Answer: A/B", null],
  ["Answer: (A)/(B)", null],
  ["Answer: (A) or (B)", null],
  ["Answer: (A) and (B)", null],
  ["Answer: (A), (B)", null],
  ["Answer: A, B", null],
  ["Answer: A, B and C", null],
  ["Answer: B, A patient needs it", "B"],
  ["Answer: (A), (B), or (C)", null],
  ["Answer: **(A)** or **(B)**", null],
  ["Answer: option (A)", null],
  ["Answer: the letter is (A)", null],
  ["Answer: [A]", null],
  ["Answer: {A}", null],
  ["Answer: (E)", null],
  ["Answer: E", null],
  ["Answer: (F)", null],
  ["Answer: (AB)", null],
  ["Answer: ( A )", null],
  ["Answer: (А)", null],
  ["Answer:", null],
  ["", null],
  ["(A)", null],
  ["A", null],
  ["The answer is (A)", null],
  ["Answer (A)", null],
  ["Answers: (A)", null],
  ["Answer: yes", null],
  ["Answer: (A)\nThe answer:", null],
  ["my_answer: (A)", null],
];

test("medqa/cot@1 reads the letter behind the last marker, and no article", () => {
  assert.equal(medqaReasoned(4).id, "medqa/cot@1");
  checkAll(medqaReasoned(4), MEDQA);
  assert.equal(medqaReasoned(5).extract("Answer: (E)"), "E");
  assert.equal(medqaReasoned(5).extract("Answer: E"), "E");
  assert.equal(medqaReasoned(5).extract("Answer: A, E"), null);
});

test("a long response of markers and stars is read in linear time", () => {
  for (const piece of ["Answer: ", "*", "Answer*", "Answer: yes, ", "answer ".repeat(2), "yes, no or "])
    assert.equal(medqaReasoned(4).extract(piece.repeat(100_000)), null);
  const blanks = " ".repeat(200_000);
  assert.equal(pubmedqaReasoned.extract(`Answer: yes${blanks}.`), "yes");
  assert.equal(pubmedqaReasoned.extract(`Answer: yes,${blanks}.`), "yes");
  assert.equal(pubmedqaReasoned.extract(`Answer: yes or${blanks}.`), "yes");
  assert.equal(pubmedqaReasoned.extract(`Answer${blanks}: yes`), null);
});
