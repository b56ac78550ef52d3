import { isMediloraError } from "../errors.js";
import { type BenchmarkResult, compareResults, isGenerated, type MetricDifference } from "../eval/benchmarkResults.js";
import type { EvaluationResult } from "../eval/evaluationResult.js";
import type { LikelihoodResult } from "../eval/loglikelihood/result.js";
import { contaminationLines } from "./contaminationText.js";
import {
  answerRows,
  attributed,
  cleanAccuracy,
  fileSizes,
  markdownList,
  modelColumns,
  optionalPercent,
  runLine,
} from "./evaluationTable.js";
import { formatCount, formatP, formatPercent, formatPoints } from "./format.js";
import { cleanMean, cleanScore, formatScore, likelihoodRunLine } from "./likelihoodTable.js";
import { markdownTable, renderTable, type TableOptions } from "./table.js";

/** How {@link benchmarkTable} and {@link benchmarkMarkdown} compare. */
export interface BenchmarkTableOptions extends TableOptions {
  /** Index of the column that the others are compared with; default 0. */
  reference?: number;
  /** More lines above the notice, such as tasks that were not run. */
  lines?: readonly string[];
}

/**
 * Several benchmarks and models in one table for a terminal, a column a model or a strategy of it: each score, below it
 * the difference to the reference column with its 95% interval and McNemar's exact p; then what the runs were, the notes, and once the notice
 * that this is no medical advice.
 * @param blocks one a benchmark: the results of the same models and strategies in the same order
 * @returns lines, joined by newlines, without one at the end
 */
export function benchmarkTable(
  blocks: ReadonlyArray<readonly BenchmarkResult[]>,
  options: BenchmarkTableOptions = {},
): string {
  const { rows, lines } = contents(blocks, options);
  return [renderTable(modelColumns(blocks[0]!), rows, options), ...lines].join("\n");
}

/** {@link benchmarkTable} in GitHub's Markdown, the lines as a list. */
export function benchmarkMarkdown(
  blocks: ReadonlyArray<readonly BenchmarkResult[]>,
  options: BenchmarkTableOptions = {},
): string {
  const { rows, lines } = contents(blocks, options);
  return [markdownTable(modelColumns(blocks[0]!), rows), "", ...markdownList(lines)].join("\n");
}

function contents(
  blocks: ReadonlyArray<readonly BenchmarkResult[]>,
  { reference = 0, lines = [] }: BenchmarkTableOptions,
): { rows: string[][]; lines: string[] } {
  const compared = blocks.map((results) => compareBlock(results, reference));
  const rows = blocks.flatMap((results, i) => blockRows(results, compared[i]!, reference));
  if (blocks.length === 1) rows.push(...answerRowsOf(blocks[0]!));
  return {
    rows: [...rows, ["File size", ...blocks[0]!.map(fileSizes)]],
    lines: [
      ...blocks.flatMap((results) => attributed(results.map((result) => [describeRun(result)]))),
      "In brackets: 95% intervals (Wilson; bootstrap over questions for macro-F1); behind ±: standard errors.",
      ...(blocks[0]!.length > 1
        ? [`Differences are to result ${reference + 1}, with 95% intervals (paired bootstrap over questions).`]
        : []),
      ...compared.flatMap(({ problems }) => problems),
      ...blocks.flatMap((results) => blockLines(results)),
      ...lines,
      ...new Set(blocks.flat().map(({ notice }) => notice)),
    ],
  };
}

/** None for log-likelihoods. */
function answerRowsOf(results: readonly BenchmarkResult[]): string[][] {
  const generated = results.filter(isGenerated);
  return generated.length === 0 ? [] : answerRows(generated);
}

interface ComparedBlock {
  /** By model; empty for the reference itself, and where a comparison is not possible. */
  differences: MetricDifference[][];
  problems: string[];
}

function compareBlock(results: readonly BenchmarkResult[], reference: number): ComparedBlock {
  const problems: string[] = [];
  const differences = results.map((result, i) => {
    if (i === reference) return [];
    try {
      return compareResults(result, results[reference]!);
    } catch (error) {
      if (!isMediloraError(error)) throw error;
      // Results of different questions may still stand side by side.
      problems.push(`${result.task.name}, result ${i + 1}: ${error.message}`);
      return [];
    }
  });
  return { differences, problems };
}

