import assert from "node:assert/strict";
import { test } from "node:test";
import { secondsOfLayers } from "../../dist/train/estimate.js";

test("a model's time is that of one block and what a block of three adds, and never negative", () => {
  assert.equal(secondsOfLayers(32, 2, 3), 2 + 31 * 0.5);
  assert.equal(secondsOfLayers(4, 1, 3), 4);
  assert.equal(secondsOfLayers(32, 2, 1.5), 2, "noise: three blocks were faster than one");
});
