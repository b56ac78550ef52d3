import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compareScores, perplexityOf } from "../../dist/quantize/perplexityStatistics.js";

const floats = (...values: number[]) => Float64Array.from(values);
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12 * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`);

describe("statistics of token scores", () => {
  it("perplexity is exp of the mean negative log-probability, its error that of the mean times it", () => {
    // -ln p: 1, 2, 3, 6: mean 3, squared deviations 4 + 1 + 0 + 9 = 14, error sqrt(14 / 4 / 3).
    const { value, error } = perplexityOf(floats(-1, -2, -3, -6));
    near(value, Math.exp(3));
    near(error, Math.exp(3) * Math.sqrt(14 / 12));
    assert.deepEqual(perplexityOf(floats(0)), { value: 1, error: 0 });
  });

  it("compares token by token", () => {
    const { referencePerplexity, ratio, divergence, topAgreement, probabilityChange } = compareScores({
      logprobs: floats(Math.log(0.5), Math.log(0.2), Math.log(0.4)),
      referenceLogprobs: floats(Math.log(0.4), Math.log(0.4), Math.log(0.4)),
      divergences: floats(0.3, 0.1, 0.2),
      sameTop: Uint8Array.of(1, 0, 1),
    });
    near(referencePerplexity.value, 2.5);
    near(referencePerplexity.error, 0);
    // (0.4 / 0.5 * 0.4 / 0.2 * 1)^(1/3)
    near(ratio.value, 1.6 ** (1 / 3));
    const logs = [Math.log(0.8), Math.log(2), 0];
    const mean = Math.log(1.6) / 3;
    near(ratio.error, ratio.value * Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / 3 / 2));
    near(divergence.mean.value, 0.2);
    near(divergence.mean.error, Math.sqrt(0.02 / 3 / 2));
    near(divergence.median, 0.2);
    near(divergence.p90, 0.28);
    near(divergence.p999, 0.2998);
    near(divergence.max, 0.3);
    near(topAgreement.value, 2 / 3);
    near(topAgreement.error, Math.sqrt((2 / 3) * (1 / 3) * (1 / 2)));
    // Changes: 0.1, -0.2, 0.
    near(probabilityChange.mean.value, -0.1 / 3);
    near(probabilityChange.rms.value, Math.sqrt(0.05 / 3));
    const squares = [0.01, 0.04, 0];
    const error = Math.sqrt(squares.reduce((sum, square) => sum + (square - 0.05 / 3) ** 2, 0) / 3 / 2);
    near(probabilityChange.rms.error, error / (2 * Math.sqrt(0.05 / 3)));
  });
});
