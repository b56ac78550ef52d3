import { isMediloraError } from "../errors.js";
import { compareEvaluations } from "../eval/compare.js";
import type { EvaluationResult } from "../eval/evaluationResult.js";
import type { Interval } from "../eval/intervals.js";
import type { StrategyDescription } from "../eval/strategies/strategy.js";
import { taskId } from "../eval/task.js";
import { contaminationLines } from "./contaminationText.js";
import { formatBytes, formatCount, formatP, formatPercent, formatPoints } from "./format.js";
import { markdownTable, renderTable, type TableColumn, type TableOptions } from "./table.js";

/**
 * Results side by side for a terminal, a column a model: rates with their 95% intervals, answers by label, size; then
 * what the runs were, the difference of exactly two results, the notes, and once the notice that this is no medical
 * advice.
 * @param results at least one
 * @returns lines, joined by newlines, without one at the end
 */
export function evaluationTable(results: readonly EvaluationResult[], options: TableOptions = {}): string {
  const table = renderTable(modelColumns(results), tableRows(results), options);
  return [table, ...tableLines(results)].join("\n");
}

/** {@link evaluationTable} in GitHub's Markdown, the lines as a list. */
export function evaluationMarkdown(results: readonly EvaluationResult[]): string {
  return [markdownTable(modelColumns(results), tableRows(results)), "", ...markdownList(tableLines(results))].join(
    "\n",
  );
}

/** Lines as a list; escaped as in the table's cells, so that an id out of the data is no HTML. */
export function markdownList(lines: readonly string[]): string[] {
  return lines.map((line) => `- ${line.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}`);
}

/** A column a result, behind one for the rows' titles. */
export function modelColumns(
  results: ReadonlyArray<Pick<EvaluationResult, "model" | "adapters" | "strategy">>,
): TableColumn[] {
  return [
    { title: "Model" },
    ...results.map((result): TableColumn => ({ title: columnTitle(result), align: "right" })),
  ];
}

/** The model's file and its adapters', with scales other than 1. */
export function modelName({ model, adapters }: Pick<EvaluationResult, "model" | "adapters">): string {
  return [model.file, ...adapters.map(({ file, scale }) => (scale === 1 ? file : `${file} x ${scale}`))].join(" + ");
}

/** The model's name, and behind it the strategy if there is one. */
export function columnTitle(
  result: Pick<EvaluationResult, "model" | "adapters"> & { strategy?: { label: string } | undefined },
): string {
  return [modelName(result), ...(result.strategy ? [result.strategy.label] : [])].join(", ");
}

function tableRows(results: readonly EvaluationResult[]): string[][] {
  const row = (title: string, cell: (result: EvaluationResult) => string) => [title, ...results.map(cell)];
  return [
    row("Valid responses", ({ metrics, intervals }) => formatPercent(metrics.validRate, intervals.validRate)),
    row("Accuracy", ({ metrics, intervals }) => formatPercent(metrics.accuracy, intervals.accuracy)),
    ...(results.some(({ contamination }) => contamination !== undefined)
      ? [row("Accuracy, clean questions", cleanAccuracy)]
      : []),
    row("Accuracy of valid", ({ metrics, intervals }) =>
      optionalPercent(metrics.accuracyOfValid, intervals.accuracyOfValid),
    ),
    row("Macro-F1", ({ metrics, intervals }) => formatPercent(metrics.macroF1, intervals.macroF1)),
    row("Questions", ({ metrics }) => formatCount(metrics.n)),
    ...answerRows(results),
    row("File size", fileSizes),
  ];
}

/** How often each label was answered, behind it how often it is right; shares of votes; invalid answers. */
export function answerRows(results: readonly EvaluationResult[]): string[][] {
  const labels = [...new Set(results.flatMap(({ task }) => task.labels))];
  return [
    ...labels.map((label) => [`Answered ${label} (gold)`, ...results.map((result) => labelCounts(result, label))]),
    ...(results.some(({ items }) => items.some(({ vote }) => vote))
      ? [["Mean vote share", ...results.map(meanShare)]]
      : []),
    ["Invalid", ...results.map(({ metrics }) => formatCount(metrics.n - metrics.valid))],
  ];
}

