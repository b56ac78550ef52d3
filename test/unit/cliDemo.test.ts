import assert from "node:assert/strict";
import { test } from "node:test";
import { problems } from "../../dist/demo/report.js";

type Outcome = Parameters<typeof problems>[0];

/** Only what the demo judges by: the losses, and how many of 100 answers are valid. */
function outcome(losses: number[], valid: number): Outcome {
  const history = losses.map((loss, index) => ({ step: index + 1, epoch: 0, loss }));
  return { training: { history }, tuned: { metrics: { validRate: valid / 100 } } } as unknown as Outcome;
}

const FALLING = [9, 9, 9, 9, 9, 2, 2, 2, 2, 2];

test("the demo is content with a lower loss and 95% of valid answers", () => {
  assert.deepEqual(problems(outcome(FALLING, 95)), []);
});

test("94% of valid answers are too few", () => {
  assert.deepEqual(problems(outcome(FALLING, 94)), [
    "94.0% of the tuned model's answers are valid; 95.0% are expected.",
  ]);
});

test("the loss is judged by the means of five steps, so one lucky step is no success", () => {
  const [problem] = problems(outcome([4, 4, 4, 4, 4, 5, 5, 5, 5, 1], 100));
  assert.equal(problem, "the training loss did not fall: 4.000 -> 4.200.");
  assert.equal(problems(outcome([Number.NaN, 4, 4, 4, 4], 100)).length, 1, "a loss that is no number has not fallen");
});
