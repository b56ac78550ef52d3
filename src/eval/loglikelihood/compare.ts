import { checkSameTask, comparePairs, type Difference, pairItems, UNTESTED } from "../compare.js";
import type { LikelihoodItem, LikelihoodResult } from "./result.js";
import type { LikelihoodMetric } from "./task.js";

/** How two models differ by one metric of one task; of a group also by all its tasks' headlines together. */
export interface LikelihoodComparison {
  /** Null for the questions of all tasks of a group, each by its task's headline. */
  task: string | null;
  metric: LikelihoodMetric | "headline";
  /** Questions that both were scored on. */
  n: number;
  /** Of the means. */
  difference: Difference;
  /** Questions that only one of the two has right; null for mc2, which is a share. */
  onlyFirstRight: number | null;
  onlySecondRight: number | null;
  /** McNemar's exact two-sided p-value for equal means; null for mc2. */
  pValue: number | null;
}

/**
 * Compares two models on the same questions by every metric of every task: paired bootstrap over questions (10,000
 * resamples, seed 0), and McNemar's exact test where a question is right or wrong. The items may stand in another order.
 * Shots, BOS and strategy may differ: that can be what is compared.
 * @throws MediloraError `ARGUMENT_INVALID` for another task, other questions or gold choices
 */
export function compareLikelihoods(first: LikelihoodResult, second: LikelihoodResult): LikelihoodComparison[] {
  checkSameTask(first, second);
  const keyed = ({ items }: LikelihoodResult) => items.map((item) => ({ ...item, id: `${item.task}/${item.id}` }));
  const pairs = pairItems(keyed(first), keyed(second));
  const single = first.tasks.flatMap(({ name, metrics }) => {
    const own = pairs.filter(([{ task }]) => task === name);
    return metrics.map(({ metric }) => ({ task: name, metric, ...compareBy(own, metric === "mc2", scoreBy(metric)) }));
  });
  if (first.group === null) return single;
  const headlines = new Map(first.tasks.map(({ name, metrics }) => [name, metrics[0]!.metric]));
  const isShare = [...headlines.values()].includes("mc2");
  const headline = (item: LikelihoodItem) => item.scores[headlines.get(item.task)!]!;
  return [...single, { task: null, metric: "headline", ...compareBy(pairs, isShare, headline) }];
}

type Pair = readonly [LikelihoodItem, LikelihoodItem];

function scoreBy(metric: LikelihoodMetric): (item: LikelihoodItem) => number {
  return ({ scores }) => scores[metric]!;
}

function compareBy(pairs: readonly Pair[], isShare: boolean, scoreOf: (item: LikelihoodItem) => number) {
  return { ...comparePairs(pairs, scoreOf), ...(isShare && UNTESTED) };
}
