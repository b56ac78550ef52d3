import { MediloraError } from "../errors.js";
import type { EvaluationResult } from "./evaluationResult.js";
import { type Interval, mcnemarExact } from "./intervals.js";
import { pairedBootstrapDifference } from "./pairedDifference.js";
import { taskId } from "./task.js";

/** A share of the first result less that of the second, with its 95% interval. */
export type Difference = Interval & { difference: number };

/** Two models on the same questions, by generated answers; differences are the first's less the second's. */
export interface EvaluationComparison {
  /** Questions that both answered. */
  n: number;
  accuracy: Difference;
  validRate: Difference;
  /** Questions that only one of the two has right; an invalid answer is wrong. */
  onlyFirstRight: number;
  onlySecondRight: number;
  /** McNemar's exact two-sided p-value for equal accuracy. */
  pValue: number;
}

/**
 * Compares two models on the same questions: paired bootstrap over questions (10,000 resamples, seed 0), and McNemar's
 * exact test. The items may stand in another order.
 * @throws MediloraError `ARGUMENT_INVALID` for another task, other questions or other gold labels
 */
export function compareEvaluations(first: EvaluationResult, second: EvaluationResult): EvaluationComparison {
  checkSameTask(first, second);
  const pairs = pairItems(first.items, second.items);
  const { difference: accuracy, ...right } = comparePairs(pairs, ({ extracted, gold }) => Number(extracted === gold));
  const { difference: validRate } = comparePairs(pairs, ({ extracted }) => Number(extracted !== null));
  return { ...right, accuracy, validRate };
}

/** How two models' scores of the same questions differ. */
export interface PairComparison
  extends Pick<EvaluationComparison, "n" | "onlyFirstRight" | "onlySecondRight" | "pValue"> {
  /** Of the means. */
  difference: Difference;
}

/** What a comparison of shares has in place of McNemar's test, which is for questions that are right or wrong. */
export const UNTESTED = { onlyFirstRight: null, onlySecondRight: null, pValue: null };

/**
 * Paired bootstrap over questions (10,000 resamples, seed 0) and McNemar's exact test.
 * @param pairs what the first and the second model made of each question; at least one
 * @param scoreOf 1 for right and 0 for wrong, or a share, for which only the difference counts
 */
export function comparePairs<Item>(
  pairs: ReadonlyArray<readonly [Item, Item]>,
  scoreOf: (item: Item) => number,
): PairComparison {
  const first = pairs.map(([item]) => scoreOf(item));
  const second = pairs.map(([, item]) => scoreOf(item));
  const onlyFirstRight = first.filter((score, i) => score > second[i]!).length;
  const onlySecondRight = first.filter((score, i) => score < second[i]!).length;
  return {
    n: pairs.length,
    difference: pairedBootstrapDifference(first, second),
    onlyFirstRight,
    onlySecondRight,
    pValue: mcnemarExact(onlyFirstRight, onlySecondRight),
  };
}

/** What is paired: the answers to one question. */
interface Pairable {
  id: string;
  gold: string | readonly number[];
}

/**
 * Pairs the answers of two models to the same questions, in the first one's order.
 * @throws MediloraError `ARGUMENT_INVALID` for other questions or other gold labels
 */
export function pairItems<Item extends Pairable>(first: readonly Item[], second: readonly Item[]): Array<[Item, Item]> {
  const others = new Map(second.map((item) => [item.id, item]));
  const pairs = first.map((item, i): [Item, Item] => {
    const other = others.get(item.id);
    if (other === undefined) throw incomparable(`only the first one has its question ${i + 1}`);
    if (String(other.gold) !== String(item.gold))
      throw incomparable(`the gold labels of the first one's question ${i + 1} differ`);
    others.delete(item.id);
    return [item, other];
  });
  const extra = second.findIndex(({ id }) => others.has(id));
  if (extra >= 0) throw incomparable(`only the second one has its question ${extra + 1}`);
  return pairs;
}

/** @throws MediloraError `ARGUMENT_INVALID` unless two results are of the same task and version */
export function checkSameTask(
  first: { task: { name: string; version: number; definition?: string } },
  second: typeof first,
): void {
  if (taskId(first.task) !== taskId(second.task))
    throw incomparable(`the tasks differ (${taskId(first.task)} and ${taskId(second.task)})`);
  if (first.task.definition !== second.task.definition)
    throw incomparable(`the definitions of ${taskId(first.task)} differ`);
}

function incomparable(reason: string): MediloraError {
  return new MediloraError(
    "ARGUMENT_INVALID",
    `The results cannot be compared: ${reason}. Evaluate both models on the same questions.`,
  );
}
