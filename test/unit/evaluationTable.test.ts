import assert from "node:assert/strict";
import { test } from "node:test";
import { MEDICAL_NOTICE } from "../../dist/eval/evaluationResult.js";
import { evaluationMarkdown, evaluationTable } from "../../dist/report/evaluationTable.js";
import { displayWidth } from "../../dist/report/table.js";
import { type Answer, resultOf, yesAnswers } from "./helpers/results.js";

const official: Answer[] = [
  ...Array.from({ length: 276 }, (): Answer => ["yes", "yes"]),
  ...Array.from({ length: 169 }, (): Answer => ["no", "yes"]),
  ...Array.from({ length: 55 }, (): Answer => ["maybe", "yes"]),
];
const allYes = resultOf(official);
const tuned = resultOf(
  official.map(([gold], i): Answer => [gold, i < 5 ? null : gold]),
  {
    adapters: [{ file: "pubmedqa.gguf", sha256: "1", bytes: 13_600_000, scale: 0.5 }],
    sampler: "llama-cpp-python-2023",
  },
);

/** The cells of a table's row by its title, from either form. */
function cells(text: string, title: string): string[] {
  const line = text.split("\n").find((one) => one.split(/[│|]/)[1]?.trim() === title);
  assert.ok(line !== undefined, `no row ${title}`);
  return line
    .split(/[│|]/)
    .slice(2, -1)
    .map((cell) => cell.trim());
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

for (const [form, render] of [
  ["terminal", evaluationTable],
  ["Markdown", evaluationMarkdown],
] as const)
  test(`${form}: rates with intervals, answers by label and sizes, a column a model`, () => {
    const text = render([allYes, tuned]);
    assert.deepEqual(cells(text, "Model"), ["base.gguf", "base.gguf + pubmedqa.gguf x 0.5"]);
    assert.deepEqual(cells(text, "Accuracy"), ["55.2% [50.8, 59.5]", "99.0% [97.7, 99.6]"]);
    assert.deepEqual(cells(text, "Accuracy of valid"), ["55.2% [50.8, 59.5]", "100.0% [99.2, 100.0]"]);
    assert.deepEqual(cells(text, "Valid responses"), ["100.0% [99.2, 100.0]", "99.0% [97.7, 99.6]"]);
    assert.match(cells(text, "Macro-F1")[0]!, /^23\.7% \[22\.\d, 24\.\d\]$/);
    assert.deepEqual(cells(text, "Questions"), ["500", "500"]);
    assert.deepEqual(cells(text, "Answered yes (gold)"), ["500 (276)", "271 (276)"]);
    assert.deepEqual(cells(text, "Answered maybe (gold)"), ["0 (55)", "55 (55)"]);
    assert.deepEqual(cells(text, "Invalid"), ["0", "5"]);
    assert.deepEqual(cells(text, "File size"), ["4.1 GB", "4.1 GB + 13.6 MB"]);
  });

test("the notice stands once, whatever the number of results", () => {
  for (const results of [[allYes], [allYes, tuned], [allYes, tuned, allYes]])
    for (const text of [evaluationTable(results), evaluationMarkdown(results)])
      assert.equal(count(text, MEDICAL_NOTICE), 1);
});

test("exactly two results get their difference", () => {
  const first = resultOf(yesAnswers(10, (i) => i <= 7));
  const second = resultOf(yesAnswers(10, (i) => i <= 3 || i === 8));
  const text = evaluationTable([first, second]);
  assert.match(
    text,
    /^Accuracy, first less second: \+30\.0 points \[-?\d+\.\d, \d+\.\d\]; right only in the first 4, only in the second 1; McNemar's exact p = 0\.375\.$/m,
  );
  assert.match(text, /^Valid responses, first less second: 0\.0 points \[0\.0, 0\.0\]\.$/m);
  assert.match(evaluationTable([second, first]), /first less second: -30\.0 points/);
  // 224 questions only the second has right, none the first.
  assert.match(evaluationTable([allYes, tuned]), /right only in the first 5, only in the second 224; .* p < 0\.001/);
  for (const results of [[first], [first, second, first]])
    assert.equal(count(evaluationTable(results), "first less second"), 0);
});

test("two results of different questions stand side by side, with the reason why no difference is given", () => {
  const text = evaluationTable([allYes, resultOf(official.slice(0, 100), { available: 500 })]);
  assert.match(text, /^The results cannot be compared: only the first one has its question 101\./m);
  assert.match(text, /^Result 2: Only the first 100 of the data's 500 questions were asked\.$/m);
});

test("each distinct run and note is told once, and of which model where it is not true of all", () => {
  const run = "pubmedqa@1, answers read by pubmedqa/strict@1; sampler greedy: greedy; seed 0.";
  const same = evaluationTable([allYes, allYes]).split("\n");
  assert.equal(same.filter((line) => line === run).length, 1);
  const three = evaluationTable([allYes, tuned, allYes]).split("\n");
  assert.equal(three.filter((line) => line === `Result 1, 3: ${run}`).length, 1);
  assert.equal(three.filter((line) => line.startsWith("Result 2: pubmedqa@1, answers read by")).length, 1);
  assert.equal(three.filter((line) => line.startsWith("Result 2: The repeat penalty counts")).length, 1);
  assert.equal(three.filter((line) => line.startsWith("The repeat penalty counts")).length, 0);
});

test("no valid answer shows as n/a, not as a number", () => {
  const text = evaluationTable([resultOf([["yes", null]])]);
  assert.deepEqual(cells(text, "Accuracy of valid"), ["n/a"]);
  assert.equal(count(text, "NaN"), 0);
});

test("the terminal's lines are equally wide and may be ASCII; Markdown escapes a file's name", () => {
  const odd = resultOf(official, { model: { file: "médi|<b>.gguf", sha256: "0", bytes: 1 } });
  const lines = evaluationTable([odd, allYes], { unicode: false }).split("\n");
  const table = lines.slice(0, lines.lastIndexOf(lines[0]!) + 1);
  assert.equal(new Set(table.map(displayWidth)).size, 1);
  assert.ok(lines[0]!.startsWith("+-"));
  assert.match(evaluationMarkdown([allYes, tuned]), /^- Accuracy, first .* p &lt; 0\.001\.$/m);
  assert.match(evaluationMarkdown([odd]), /^\| Model \| médi\\\|&lt;b>\.gguf \|$/m);
});