function blockRows(results: readonly BenchmarkResult[], block: ComparedBlock, reference: number): string[][] {
  const generated = results.filter(isGenerated);
  const isChecked = results.some(({ contamination }) => contamination !== undefined);
  const below = (task: string | null, metric: MetricDifference["metric"]) =>
    differenceRows(block.differences, task, metric, reference);
  if (generated.length === results.length) return generatedRows(generated, below, isChecked);
  return likelihoodRows(
    results.filter((result): result is LikelihoodResult => !isGenerated(result)),
    below,
    isChecked,
  );
}

type Below = (task: string | null, metric: MetricDifference["metric"]) => string[][];

function generatedRows(results: readonly EvaluationResult[], below: Below, isChecked: boolean): string[][] {
  const { name } = results[0]!.task;
  return [
    [
      `${name} accuracy`,
      ...results.map(({ metrics, intervals }) => formatPercent(metrics.accuracy, intervals.accuracy)),
    ],
    ...below(name, "accuracy"),
    ...(isChecked ? [[`${name} accuracy, clean questions`, ...results.map(cleanAccuracy)]] : []),
    [
      `${name} valid responses`,
      ...results.map(({ metrics, intervals }) => formatPercent(metrics.validRate, intervals.validRate)),
    ],
    ...below(name, "valid_rate"),
    [
      `${name} accuracy of valid`,
      ...results.map(({ metrics, intervals }) => optionalPercent(metrics.accuracyOfValid, intervals.accuracyOfValid)),
    ],
    [`${name} macro-F1`, ...results.map(({ metrics, intervals }) => formatPercent(metrics.macroF1, intervals.macroF1))],
    [`${name} questions`, ...results.map(({ metrics }) => formatCount(metrics.n))],
  ];
}

function likelihoodRows(results: readonly LikelihoodResult[], below: Below, isChecked: boolean): string[][] {
  const first = results[0]!;
  const rows = first.tasks.flatMap(({ name, metrics }) => [
    ...metrics.flatMap(({ metric }) => [
      [`${name} ${metric}`, ...results.map((result) => scoreCell(result, name, metric))],
      ...below(name, metric),
    ]),
    ...(isChecked ? [[`${name}, clean questions`, ...results.map((result) => cleanScore(result, name))]] : []),
  ]);
  const questions = [`${first.task.name} questions`, ...results.map(({ items }) => formatCount(items.length))];
  if (first.group === null) return [...rows, questions];
  const title = first.task.name;
  return [
    ...rows,
    [`${title}, mean by questions`, ...results.map(({ group }) => formatScore(group!.mean, group!.stderr))],
    ...below(null, "headline"),
    [`${title}, plain mean of tasks`, ...results.map(({ group }) => formatScore(group!.plainMean, null))],
    ...(isChecked ? [[`${title}, plain mean, clean questions`, ...results.map(cleanMean)]] : []),
    questions,
  ];
}

function scoreCell({ tasks }: LikelihoodResult, name: string, metric: string): string {
  const score = tasks.find((task) => task.name === name)?.metrics.find((one) => one.metric === metric);
  return score === undefined ? "n/a" : formatScore(score.mean, score.stderr);
}

function differenceRows(
  differences: ReadonlyArray<readonly MetricDifference[]>,
  task: string | null,
  metric: MetricDifference["metric"],
  reference: number,
): string[][] {
  const own = differences.map((rows) => rows.find((row) => row.task === task && row.metric === metric));
  if (own.every((row) => row === undefined)) return [];
  const cells = (text: (row: MetricDifference) => string) => own.map((row) => (row === undefined ? "" : text(row)));
  const rows = [[`  difference to result ${reference + 1}`, ...cells(({ difference }) => formatPoints(difference))]];
  if (own.every((row) => row === undefined || row.pValue === null)) return rows;
  const p = cells(({ pValue }) => (pValue === null ? "" : `p ${formatP(pValue)}`));
  return [...rows, ["  McNemar's exact test", ...p]];
}

function describeRun(result: BenchmarkResult): string {
  return isGenerated(result) ? runLine(result) : likelihoodRunLine(result);
}

/** The notes of a benchmark, under its name. */
function blockLines(results: readonly BenchmarkResult[]): string[] {
  const lines = results.map(({ contamination, notes }) => [...contaminationLines(contamination), ...notes]);
  return attributed(lines).map((line) => `${results[0]!.task.name}: ${line}`);
}
