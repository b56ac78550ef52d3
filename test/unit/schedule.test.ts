import assert from "node:assert/strict";
import { test } from "node:test";
import { learningRate, totalSteps } from "../../dist/train/schedule.js";

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-15, `${actual} is not ${expected}`);
}

const COSINE = { schedule: "cosine", peak: 2e-4, warmupSteps: 100, totalSteps: 500 } as const;

test("cosine at points known by hand", () => {
  assert.equal(learningRate(0, COSINE), 0);
  near(learningRate(1, COSINE), 2e-6);
  near(learningRate(50, COSINE), 1e-4);
  near(learningRate(99, COSINE), 1.98e-4);
  near(learningRate(100, COSINE), 2e-4);
  near(learningRate(200, COSINE), 1e-4 * (1 + Math.SQRT1_2));
  near(learningRate(300, COSINE), 1e-4);
  near(learningRate(400, COSINE), 1e-4 * (1 - Math.SQRT1_2));
  near(learningRate(500, COSINE), 0);
});

test("linear falls in a straight line, constant stays at the peak", () => {
  const linear = { ...COSINE, schedule: "linear" } as const;
  near(learningRate(50, linear), 1e-4);
  near(learningRate(100, linear), 2e-4);
  near(learningRate(400, linear), 0.5e-4);
  near(learningRate(500, linear), 0);
  const constant = { ...COSINE, schedule: "constant" } as const;
  near(learningRate(50, constant), 1e-4);
  assert.equal(learningRate(100, constant), 2e-4);
  assert.equal(learningRate(499, constant), 2e-4);
});

test("without warm-up the first step has the peak rate", () => {
  for (const schedule of ["cosine", "linear", "constant"] as const)
    assert.equal(learningRate(0, { schedule, peak: 0.5, warmupSteps: 0, totalSteps: 4 }), 0.5);
});

test("past the end the rate stays at 0 instead of rising again", () => {
  assert.equal(learningRate(900, COSINE), 0);
  assert.equal(learningRate(900, { ...COSINE, schedule: "linear" }), 0);
});

test("a warm-up longer than the run just rises", () => {
  near(learningRate(9, { ...COSINE, totalSteps: 10 }), 1.8e-5);
});

test("the rate only rises in the warm-up and only falls after it", () => {
  for (let step = 1; step <= 500; step++) {
    const change = learningRate(step, COSINE) - learningRate(step - 1, COSINE);
    assert.ok(step <= 100 ? change > 0 : change < 0, `step ${step}`);
  }
});

test("a step that is none is refused", () => {
  for (const step of [-1, 0.5, Number.NaN])
    assert.throws(() => learningRate(step, COSINE), { code: "ARGUMENT_INVALID", message: /step/ });
});

test("total steps = ceil(epochs * ceil(micro-batches / accumulation))", () => {
  assert.equal(totalSteps(2, 100, 4), 50);
  assert.equal(totalSteps(2, 101, 4), 52);
  assert.equal(totalSteps(1, 3, 8), 1);
  assert.equal(totalSteps(0.5, 101, 4), 13);
  assert.equal(totalSteps(0.01, 10, 1), 1);
});

test("total steps refuses counts that are not positive", () => {
  for (const [epochs, microBatches, accumulation] of [
    [0, 1, 1],
    [Number.POSITIVE_INFINITY, 1, 1],
    [1, 0, 1],
    [1, 1.5, 1],
    [1, 1, 0],
  ] as const)
    assert.throws(() => totalSteps(epochs, microBatches, accumulation), { code: "ARGUMENT_INVALID" });
});
