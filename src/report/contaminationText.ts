import type { Contamination } from "../eval/contamination.js";
import { formatCount } from "./format.js";

type Check = Pick<Contamination<unknown>, "rule" | "rows" | "questions" | "tooShort"> & {
  training: ReadonlyArray<{ file: string }>;
  overlaps: readonly unknown[];
};

/** One line on the overlap with training rows; none where it was not checked. */
export function contaminationLines(contamination: Check | undefined): string[] {
  if (contamination === undefined) return [];
  const { rule, training, rows, questions, overlaps, tooShort } = contamination;
  const files = training.map(({ file }) => file).join(", ");
  return [
    `Contamination (${rule}): ${formatCount(overlaps.length)} of ${formatCount(questions)} questions share a run of 13 words with ` +
      `${formatCount(rows)} rows of ${files}; ${formatCount(tooShort)} are too short to tell and count as clean.`,
  ];
}
