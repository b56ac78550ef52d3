import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenBy, groupMean, meanScore, questionScore } from "../../dist/eval/loglikelihood/metrics.js";

const near = (actual: number | null, expected: number) =>
  assert.ok(actual !== null && Math.abs(actual - expected) < 1e-12, `${actual} is not ${expected}`);

test("acc takes the highest sum, the first of equal ones, and never a NaN", () => {
  const choices = ["a", "b", "c"];
  assert.equal(chosenBy("acc", [-3, -1, -2], choices), 1);
  assert.equal(chosenBy("acc", [-1, -1, -2], choices), 0);
  assert.equal(chosenBy("acc", [Number.NaN, -5, -4], choices), 2);
  assert.equal(chosenBy("acc", [Number.NaN, Number.NaN, Number.NaN], choices), null);
  assert.equal(chosenBy("acc", [-Infinity, -Infinity, -Infinity], choices), 0);
  assert.equal(questionScore("acc", [-3, -1, -2], { choices, gold: [1] }), 1);
  assert.equal(questionScore("acc", [-3, -1, -2], { choices, gold: [0] }), 0);
  assert.equal(questionScore("acc", [Number.NaN, Number.NaN, Number.NaN], { choices, gold: [0] }), 0);
});

test("acc_norm counts code points, acc_bytes UTF-8 bytes", () => {
  // Code points 2, 4, 3; UTF-8 bytes 8, 4, 3; UTF-16 units 4, 4, 3.
  const question = { choices: ["😀😀", "abcd", "abc"], gold: [0] };
  const logprobs = [-4, -5, -6];
  // By code points -2, -1.25, -2; by bytes -0.5, -1.25, -2.
  assert.equal(chosenBy("acc", logprobs, question.choices), 0);
  assert.equal(chosenBy("acc_norm", logprobs, question.choices), 1);
  assert.equal(chosenBy("acc_bytes", logprobs, question.choices), 0);
  assert.equal(questionScore("acc_norm", logprobs, question), 0);
  assert.equal(questionScore("acc_bytes", logprobs, question), 1);
});

test("mc1 counts a tie and NaN as wrong", () => {
  const question = { choices: ["a", "b", "c"], gold: [0] };
  assert.equal(questionScore("mc1", [-1, -2, -3], question), 1);
  assert.equal(questionScore("mc1", [-1, -1, -3], question), 0);
  assert.equal(questionScore("mc1", [-2, -1, -3], question), 0);
  assert.equal(questionScore("mc1", [-1, Number.NaN, -3], question), 0);
  assert.equal(questionScore("mc1", [Number.NaN, Number.NaN, Number.NaN], question), 0);
});

test("mc2 is the share of probability on the right choices, without underflow", () => {
  const question = { choices: ["a", "b", "c"], gold: [0, 2] };
  near(questionScore("mc2", [Math.log(0.2), Math.log(0.1), Math.log(0.1)], question), 0.75);
  near(questionScore("mc2", [-2000, -2000 + Math.log(2), -2000], question), 0.5);
  near(questionScore("mc2", [-Infinity, -1, -1], question), 0.5);
  assert.equal(questionScore("mc2", [-Infinity, -Infinity, -Infinity], question), 0);
});

test("the standard error is sqrt(p (1 - p) / (n - 1)), of shares the sample's", () => {
  const { mean, stderr } = meanScore([1, 1, 1, 0, 0]);
  near(mean, 0.6);
  near(stderr, Math.sqrt((0.6 * 0.4) / 4));
  // Deviations -0.25, 0.25: variance 0.125, by n 0.0625.
  near(meanScore([0.25, 0.75]).stderr, 0.25);
  assert.deepEqual(meanScore([1]), { mean: 1, stderr: null });
});

test("a group's mean is weighted by questions, its error pooled", () => {
  const parts = [
    { n: 10, mean: 0.5, stderr: 0.1 },
    { n: 40, mean: 0.75, stderr: 0.05 },
  ];
  const { mean, stderr, plainMean } = groupMean(parts);
  near(mean, (5 + 30) / 50);
  near(plainMean, 0.625);
  // (9 * 0.01 * 10 + 39 * 0.0025 * 40) / 48 = (0.9 + 3.9) / 48 = 0.1; sqrt(0.1 / 50).
  near(stderr, Math.sqrt(0.1 / 50));
  assert.equal(groupMean([{ n: 1, mean: 1, stderr: null }]).stderr, null);
});

test("the mean and error of the paper's nine MMLU sizes, all at one accuracy", () => {
  // With equal shares p, se_i^2 = p (1 - p) / (n_i - 1), so the pooled variance is p (1 - p) N / (N - k).
  const sizes = [135, 265, 144, 173, 310, 100, 306, 272, 166];
  const parts = sizes.map((n) => ({ n, mean: 0.6, stderr: Math.sqrt(0.24 / (n - 1)) }));
  const { mean, stderr, plainMean } = groupMean(parts);
  near(mean, 0.6);
  near(plainMean, 0.6);
  near(stderr, Math.sqrt(0.24 / (1871 - 9)));
});
