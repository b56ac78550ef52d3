import assert from "node:assert/strict";
import { test } from "node:test";
import { calibrationOf } from "../../dist/report/html/calibration.js";
import { scoredOf } from "./helpers/results.js";

const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}`);

/** Two choices, the first of which has this probability. */
function question(probability: number, gold: number) {
  return { logprobs: [Math.log(probability) - 5, Math.log(1 - probability) - 5], gold: [gold], choices: ["a", "b"] };
}

test("bins by the likeliest choice's probability, with its mean and the share right", () => {
  const { bins, error, n, leftOut } = calibrationOf(
    scoredOf([question(0.62, 0), question(0.68, 1), question(0.31, 1), question(0.95, 0)]),
  )!;
  assert.deepEqual([n, leftOut], [4, 0]);
  assert.deepEqual(
    bins.map(({ low, high, n }) => [low, high, n]),
    [
      [0.6, 0.7, 3],
      [0.9, 1, 1],
    ],
  );
  // The third question's likeliest choice is the second one, of probability 0.69, and right.
  near(bins[0]!.confidence, (0.62 + 0.68 + 0.69) / 3);
  near(bins[0]!.accuracy, 2 / 3);
  near(error, (3 * Math.abs(2 / 3 - 1.99 / 3) + 1 * 0.05) / 4);
});

test("a probability on a border belongs to the bin below it, and 1 to the last", () => {
  const { bins } = calibrationOf(
    scoredOf([
      { logprobs: [-7, -7], gold: [0], choices: ["a", "b"] },
      { logprobs: [-1, -Infinity], gold: [1], choices: ["a", "b"] },
    ]),
  )!;
  assert.deepEqual(
    bins.map(({ low, accuracy, confidence }) => [low, accuracy, confidence]),
    [
      [0.4, 1, 0.5],
      [0.9, 0, 1],
    ],
  );
});

test("leaves out questions of several right choices or without any probability; null where none is left", () => {
  const unusable = [
    { logprobs: [-1, -2], gold: [0, 1], choices: ["a", "b"] },
    { logprobs: [-Infinity, -Infinity], gold: [0], choices: ["a", "b"] },
  ];
  assert.equal(calibrationOf(scoredOf(unusable)), null);
  const calibration = calibrationOf(scoredOf([...unusable, question(0.75, 0)]))!;
  assert.deepEqual([calibration.n, calibration.leftOut], [1, 2]);
  near(calibration.error, 0.25);
});
