import { MediloraError } from "../errors.js";

/** A question's right label and the predicted one. */
export interface ScoredItem {
  readonly gold: string;
  /** The extracted label; null when the response was invalid. */
  readonly predicted: string | null;
}

/** Scores of one label; shares between 0 and 1. */
export interface LabelMetrics {
  /** Right among those predicted so; 0 when never predicted. */
  precision: number;
  /** Right among those whose gold label it is; 0 without support. */
  recall: number;
  /** 2 tp / (2 tp + fp + fn); 0 without support and prediction. */
  f1: number;
  /** Items whose gold label it is. */
  support: number;
  /** Items for which it was predicted. */
  predicted: number;
}

/** All rates are shares in 0..1. */
export interface ClassificationMetrics {
  /** Items. */
  n: number;
  /** Items whose label is the right one. */
  correct: number;
  /** correct / n: an invalid answer is wrong. */
  accuracy: number;
  /** Items with a valid answer. */
  valid: number;
  /** valid / n. */
  validRate: number;
  /** correct / valid; null when no answer is valid. */
  accuracyOfValid: number | null;
  /** Plain mean of the F1 of exactly the given labels. */
  macroF1: number;
  perLabel: Record<string, LabelMetrics>;
  /** [labels][labels + 1]: row = gold, column = predicted, both in the given order; the last column is invalid. */
  confusion: number[][];
}

/**
 * Accuracy, macro-F1 and the confusion matrix of single-label answers.
 *
 * An invalid answer is wrong, and is no class of its own: it lowers the recall of its gold label and no precision.
 * @param labels every label, in the order of the confusion matrix; macro-F1 is over exactly these
 * @throws MediloraError `DATA_EMPTY` without items; `ARGUMENT_INVALID` for repeated labels or an item whose gold or
 *   predicted label is not among them (named by its index)
 * @see scikit-learn, f1_score(labels=labels, average="macro", zero_division=0), which gives the same number
 */
export function classificationMetrics(
  items: ReadonlyArray<ScoredItem>,
  labels: readonly string[],
): ClassificationMetrics {
  if (items.length === 0) throw new MediloraError("DATA_EMPTY", "There is no answer to score. Check the item filter.");
  const confusion = confusionMatrix(items, labels);
  const perLabel = labels.map((_, index) => labelMetrics(confusion, index));
  const correct = labels.reduce((sum, _, index) => sum + cell(confusion, index, index), 0);
  const invalid = confusion.reduce((sum, row) => sum + row[labels.length]!, 0);
  const n = items.length;
  const valid = n - invalid;
  return {
    n,
    correct,
    accuracy: correct / n,
    valid,
    validRate: valid / n,
    accuracyOfValid: valid === 0 ? null : correct / valid,
    macroF1: perLabel.reduce((sum, one) => sum + one.f1, 0) / labels.length,
    perLabel: Object.fromEntries(labels.map((label, index) => [label, perLabel[index]!])),
    confusion,
  };
}

function confusionMatrix(items: ReadonlyArray<ScoredItem>, labels: readonly string[]): number[][] {
  const indexOf = new Map(labels.map((label, index) => [label, index]));
  if (labels.length === 0 || indexOf.size !== labels.length)
    throw new MediloraError("ARGUMENT_INVALID", "labels must be a non-empty list without repetition.");
  const matrix = labels.map(() => new Array<number>(labels.length + 1).fill(0));
  items.forEach(({ gold, predicted }, item) => {
    const row = indexOf.get(gold);
    const column = predicted === null ? labels.length : indexOf.get(predicted);
    if (row === undefined || column === undefined) {
      const field = row === undefined ? "gold" : "predicted";
      throw new MediloraError(
        "ARGUMENT_INVALID",
        `items[${item}].${field} is none of the ${labels.length} labels. Map it to one of them first.`,
      );
    }
    matrix[row]![column]! += 1;
  });
  return matrix;
}

function labelMetrics(confusion: number[][], label: number): LabelMetrics {
  const truePositive = cell(confusion, label, label);
  const support = confusion[label]!.reduce((sum, count) => sum + count, 0);
  const predicted = confusion.reduce((sum, row) => sum + row[label]!, 0);
  return {
    precision: ratio(truePositive, predicted),
    recall: ratio(truePositive, support),
    f1: ratio(2 * truePositive, support + predicted),
    support,
    predicted,
  };
}

function cell(matrix: number[][], row: number, column: number): number {
  return matrix[row]![column]!;
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
