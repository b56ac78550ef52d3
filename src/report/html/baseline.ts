import { type Benchmark, isGenerated } from "./benchmarks.js";

/** What an answerer without any knowledge would score on the questions of a run. */
export interface Baseline {
  /** In 0..1. */
  share: number;
  /** "always answering yes", or "guessing". */
  how: string;
}

/**
 * The share of the commonest right answer; where questions have choices of their own, the mean chance of a guess.
 * @returns null where questions have several right choices
 */
export function baselineOf({ questions, labels, columns }: Benchmark, column: number): Baseline | null {
  if (labels !== null) {
    const asked = questions.filter(({ answers }) => answers[column] !== null);
    const counts = labels.map((label) => asked.filter(({ gold }) => gold === label).length);
    const most = Math.max(...counts);
    return { share: most / asked.length, how: `always answering ${labels[counts.indexOf(most)]}` };
  }
  const { result } = columns[column]!;
  if (isGenerated(result) || result.items.some(({ gold }) => gold.length !== 1)) return null;
  const chances = result.items.map(({ choices }) => 1 / choices.length);
  return { share: chances.reduce((sum, chance) => sum + chance, 0) / chances.length, how: "guessing" };
}
