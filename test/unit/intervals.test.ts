import assert from "node:assert/strict";
import { test } from "node:test";
import { binomial, bootstrapCounts } from "../../dist/eval/countBootstrap.js";
import { bootstrap, mcnemarExact, wilson } from "../../dist/eval/intervals.js";
import { macroF1Interval } from "../../dist/eval/macroF1Interval.js";
import { classificationMetrics } from "../../dist/eval/metrics.js";
import { pairedBootstrapDifference } from "../../dist/eval/pairedDifference.js";
import { SeededRandom } from "../../dist/util/random.js";

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected} +- ${tolerance}`);
}

test("wilson gives the published intervals", () => {
  // Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3 (score, without continuity correction).
  const published = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const;
  for (const [successes, n, low, high] of published) {
    const interval = wilson(successes, n);
    near(interval.low, low, 5e-5);
    near(interval.high, high, 5e-5);
  }
});

test("wilson at other confidences, against its closed form with tabulated quantiles", () => {
  // z of 99%, to 16 digits, from the tables; 3 of 7.
  const z = 2.5758293035489004;
  const centre = (3 / 7 + (z * z) / 14) / (1 + (z * z) / 7);
  const half = (z * Math.sqrt((3 / 7) * (4 / 7) * (1 / 7) + (z * z) / 196)) / (1 + (z * z) / 7);
  const interval = wilson(3, 7, 0.99);
  near(interval.low, centre - half, 1e-13);
  near(interval.high, centre + half, 1e-13);
  const wide = wilson(3, 7, 1 - 1e-9);
  assert.ok(wide.low > 0 && wide.low < interval.low && wide.high > interval.high && wide.high < 1);
});

test("wilson's ends are exact at none and all, and mirror each other", () => {
  assert.equal(wilson(0, 1).low, 0);
  assert.equal(wilson(13, 13).high, 1);
  near(wilson(13, 13).low, 1 - wilson(0, 13).high, 1e-15);
  near(wilson(3, 10).low, 1 - wilson(7, 10).high, 1e-15);
});

test("wilson refuses what is no proportion", () => {
  for (const [successes, n] of [
    [0, 0],
    [-1, 5],
    [6, 5],
    [1.5, 5],
    [1, Number.NaN],
  ] as const)
    assert.throws(() => wilson(successes, n), { code: "ARGUMENT_INVALID" });
  for (const confidence of [0, 1, 95, Number.NaN])
    assert.throws(() => wilson(1, 2, confidence), { code: "ARGUMENT_INVALID", message: /confidence/ });
});

test("bootstrap of a mean agrees with the normal interval and is seeded", () => {
  // 300 ones in 1000: standard error sqrt(.3 .7 / 1000) = .01449, half-width .02840.
  const scores = Array.from({ length: 1000 }, (_, i) => (i < 300 ? 1 : 0));
  const mean = (indices: Int32Array) => indices.reduce((sum, i) => sum + scores[i]!, 0) / indices.length;
  const interval = bootstrap(1000, mean, { resamples: 4000, seed: 7 });
  near(interval.low, 0.3 - 0.0284, 0.003);
  near(interval.high, 0.3 + 0.0284, 0.003);
  assert.deepEqual(bootstrap(1000, mean, { resamples: 4000, seed: 7 }), interval);
  assert.notDeepEqual(bootstrap(1000, mean, { resamples: 4000, seed: 8 }), interval);
  const narrower = bootstrap(1000, mean, { resamples: 4000, seed: 7, confidence: 0.8 });
  near(narrower.high - narrower.low, 2 * 1.2816 * 0.01449, 0.004);
});

test("bootstrap hands out n indexes below n and interpolates between order statistics", () => {
  const values = [4, 1, 3, 2];
  let calls = 0;
  const interval = bootstrap(
    3,
    (indices) => {
      assert.equal(indices.length, 3);
      for (const index of indices) assert.ok(index >= 0 && index < 3);
      return values[calls++]!;
    },
    { resamples: 4, confidence: 0.5 },
  );
  // Order statistics 1 2 3 4 at positions 0..3: the quartiles stand at 0.75 and 2.25.
  assert.deepEqual(interval, { low: 1.75, high: 3.25 });
});

test("bootstrap of macro-F1 holds the point estimate", () => {
  const items = Array.from({ length: 200 }, (_, i) => ({
    gold: i % 2 === 0 ? "yes" : "no",
    predicted: i % 5 === 0 ? null : i % 3 === 0 ? "yes" : "no",
  }));
  const macroF1 = (chosen: typeof items) => classificationMetrics(chosen, ["yes", "no"]).macroF1;
  const point = macroF1(items);
  const interval = bootstrap(items.length, (indices) => macroF1(Array.from(indices, (i) => items[i]!)), {
    resamples: 500,
  });
  assert.ok(interval.low < point && point < interval.high);
  assert.ok(interval.high - interval.low < 0.2);
});

test("bootstrap refuses a statistic that is not finite, and bad options", () => {
  assert.throws(() => bootstrap(3, () => Number.NaN, { resamples: 2 }), { code: "ARGUMENT_INVALID" });
  assert.throws(() => bootstrap(0, () => 1), { code: "ARGUMENT_INVALID", message: /^n must/ });
  assert.throws(() => bootstrap(3, () => 1, { resamples: 0 }), { code: "ARGUMENT_INVALID", message: /resamples/ });
  assert.throws(() => bootstrap(3, () => 1, { confidence: 1 }), { code: "ARGUMENT_INVALID", message: /confidence/ });
});

test("the paired difference keeps both scores of a question together", () => {
  const a = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 1 : 0));
  const shifted = Float64Array.from(a, (score) => score - 0.25);
  const constant = pairedBootstrapDifference(a, shifted, { resamples: 200 });
  assert.deepEqual(constant, { difference: 0.25, low: 0.25, high: 0.25 });
});

test("the paired difference of 60 wins and 40 losses in 500 agrees with its normal interval", () => {
  // Differences: 60 of +1, 40 of -1, 400 of 0. Mean .04, variance .2 - .0016, standard error .01992.
  const a = Array.from({ length: 500 }, (_, i) => (i < 60 ? 1 : 0));
  const b = Array.from({ length: 500 }, (_, i) => (i >= 60 && i < 100 ? 1 : 0));
  const result = pairedBootstrapDifference(a, b, { seed: 3, resamples: 4000 });
  near(result.difference, 0.04, 1e-12);
  near(result.low, 0.04 - 1.96 * 0.01992, 0.005);
  near(result.high, 0.04 + 1.96 * 0.01992, 0.005);
  assert.deepEqual(pairedBootstrapDifference(a, b, { seed: 3, resamples: 4000 }), result);
});

test("the paired interval of two questions is the one counted by hand", () => {
  // Differences 1 and 0: a resample's mean is 0, 1/2, 1 in 1, 2, 1 of 4 cases.
  const of = (confidence: number) => pairedBootstrapDifference([1, 1], [0, 1], { confidence });
  assert.deepEqual(of(0.95), { difference: 0.5, low: 0, high: 1 });
  assert.deepEqual(of(0.4), { difference: 0.5, low: 0.5, high: 0.5 });
});

test("macro-F1's interval of two questions is the one counted by hand", () => {
  // yes answered yes, no answered yes. Twice the first: F1 1 and 0; one each: 2/3 and 0; twice the second: 0 and 0.
  const items = [
    { gold: "yes", predicted: "yes" },
    { gold: "no", predicted: "yes" },
  ];
  assert.deepEqual(macroF1Interval(items, ["yes", "no"]), { low: 0, high: 0.5 });
  // An invalid answer is no prediction: 0, 2/3 / 2 and 1 / 2 again, with other counts behind them.
  const invalid = [items[0]!, { gold: "yes", predicted: null }];
  assert.deepEqual(macroF1Interval(invalid, ["yes", "no"]), { low: 0, high: 0.5 });
  assert.deepEqual(macroF1Interval([items[0]!], ["yes", "no"]), { low: 0.5, high: 0.5 });
});

test("paired scores must be equally many, finite and there", () => {
  assert.throws(() => pairedBootstrapDifference([1], [1, 2]), { code: "ARGUMENT_INVALID", message: /1 and 2/ });
  assert.throws(() => pairedBootstrapDifference([], []), { code: "ARGUMENT_INVALID" });
  assert.throws(() => pairedBootstrapDifference([Number.NaN], [1]), { code: "ARGUMENT_INVALID" });
});

test("mcnemarExact on counts worked out by hand", () => {
  assert.equal(mcnemarExact(0, 0), 1);
  assert.equal(mcnemarExact(17, 17), 1);
  assert.equal(mcnemarExact(3, 4), 1);
  near(mcnemarExact(0, 5), 2 / 32, 1e-15);
  near(mcnemarExact(1, 9), (2 * (1 + 10)) / 1024, 1e-15);
  near(mcnemarExact(9, 1), (2 * (1 + 10)) / 1024, 1e-15);
  near(mcnemarExact(2, 8), (2 * (1 + 10 + 45)) / 1024, 1e-15);
});

/** 2 P(X <= min), by exact integers: the binomial coefficients over 2^n, to 18 digits. */
function exactP(b: number, c: number): number {
  const n = b + c;
  let coefficient = 1n;
  let sum = 0n;
  for (let k = 0; k <= Math.min(b, c); k++) {
    sum += coefficient;
    coefficient = (coefficient * BigInt(n - k)) / BigInt(k + 1);
  }
  return Number((2n * sum * 10n ** 24n) / 2n ** BigInt(n)) / 1e24;
}

test("mcnemarExact agrees with exact integer arithmetic, also for large counts", () => {
  for (const [b, c] of [
    [15, 16],
    [15, 17],
    [20, 33],
    [150, 86],
    [700, 640],
    [1400, 1500],
    [5000, 5200],
  ] as const) {
    const exact = exactP(b, c);
    near(mcnemarExact(b, c) / exact, 1, 1e-10);
  }
  // Beyond the smallest double, still finite and in 0..1.
  assert.equal(mcnemarExact(0, 5000), 0);
  assert.ok(mcnemarExact(500_000, 500_001) === 1);
});

test("mcnemarExact refuses what is no count", () => {
  for (const [b, c] of [
    [-1, 2],
    [1, 2.5],
    [Number.NaN, 1],
  ] as const)
    assert.throws(() => mcnemarExact(b, c), { code: "ARGUMENT_INVALID" });
});

test("binomial draws have the distribution's probabilities", () => {
  // B(5, 0.3): 0.16807, 0.36015, 0.3087, 0.1323, 0.02835, 0.00243.
  const random = new SeededRandom(5);
  const draws = 40_000;
  const found = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < draws; i++) found[binomial(5, 0.3, random)]! += 1;
  [0.16807, 0.36015, 0.3087, 0.1323, 0.02835, 0.00243].forEach((p, k) => {
    // Five standard errors.
    near(found[k]! / draws, p, 5 * Math.sqrt((p * (1 - p)) / draws));
  });
  assert.deepEqual([binomial(9, 0, random), binomial(9, 1, random), binomial(0, 0.5, random)], [0, 9, 0]);
});

test("binomial draws of large numbers have their mean and variance, and stay in range", () => {
  const random = new SeededRandom(6);
  for (const [n, p] of [
    [100_000, 0.37],
    [100_000, 1e-5],
    [1_000_000, 0.9999],
  ] as const) {
    const draws = Array.from({ length: 4000 }, () => binomial(n, p, random));
    assert.ok(draws.every((k) => Number.isInteger(k) && k >= 0 && k <= n));
    const mean = draws.reduce((sum, k) => sum + k, 0) / draws.length;
    const variance = draws.reduce((sum, k) => sum + (k - mean) ** 2, 0) / (draws.length - 1);
    near(mean, n * p, 5 * Math.sqrt((n * p * (1 - p)) / draws.length));
    near(variance / (n * p * (1 - p)), 1, 0.15);
  }
});

test("counts of kinds give the interval that drawing items gives, and add up to all items", () => {
  // 40 x +1, 25 x -1, 135 x 0: standard error of the mean sqrt((65 - 15^2 / 200) / 200) / sqrt(200) = .03994.
  const counts = [40, 25, 0, 135];
  const interval = bootstrapCounts(counts, (drawn) => {
    assert.equal(
      drawn.reduce((sum, count) => sum + count, 0),
      200,
    );
    assert.equal(drawn[2], 0);
    return (drawn[0]! - drawn[1]!) / 200;
  });
  near(interval.low, 0.075 - 1.96 * 0.03994, 0.006);
  near(interval.high, 0.075 + 1.96 * 0.03994, 0.006);
  const items = counts.flatMap((count, kind) => Array.from({ length: count }, () => [1, -1, 0, 0][kind]!));
  const byItem = bootstrap(200, (indices) => indices.reduce((sum, i) => sum + items[i]!, 0) / 200);
  near(interval.low, byItem.low, 0.006);
  near(interval.high, byItem.high, 0.006);
});

test("a million questions are compared without drawing each of them ten thousand times", () => {
  const a = Float64Array.from({ length: 1_000_000 }, (_, i) => Number(i % 10 < 6));
  const b = Float64Array.from({ length: 1_000_000 }, (_, i) => Number(i % 10 >= 5));
  // Differences: +1 in five of ten, 0 in one, -1 in four; standard error sqrt(0.9 - 0.01) / 1000 = .000943.
  const { difference, low, high } = pairedBootstrapDifference(a, b);
  near(difference, 0.1, 1e-12);
  near(low, 0.1 - 1.96 * 0.000943, 1e-4);
  near(high, 0.1 + 1.96 * 0.000943, 1e-4);
});
