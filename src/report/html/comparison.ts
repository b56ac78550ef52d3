import { comparePairs, type Difference, UNTESTED } from "../../eval/compare.js";
import { formatCount, formatP, formatPoints } from "../format.js";
import type { Answer, Benchmark, Column } from "./benchmarks.js";
import { type Html, html, when } from "./markup.js";
import { dataTable } from "./tables.js";

export interface Comparison {
  first: Column;
  second: Column;
  /** Questions that both runs answered. */
  n: number;
  /** Of the headline's mean over these, first less second. */
  difference: Difference;
  /** Null, as the others, where questions are not right or wrong, as for mc2. */
  onlyFirstRight: number | null;
  onlySecondRight: number | null;
  /** McNemar's exact two-sided p-value. */
  pValue: number | null;
}

/**
 * The reference column against each other one, over the questions that both answered; none where there are none.
 * @param reference index of the column; one that the benchmark has not is the first
 */
export function compareColumns({ columns, questions }: Benchmark, reference: number): Comparison[] {
  const at = reference < columns.length ? reference : 0;
  return columns.flatMap((second, i) => {
    const pairs = questions.flatMap(({ answers }): Array<[Answer, Answer]> => {
      const [a, b] = [answers[at], answers[i]];
      return a && b ? [[a, b]] : [];
    });
    return i === at || pairs.length === 0 ? [] : [compareAnswers(columns[at]!, second, pairs)];
  });
}

function compareAnswers(first: Column, second: Column, pairs: ReadonlyArray<[Answer, Answer]>): Comparison {
  const isBinary = pairs.flat().every(({ score }) => score === 0 || score === 1);
  return { first, second, ...comparePairs(pairs, ({ score }) => score), ...(!isBinary && UNTESTED) };
}

/** Whether the interval of the difference leaves out zero. */
export function isClear({ difference }: Comparison): boolean {
  return difference.low > 0 || difference.high < 0;
}

/** A table of the comparisons and how to read it. */
export function comparisonSection(comparisons: readonly Comparison[]): Html {
  const columns = [
    "Compared",
    "Questions",
    "Difference in points [95%]",
    "Right only in first",
    "Right only in second",
    "McNemar p",
  ];
  const rows = comparisons.map(({ first, second, n, difference, onlyFirstRight, onlySecondRight, pValue }) => [
    `${first.name} less ${second.name}`,
    formatCount(n),
    formatPoints(difference),
    onlyFirstRight === null ? "n/a" : formatCount(onlyFirstRight),
    onlySecondRight === null ? "n/a" : formatCount(onlySecondRight),
    pValue === null ? "n/a" : formatP(pValue).replace("= ", ""),
  ]);
  return html`<h3>Differences on the same questions</h3>
${dataTable("Headline score of the reference less that of each other one", columns, rows)}
<p class="aside">Interval: paired bootstrap over the questions that both runs answered (10,000 resamples). p: McNemar's exact
two-sided test; a small p means that chance alone seldom makes the two differ as much.${when(
    comparisons.length > 1,
    () => html` With several comparisons, some small p are to be expected by chance; these are not adjusted for that.`,
  )}</p>`;
}
