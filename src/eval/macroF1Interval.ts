import { bootstrapCounts } from "./countBootstrap.js";
import type { Interval } from "./intervals.js";
import type { ScoredItem } from "./metrics.js";

/**
 * Percentile bootstrap interval (95%, 10,000 resamples, seed 0) of the macro-F1 that `classificationMetrics` gives.
 * @param items at least one; gold and predicted labels are among `labels`, an invalid answer is null
 * @throws MediloraError `ARGUMENT_INVALID` without items
 */
export function macroF1Interval(items: readonly ScoredItem[], labels: readonly string[]): Interval {
  // Macro-F1 asks only how many items have which gold and which predicted label.
  const kinds = new Map<string, { gold: number; predicted: number; count: number }>();
  for (const item of items) {
    const gold = labels.indexOf(item.gold);
    // -1 for an invalid answer: it is no class.
    const predicted = item.predicted === null ? -1 : labels.indexOf(item.predicted);
    const kind = kinds.get(`${gold} ${predicted}`);
    if (kind === undefined) kinds.set(`${gold} ${predicted}`, { gold, predicted, count: 1 });
    else kind.count += 1;
  }
  const cells = [...kinds.values()];
  const right = new Float64Array(labels.length);
  /** Support and predictions of each label together: the denominator of its F1. */
  const total = new Float64Array(labels.length);
  return bootstrapCounts(
    cells.map(({ count }) => count),
    (counts) => {
      right.fill(0);
      total.fill(0);
      cells.forEach(({ gold, predicted }, i) => {
        total[gold]! += counts[i]!;
        if (predicted >= 0) total[predicted]! += counts[i]!;
        if (predicted === gold) right[gold]! += counts[i]!;
      });
      return labels.reduce((sum, _, i) => sum + (total[i] === 0 ? 0 : (2 * right[i]!) / total[i]!), 0) / labels.length;
    },
  );
}
