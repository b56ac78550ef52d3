import type { SeededRandom } from "../util/random.js";
import { type BootstrapOptions, bootstrapValues, type Interval, logFactorial } from "./intervals.js";

/**
 * Percentile bootstrap interval of a statistic that depends only on how many items are of each kind. The kinds' numbers of
 * a resample are drawn at once, which gives the same distribution as drawing its items one by one, in time that hardly
 * grows with their number.
 * @param counts    items of each kind
 * @param statistic gets the numbers of a resample, [kinds], which add up to all items; the array is reused between calls
 * @throws MediloraError `ARGUMENT_INVALID` as `bootstrap`
 */
export function bootstrapCounts(
  counts: readonly number[],
  statistic: (counts: Float64Array) => number,
  options: BootstrapOptions = {},
): Interval {
  const n = counts.reduce((sum, count) => sum + count, 0);
  const drawn = new Float64Array(counts.length);
  return bootstrapValues(n, options, (random) => {
    // A multinomial draw, kind after kind: each one's number is binomial among the items that are left.
    let left = n;
    let others = n;
    counts.forEach((count, kind) => {
      drawn[kind] = count === others ? left : binomial(left, count / others, random);
      left -= drawn[kind]!;
      others -= count;
    });
    return statistic(drawn);
  });
}

/**
 * A number from B(n, p): the probabilities from the likeliest number outwards are taken off a uniform number until none of
 * it is left, which takes some sqrt(n p (1 - p)) steps.
 * @param p in 0..1
 * @see Kemp 1986, A modal method for generating binomial variables
 */
export function binomial(n: number, p: number, random: SeededRandom): number {
  if (n === 0 || p <= 0) return 0;
  if (p >= 1) return n;
  const mode = Math.min(n, Math.floor((n + 1) * p));
  const logWays = logFactorial(n) - logFactorial(mode) - logFactorial(n - mode);
  const likeliest = Math.exp(logWays + mode * Math.log(p) + (n - mode) * Math.log1p(-p));
  const odds = p / (1 - p);
  let uniform = (random.uint32() * 2 ** 21 + (random.uint32() >>> 11)) / 2 ** 53 - likeliest;
  let [below, above] = [likeliest, likeliest];
  for (let low = mode, high = mode; uniform > 0 && (low > 0 || high < n); ) {
    if (low > 0) {
      below *= low / ((n - low + 1) * odds);
      low -= 1;
      uniform -= below;
      if (uniform <= 0) return low;
    }
    if (high < n) {
      above *= ((n - high) * odds) / (high + 1);
      high += 1;
      uniform -= above;
      if (uniform <= 0) return high;
    }
  }
  return mode;
}
