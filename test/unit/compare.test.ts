import assert from "node:assert/strict";
import { test } from "node:test";
import { isMediloraError } from "../../dist/errors.js";
import { compareEvaluations } from "../../dist/eval/compare.js";
import { type Answer, resultOf, yesAnswers } from "./helpers/results.js";

// Of 10 questions, the first model has 1 to 7 right, the second 1 to 3 and 8; its 9 and 10 are invalid.
const first = resultOf(yesAnswers(10, (i) => i <= 7));
const second = resultOf(
  yesAnswers(
    10,
    (i) => i <= 3 || i === 8,
    (i) => i >= 9,
  ),
);

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-12, `${actual} is not ${expected}`);
}

function refused(pattern: RegExp): (error: unknown) => boolean {
  return (error) => isMediloraError(error) && error.code === "ARGUMENT_INVALID" && pattern.test(error.message);
}

test("differences, discordant questions and McNemar's p are those worked out by hand", () => {
  const comparison = compareEvaluations(first, second);
  assert.equal(comparison.n, 10);
  near(comparison.accuracy.difference, 0.3);
  near(comparison.validRate.difference, 0.2);
  assert.deepEqual([comparison.onlyFirstRight, comparison.onlySecondRight], [4, 1]);
  // 2 P(X <= 1), X ~ B(5, 1/2).
  near(comparison.pValue, (2 * (1 + 5)) / 32);
  const { low, high } = comparison.accuracy;
  assert.ok(low < 0.3 && 0.3 < high && high <= 0.9 && low >= -0.6, `${low} ${high}`);
  // A difference of valid rates is never negative here: the first model has all valid.
  assert.ok(comparison.validRate.low >= 0);
});

test("swapping the results swaps the signs", () => {
  const there = compareEvaluations(first, second);
  const back = compareEvaluations(second, first);
  near(back.accuracy.difference, -there.accuracy.difference);
  assert.deepEqual([back.onlyFirstRight, back.onlySecondRight], [1, 4]);
  assert.equal(back.pValue, there.pValue);
});

test("answers are paired by id, not by place", () => {
  const shuffled = { ...second, items: [...second.items].reverse() };
  assert.deepEqual(compareEvaluations(first, shuffled), compareEvaluations(first, second));
});

test("a result compared with itself differs by nothing", () => {
  const { accuracy, pValue } = compareEvaluations(first, first);
  assert.deepEqual([accuracy, pValue], [{ difference: 0, low: 0, high: 0 }, 1]);
});

test("other questions, gold labels or tasks are refused", () => {
  const nine = resultOf(yesAnswers(9, (i) => i <= 7));
  assert.throws(() => compareEvaluations(first, nine), refused(/only the first one has its question 10/));
  assert.throws(() => compareEvaluations(nine, first), refused(/only the second one has its question 10/));
  const relabelled = yesAnswers(10, (i) => i <= 7).map((answer, i): Answer => (i === 4 ? ["no", answer[1]] : answer));
  assert.throws(
    () => compareEvaluations(first, resultOf(relabelled)),
    refused(/gold labels of the first one's question 5 differ/),
  );
  const newer = { ...first, task: { ...first.task, version: 2 } };
  assert.throws(() => compareEvaluations(first, newer), refused(/pubmedqa@1 and pubmedqa@2/));
});
