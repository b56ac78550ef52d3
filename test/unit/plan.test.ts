import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTrainConfig } from "../../dist/config/load.js";
import { TrainingPlan } from "../../dist/train/plan.js";

/** Ten samples that fill a bin each: 10 micro-batches of 1, 2 a step, 5 steps. */
function warningsOf(warmup: number): string[] {
  const samples = Array.from({ length: 10 }, () => ({
    tokens: new Int32Array(8).fill(5),
    labelMask: new Uint8Array(8).fill(1),
  }));
  const config = parseTrainConfig({
    adapter: "lora",
    base_model: "base.gguf",
    datasets: [{ path: "rows.jsonl", type: "completion" }],
    sequence_len: 8,
    micro_batch_size: 1,
    gradient_accumulation_steps: 2,
    num_epochs: 1,
    warmup_steps: warmup,
    output_dir: "out",
  });
  const plan = new TrainingPlan(samples, config);
  assert.equal(plan.totalSteps, 5);
  return plan.warnings;
}

test("a warm-up that the run's steps do not outlast is told", () => {
  // Steps count from 0 and the peak is at step W: of 5 steps the last one is 4.
  assert.deepEqual(warningsOf(0), []);
  assert.deepEqual(warningsOf(4), []);
  for (const warmup of [5, 100])
    assert.deepEqual(warningsOf(warmup), [
      `warmup_steps ${warmup} does not end within the run's 5 steps: the learning rate never reaches its peak. Lower warmup_steps.`,
    ]);
});
