import { MediloraError } from "../errors.js";
import { SeededRandom } from "../util/random.js";

/** Both ends of an interval, `low` <= `high`; of a share between 0 and 1, of a difference between -1 and 1. */
export interface Interval {
  low: number;
  high: number;
}

/** How often and from which seed a bootstrap draws. */
export interface BootstrapOptions {
  /** Number of resamples; 10000 by default. */
  resamples?: number;
  /** An integer from 0 to 2^32 - 1; 0 by default. The same seed gives the same interval. */
  seed?: number;
  /** Coverage in (0, 1); 0.95 by default. */
  confidence?: number;
}

/**
 * Wilson's score interval for a proportion; it never leaves 0..1 and is sound for small n and extreme proportions.
 * @param confidence coverage in (0, 1)
 * @throws MediloraError `ARGUMENT_INVALID` unless 0 <= successes <= n, n >= 1, both integers
 * @see Wilson 1927; Newcombe 1998, Two-sided confidence intervals for the single proportion, method 3
 */
export function wilson(successes: number, n: number, confidence = 0.95): Interval {
  checkCount("n", n, 1);
  checkCount("successes", successes, 0, n);
  const z = twoSidedNormalQuantile(confidence);
  const share = successes / n;
  const denominator = 1 + (z * z) / n;
  const centre = (share + (z * z) / (2 * n)) / denominator;
  const half = (z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))) / denominator;
  // The ends are exact at 0 and n; rounding would leave them at 1e-17.
  return { low: successes === 0 ? 0 : centre - half, high: successes === n ? 1 : centre + half };
}

/**
 * Percentile bootstrap interval of a statistic of n items, e.g. macro-F1.
 * @param statistic gets the n indexes of a resample, drawn with replacement; the array is reused between calls
 * @returns the (1 +- confidence) / 2 quantiles of the resamples, interpolated between order statistics
 * @throws MediloraError `ARGUMENT_INVALID` for bad options or a statistic that is no finite number
 * @see Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13
 */
export function bootstrap(
  n: number,
  statistic: (indices: Int32Array) => number,
  options: BootstrapOptions = {},
): Interval {
  checkCount("n", n, 1);
  const indices = new Int32Array(n);
  return bootstrapValues(n, options, (random) => {
    for (let i = 0; i < n; i++) indices[i] = random.below(n);
    return statistic(indices);
  });
}

/** The interval of a bootstrap over n items, by a function that draws a resample and gives its statistic. */
export function bootstrapValues(
  n: number,
  options: BootstrapOptions,
  resampled: (random: SeededRandom) => number,
): Interval {
  const { resamples = 10_000, seed = 0, confidence = 0.95 } = options;
  checkCount("n", n, 1);
  checkCount("resamples", resamples, 1);
  checkConfidence(confidence);
  const random = new SeededRandom(seed);
  const values = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    values[resample] = resampled(random);
    if (!Number.isFinite(values[resample]))
      throw new MediloraError(
        "ARGUMENT_INVALID",
        "The bootstrapped statistic is not finite on a resample. Check the scores, or use a statistic that always is.",
      );
  }
  values.sort();
  return { low: quantile(values, (1 - confidence) / 2), high: quantile(values, (1 + confidence) / 2) };
}

/**
 * McNemar's exact test: the two-sided p-value that two models, right on the same questions equally often, differ as much.
 *
 * Twice the binomial tail P(X <= min(b, c)), X ~ B(b + c, 1/2), at most 1. Summed outwards from the largest term, scaled by
 * its logarithm, so that thousands of discordant questions neither underflow nor take long.
 * @param b questions that only the first model has right
 * @param c questions that only the second model has right
 * @throws MediloraError `ARGUMENT_INVALID` for counts that are no integers >= 0
 * @see McNemar 1947; Fagerland et al. 2013, The McNemar test for binary matched-pairs data
 */
export function mcnemarExact(b: number, c: number): number {
  checkCount("b", b, 0);
  checkCount("c", c, 0);
  if (b === c) return 1;
  const n = b + c;
  const smaller = Math.min(b, c);
  let sum = 0;
  let term = 1;
  for (let k = smaller; k >= 0 && term > sum * Number.EPSILON; k--) {
    sum += term;
    term *= k / (n - k + 1);
  }
  const logLargest = logFactorial(n) - logFactorial(smaller) - logFactorial(n - smaller) - n * Math.LN2;
  return Math.min(1, 2 * sum * Math.exp(logLargest));
}

/** ln n!, n an integer >= 0: a plain sum for small n, else Stirling's series, whose next term is below 1e-12. */
export function logFactorial(n: number): number {
  if (n < 32) {
    let sum = 0;
    for (let i = 2; i <= n; i++) sum += Math.log(i);
    return sum;
  }
  const series = 1 / (12 * n) - 1 / (360 * n ** 3) + 1 / (1260 * n ** 5);
  return (n + 0.5) * Math.log(n) - n + Math.log(2 * Math.PI) / 2 + series;
}

/** z with P(|Z| <= z) = confidence, by Newton's method: the function is concave here, so it climbs without overshoot. */
function twoSidedNormalQuantile(confidence: number): number {
  checkConfidence(confidence);
  let z = 0;
  for (let iteration = 0; iteration < 200; iteration++) {
    const density = Math.exp(-(z * z) / 2) / Math.sqrt(2 * Math.PI);
    const step = (confidence - centralMass(z, density)) / (2 * density);
    z += step;
    if (Math.abs(step) < 1e-14 * z) break;
  }
  return z;
}

/** P(|Z| <= z) = 2 phi(z) (z + z^3/3 + z^5/(3 5) + ...), all terms positive. */
function centralMass(z: number, density: number): number {
  let sum = 0;
  let term = z;
  for (let odd = 1; term > sum * Number.EPSILON; odd += 2) {
    sum += term;
    term *= (z * z) / (odd + 2);
  }
  return 2 * density * sum;
}

/** Linear between the order statistics, as R's type 7 and numpy's default. */
export function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}

function checkCount(name: string, value: number, low: number, high = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || value < low || value > high)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `${name} must be an integer from ${low}${high < Number.MAX_SAFE_INTEGER ? ` to ${high}` : " on"}; it is ${value}.`,
    );
}

function checkConfidence(confidence: number): void {
  if (!(confidence > 0 && confidence < 1))
    throw new MediloraError("ARGUMENT_INVALID", `confidence must be between 0 and 1, as 0.95; it is ${confidence}.`);
}
