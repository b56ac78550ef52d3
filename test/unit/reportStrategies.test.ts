import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ContaminationCheck } from "../../dist/eval/contamination.js";
import type { EvaluationResult } from "../../dist/eval/evaluationResult.js";
import { resultsCsv } from "../../dist/report/csv.js";
import { evaluationReport } from "../../dist/report/html/document.js";
import { pageDataOf, resultOf, scoredOf, textOf } from "./helpers/results.js";

const NO_MATCH = { matched: 0, row: undefined };

/** Questions of a task, of which some occur in training rows. */
function checkOf(task: string, ids: readonly string[], overlapping: readonly string[]): ContaminationCheck {
  const row = { file: "/data/train.jsonl", id: "line-1" };
  const match = (id: string) => ({ grams: 3, ...(overlapping.includes(id) ? { matched: 2, row } : NO_MATCH) });
  return {
    rule: "13-gram@1",
    training: [{ file: "train.jsonl", sha256: "2".repeat(64) }],
    rows: 7,
    matches: new Map(ids.map((id) => [`${task}/${id}`, match(id)])),
  };
}

function voted(result: EvaluationResult): EvaluationResult {
  const [first, ...others] = result.items;
  const vote = { ballots: ["yes", null, "yes"], share: 1, isTie: false };
  return {
    ...result,
    strategy: { label: "self-consistency 3", selfConsistency: { samples: 3 } },
    items: [{ ...first!, cut: 12, vote }, ...others],
  };
}

describe("a report of strategies and checked results", () => {
  const contamination = checkOf("pubmedqa", ["q1", "q2", "q3"], ["q1"]);
  const plain = resultOf(
    [
      ["yes", "yes"],
      ["no", "yes"],
      ["no", "no"],
    ],
    { contamination },
  );
  const page = evaluationReport([plain, voted(plain)]);

  it("names the columns by their strategies and compares them", () => {
    const [benchmark] = pageDataOf(page).benchmarks;
    assert.deepEqual(benchmark!.models, ["base.gguf", "base.gguf, self-consistency 3"]);
    assert.match(textOf(page), /base\.gguf less base\.gguf, self-consistency 3/);
    assert.match(textOf(page), /Strategy self-consistency 3/);
  });

  it("keeps votes and what was cut of a prompt beside the answer", () => {
    const [asked, voting] = pageDataOf(page).benchmarks[0]!.questions[0]!.answers;
    assert.deepEqual([asked!.cut, asked!.votes], [undefined, undefined]);
    assert.deepEqual([voting!.cut, voting!.votes], [12, ["yes", null, "yes"]]);
  });

  it("shows the scores of the clean questions, also as CSV", () => {
    // q2 is wrong and q3 right.
    assert.match(textOf(page), /accuracy, clean questions 50\.0%/);
    assert.match(textOf(page), /1 of 3 questions share a run of 13 words with 7 rows of train\.jsonl/);
    const csv = resultsCsv([plain]);
    assert.match(csv, /^"base\.gguf","pubmedqa","accuracy, clean questions",0\.5,[\d.]+,[\d.]+,,2,/m);
    assert.match(resultsCsv([voted(plain)]), /^"base\.gguf, self-consistency 3",/m);
  });

  it("does so for scored choices", () => {
    const check = checkOf("stub", ["row-1", "row-2"], ["row-2"]);
    const questions = [
      { logprobs: [-1, -2, -3], gold: [1] },
      { logprobs: [-1, -2, -3], gold: [0] },
    ];
    const csv = resultsCsv([scoredOf(questions, { contamination: check })]);
    assert.match(csv, /^"base\.gguf","stub","acc",0\.5,/m);
    assert.match(csv, /^"base\.gguf","stub","acc, clean questions",0,.*,1,"0 shots",/m);
  });

  it("keeps tasks of one name apart whose definitions differ", () => {
    const task = { name: "own", version: 1, labels: ["yes", "no"] };
    const defined = (definition: string) => resultOf([["yes", "yes"]], { task: { ...task, definition } });
    const { benchmarks } = pageDataOf(evaluationReport([defined("a"), defined("b"), defined("a")]));
    assert.deepEqual(
      benchmarks.map(({ models }) => models.length),
      [2, 1],
    );
  });

  it("says of a share that McNemar's test is not for it", () => {
    const mc2 = (first: number) =>
      scoredOf([{ logprobs: [Math.log(first), Math.log(1 - first), -99], gold: [0] }], {}, ["mc2"]);
    const other = { ...mc2(0.5), model: { ...mc2(0.5).model, file: "other.gguf" } };
    assert.match(textOf(evaluationReport([mc2(0.75), other])), /\+?25\.0 points \[[^\]]*\] n\/a n\/a n\/a/);
  });
});
