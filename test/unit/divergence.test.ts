import assert from "node:assert/strict";
import { test } from "node:test";
import { DivergenceGuard } from "../../dist/train/divergence.js";
import { EarlyStopping } from "../../dist/train/earlyStopping.js";

const notFinite = (message: RegExp) => ({ code: "GRADIENT_NOT_FINITE", message });

test("a first step that is not finite ends the run", () => {
  assert.throws(() => new DivergenceGuard().observe(1, false), notFinite(/at step 1, .*base model.*learning_rate/));
});

test("two in a row pass, a third does not, and a good step between them starts the count anew", () => {
  const guard = new DivergenceGuard();
  for (const [step, finite] of [true, false, false, true, false, false].entries()) guard.observe(step + 1, finite);
  assert.throws(() => guard.observe(7, false), notFinite(/at steps 5 to 7, /));
});

test("a resumed run may begin with a bad step", () => {
  new DivergenceGuard().observe(5, false);
});

test("a run that ends with a step that is not finite has diverged", () => {
  const guard = new DivergenceGuard();
  guard.checkEnd();
  guard.observe(1, true);
  guard.checkEnd();
  guard.observe(2, false);
  assert.throws(() => guard.checkEnd(), notFinite(/at step 2, /));
});

test("a run that is resumed between bad steps, or behind its last one, ends as the whole one would", () => {
  const whole = new DivergenceGuard();
  for (const [step, finite] of [true, false, false].entries()) whole.observe(step + 1, finite);
  const resumed = new DivergenceGuard();
  resumed.restore(3, whole.inARow);
  assert.throws(() => resumed.checkEnd(), notFinite(/at steps 2 to 3, /));
  assert.throws(() => resumed.observe(4, false), notFinite(/at steps 2 to 4, /));
});

test("a validation loss that is not finite counts as no gain and never as the best", () => {
  const stopping = new EarlyStopping(2);
  assert.equal(stopping.observe(1, Number.NaN), false);
  assert.equal(stopping.observe(2, 3), true);
  assert.deepEqual(stopping.state, { best: { step: 2, loss: 3 }, withoutGain: 0 });
  assert.equal(stopping.observe(3, Number.NaN), false);
  assert.equal(stopping.shouldStop, false);
  stopping.observe(4, Number.POSITIVE_INFINITY);
  assert.equal(stopping.shouldStop, true);
});
