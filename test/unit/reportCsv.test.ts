import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "csv-parse/sync";
import { questionsCsv, resultsCsv } from "../../dist/index.js";
import { resultOf, scoredOf } from "./helpers/results.js";

type Row = Record<string, string>;

function rows(csv: string): Row[] {
  return parse(csv, { columns: true, record_delimiter: "\r\n" });
}

const generated = resultOf([
  ["yes", "yes"],
  ["no", null],
]);

test("a row a model, task and metric: value, interval, standard error, number of questions", () => {
  const scored = scoredOf(
    [
      { logprobs: [-1, -2], gold: [0], choices: ["a", "b"] },
      { logprobs: [-1, -2], gold: [1], choices: ["a", "b"] },
    ],
    { shots: 3 },
    ["acc_norm", "acc"],
  );
  const table = rows(resultsCsv([generated, scored]));
  assert.deepEqual(
    table.map(({ task, metric, value, n, settings }) => [task, metric, value, n, settings]),
    [
      ["pubmedqa", "accuracy", "0.5", "2", "greedy, seed 0"],
      ["pubmedqa", "valid responses", "0.5", "2", "greedy, seed 0"],
      ["pubmedqa", "accuracy of valid", "1", "1", "greedy, seed 0"],
      ["pubmedqa", "macro-F1", "0.3333333333333333", "2", "greedy, seed 0"],
      ["stub", "acc_norm", "0.5", "2", "3 shots"],
      ["stub", "acc", "0.5", "2", "3 shots"],
    ],
  );
  assert.equal(table[0]!.stderr, "");
  assert.equal(table[5]!.stderr, "0.5");
  // Wilson's interval of 1 of 2.
  assert.ok(Math.abs(Number(table[5]!.low) - 0.0945) < 1e-4 && Math.abs(Number(table[5]!.high) - 0.9055) < 1e-4);
});

test("means of a group and mc2, which are no shares, have 1.96 standard errors around them, inside 0..1", () => {
  const scored = scoredOf(
    [
      { logprobs: [-1, -1], gold: [0], choices: ["a", "b"] },
      { logprobs: [-1, -Infinity], gold: [0], choices: ["a", "b"] },
    ],
    { isGroup: true },
    ["mc2"],
  );
  const [mean, plain, mc2] = rows(resultsCsv([scored]));
  assert.deepEqual([mean!.metric, mean!.value, mean!.stderr, mean!.high], ["mean by questions", "0.75", "0.25", "1"]);
  assert.ok(Math.abs(Number(mean!.low) - (0.75 - 1.959964 * 0.25)) < 1e-9);
  assert.deepEqual([plain!.metric, plain!.value, plain!.low, plain!.n], ["plain mean of tasks", "0.75", "", "1"]);
  assert.equal(mc2!.low, mean!.low);
});

test("a row a question and model, with what it was made of", () => {
  const scored = scoredOf([{ logprobs: [-1, -Infinity], gold: [1], choices: ["a", "b"], context: ["A", "B"] }]);
  const table = rows(questionsCsv([generated, scored]));
  const [first, second, third] = table as [Row, Row, Row];
  assert.deepEqual(
    [first.question, first.gold, first.answer, first.correct, first.logprob, first.response, first.prompt],
    ["q1", "yes", "yes", "1", "-1", "response yes", "Question 1?"],
  );
  assert.deepEqual([second.answer, second.correct], ["", "0"]);
  assert.deepEqual(
    [third.answer, third.gold, third.correct, third.logprob, third.choices, third.prompt],
    ["a", "b", "0", "[-1,null]", '["a","b"]', '["A","B"]'],
  );
  assert.equal(table.length, 3);
});

test("quotes every text, ends records with CRLF, and takes formulas for text", () => {
  const odd = resultOf([["yes", "yes"]], { model: { file: 'a"b,\n.gguf', sha256: "0", bytes: 1 } });
  const csv = questionsCsv([
    { ...odd, items: odd.items.map((item) => ({ ...item, response: "=cmd()", prompt: "ok\r\nok" })) },
  ]);
  assert.ok(csv.endsWith('"\'=cmd()","ok\r\nok"\r\n'));
  assert.ok(csv.includes('\r\n"a""b,\n.gguf",'));
  const responses = ["+1", "-1", "@x", "\t=1", " =1", "\u200b=1", "\uff1d1", "\r1", "1=1", "yes - no"];
  for (const [i, response] of responses.entries()) {
    const [row] = rows(questionsCsv([{ ...odd, items: odd.items.map((item) => ({ ...item, response })) }]));
    assert.equal(row!.response, i < 8 ? `'${response}` : response);
  }
});
