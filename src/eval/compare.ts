import { MediloraError } from "../errors.js";
import type { EvaluationItem, EvaluationResult } from "./evaluationResult.js";
import { type Interval, mcnemarExact, pairedBootstrapDifference } from "./intervals.js";
import { taskId } from "./task.js";

/** A share of the first result less that of the second, with its 95% interval. */
export type Difference = Interval & { difference: number };

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
  const right = ({ extracted, gold }: EvaluationItem) => Number(extracted === gold);
  const valid = ({ extracted }: EvaluationItem) => Number(extracted !== null);
  const difference = (score: (item: EvaluationItem) => number): Difference =>
    pairedBootstrapDifference(
      pairs.map(([a]) => score(a)),
      pairs.map(([, b]) => score(b)),
    );
  const onlyFirstRight = pairs.filter(([a, b]) => right(a) > right(b)).length;
  const onlySecondRight = pairs.filter(([a, b]) => right(a) < right(b)).length;
  return {
    n: pairs.length,
    accuracy: difference(right),
    validRate: difference(valid),
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
  const pairs = first.map((item): [Item, Item] => {
    const other = others.get(item.id);
    if (other === undefined) throw incomparable(`only the first one answers question ${item.id}`);
    if (String(other.gold) !== String(item.gold)) throw incomparable(`the gold labels of question ${item.id} differ`);
    others.delete(item.id);
    return [item, other];
  });
  const [extra] = others.keys();
  if (extra !== undefined) throw incomparable(`only the second one answers question ${extra}`);
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
