import assert from "node:assert/strict";
import { test } from "node:test";
import { SampleCost } from "../../dist/train/sampleCost.js";

test("samples that take a quarter of the time or more are told of once, and a little never", () => {
  const cost = new SampleCost();
  assert.equal(cost.addSamples(29), undefined, "29 s are a little, though they are all of the time");
  cost.addStep(91);
  assert.equal(cost.addSamples(1), undefined, "30 of 121 s are less than a quarter");
  assert.match(cost.addSamples(1)!, /^Samples took 25% of the time so far\..*eval_table_size.*eval_steps/);
  assert.equal(cost.addSamples(1000), undefined, "once");
});