/** Over the questions with a valid answer. */
function meanShare({ items }: EvaluationResult): string {
  const shares = items.flatMap(({ vote }) => vote?.share ?? []);
  return shares.length === 0 ? "n/a" : formatPercent(shares.reduce((sum, share) => sum + share, 0) / shares.length);
}

/** Of the questions that do not occur in training rows: "61.0% [52.0, 69.3] (118)". */
export function cleanAccuracy({ contamination }: EvaluationResult): string {
  if (!contamination?.clean) return "n/a";
  const { metrics, accuracy } = contamination.clean;
  return `${formatPercent(metrics.accuracy, accuracy)} (${formatCount(metrics.n)})`;
}

/** A percentage, or "n/a" where there is none. */
export function optionalPercent(share: number | null, interval: Interval | null): string {
  return share === null || interval === null ? "n/a" : formatPercent(share, interval);
}

function labelCounts({ metrics }: EvaluationResult, label: string): string {
  const counts = metrics.perLabel[label];
  return counts === undefined ? "n/a" : `${formatCount(counts.predicted)} (${formatCount(counts.support)})`;
}

function tableLines(results: readonly EvaluationResult[]): string[] {
  const [first, second, third] = results;
  return [
    ...attributed(results.map((result) => [runLine(result)])),
    "In brackets: 95% intervals (Wilson; bootstrap over questions for macro-F1).",
    ...(first && second && third === undefined ? differenceLines(first, second) : []),
    ...attributed(results.map(({ contamination }) => contaminationLines(contamination))),
    ...attributed(results.map(({ notes }) => notes)),
    ...attributed(results.map(({ notice }) => [notice])),
  ];
}

/** The bytes of the model's file and its adapters'. */
export function fileSizes({ model, adapters }: Pick<EvaluationResult, "model" | "adapters">): string {
  return [model, ...adapters].map(({ bytes }) => formatBytes(bytes)).join(" + ");
}

/** Each distinct line once; what is not true of every result says of which, by their order. */
export function attributed(linesOf: ReadonlyArray<readonly string[]>): string[] {
  return [...new Set(linesOf.flat())].map((line) => {
    const columns = linesOf.flatMap((lines, i) => (lines.includes(line) ? [i + 1] : []));
    return columns.length === linesOf.length ? line : `Result ${columns.join(", ")}: ${line}`;
  });
}

/** What a run was, in a line. */
export function runLine({ task, strategy, extraction, sampler, seed }: EvaluationResult): string {
  const manner = `answers read by ${extraction}; sampler ${sampler.preset}: ${sampler.description}; seed ${seed}`;
  return `${runTitle(task, strategy)}, ${manner}.`;
}

/** "pubmedqa@1", behind it the strategy if there is one. */
export function runTitle(task: Parameters<typeof taskId>[0], strategy?: StrategyDescription): string {
  return strategy === undefined ? taskId(task) : `${taskId(task)}, ${strategyText(strategy)}`;
}

/** A strategy's label, and what it leaves out. */
export function strategyText({
  label,
  choiceShuffling,
  neighbours,
}: Pick<StrategyDescription, "label" | "choiceShuffling" | "neighbours">): string {
  const details = [
    ...(choiceShuffling ? [`orders by seed ${choiceShuffling.seed}`] : []),
    ...(neighbours
      ? [
          `shots of ${neighbours.train.map(({ file }) => file).join(", ")}`,
          `embeddings of ${modelName(neighbours.embedding)}`,
        ]
      : []),
  ];
  return details.length === 0 ? label : `${label} (${details.join("; ")})`;
}

function differenceLines(first: EvaluationResult, second: EvaluationResult): string[] {
  try {
    const { accuracy, validRate, onlyFirstRight, onlySecondRight, pValue } = compareEvaluations(first, second);
    return [
      `Accuracy, first less second: ${formatPoints(accuracy)}; right only in the first ${formatCount(onlyFirstRight)}, only ` +
        `in the second ${formatCount(onlySecondRight)}; McNemar's exact p ${formatP(pValue)}.`,
      `Valid responses, first less second: ${formatPoints(validRate)}.`,
    ];
  } catch (error) {
    if (!isMediloraError(error)) throw error;
    // Results of different questions may still stand side by side.
    return [error.message];
  }
}
