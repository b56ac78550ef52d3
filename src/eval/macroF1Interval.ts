import { bootstrap, type Interval } from "./intervals.js";
import type { ScoredItem } from "./metrics.js";

/**
 * Percentile bootstrap interval (95%, 10,000 resamples, seed 0) of the macro-F1 that `classificationMetrics` gives.
 * @param items at least one; gold and predicted labels are among `labels`, an invalid answer is null
 * @throws MediloraError `ARGUMENT_INVALID` without items
 */
export function macroF1Interval(items: readonly ScoredItem[], labels: readonly string[]): Interval {
  const gold = Int32Array.from(items, (item) => labels.indexOf(item.gold));
  // -1 for an invalid answer: it is no class.
  const predicted = Int32Array.from(items, (item) => (item.predicted === null ? -1 : labels.indexOf(item.predicted)));
  const right = new Int32Array(labels.length);
  /** Support and predictions of each label together: the denominator of its F1. */
  const total = new Int32Array(labels.length);
  return bootstrap(items.length, (indices) => {
    right.fill(0);
    total.fill(0);
    for (const index of indices) {
      const [g, p] = [gold[index]!, predicted[index]!];
      total[g]! += 1;
      if (p >= 0) total[p]! += 1;
      if (p === g) right[g]! += 1;
    }
    return labels.reduce((sum, _, i) => sum + (total[i] === 0 ? 0 : (2 * right[i]!) / total[i]!), 0) / labels.length;
  });
}
