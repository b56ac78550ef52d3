import type { LikelihoodResult, TaskScore } from "../eval/loglikelihood/result.js";
import { contaminationLines } from "./contaminationText.js";
import { attributed, fileSizes, markdownList, modelColumns, runTitle } from "./evaluationTable.js";
import { formatCount } from "./format.js";
import { markdownTable, renderTable, type TableOptions } from "./table.js";

/**
 * Log-likelihood results side by side for a terminal, a column a model: every metric of every task in percent with its
 * standard error, the means of a group, sizes; then what the runs were, the notes, and once the notice that this is no
 * medical advice.
 * @param results at least one
 * @returns lines, joined by newlines, without one at the end
 */
export function likelihoodTable(results: readonly LikelihoodResult[], options: TableOptions = {}): string {
  return [renderTable(modelColumns(results), tableRows(results), options), ...tableLines(results)].join("\n");
}

/** {@link likelihoodTable} in GitHub's Markdown, the lines as a list. */
export function likelihoodMarkdown(results: readonly LikelihoodResult[]): string {
  const table = markdownTable(modelColumns(results), tableRows(results));
  return [table, "", ...markdownList(tableLines(results))].join("\n");
}

function tableRows(results: readonly LikelihoodResult[]): string[][] {
  const row = (title: string, cell: (result: LikelihoodResult) => string) => [title, ...results.map(cell)];
  const names = [...new Set(results.flatMap(({ tasks }) => tasks.map(({ name }) => name)))];
  const means = results.some(({ group }) => group !== null)
    ? [
        row("Mean by questions", ({ group }) => (group === null ? "n/a" : formatScore(group.mean, group.stderr))),
        row("Plain mean of tasks", ({ group }) => (group === null ? "n/a" : formatScore(group.plainMean, null))),
      ]
    : [];
  return [
    ...names.flatMap((name) => taskRows(name, results)),
    ...means,
    ...(results.some(({ contamination }) => contamination !== undefined) ? cleanRows(results) : []),
    row("Questions", ({ items }) => formatCount(items.length)),
    row("File size", fileSizes),
  ];
}

/** The headlines of the questions that do not occur in training rows, behind each their number. */
function cleanRows(results: readonly LikelihoodResult[]): string[][] {
  const names = [...new Set(results.flatMap(({ tasks }) => tasks.map(({ name }) => name)))];
  const rows = names.map((name) => [`${name}, clean questions`, ...results.map((result) => cleanScore(result, name))]);
  if (results.every(({ group }) => group === null)) return rows;
  return [...rows, ["Plain mean of tasks, clean questions", ...results.map(cleanMean)]];
}

/** "61.0% ± 3.1 (118)": the headline of a task over its clean questions. */
export function cleanScore({ contamination }: LikelihoodResult, name: string): string {
  const task = contamination?.clean?.tasks.find((one) => one.name === name);
  if (task === undefined) return "n/a";
  return `${formatScore(task.metrics[0]!.mean, task.metrics[0]!.stderr)} (${formatCount(task.n)})`;
}

export function cleanMean({ contamination }: LikelihoodResult): string {
  const group = contamination?.clean?.group;
  return group ? formatScore(group.plainMean, null) : "n/a";
}

function taskRows(name: string, results: readonly LikelihoodResult[]): string[][] {
  const tasks = results.map(({ tasks }) => tasks.find((task) => task.name === name));
  const metrics = [...new Set(tasks.flatMap((task) => task?.metrics.map(({ metric }) => metric) ?? []))];
  return metrics.map((metric) => [`${name} ${metric}`, ...tasks.map((task) => metricCell(task, metric))]);
}

function metricCell(task: TaskScore | undefined, metric: string): string {
  const score = task?.metrics.find((one) => one.metric === metric);
  return score === undefined ? "n/a" : formatScore(score.mean, score.stderr);
}

/** "65.4% ± 1.2". */
export function formatScore(mean: number, stderr: number | null): string {
  const percent = `${(100 * mean).toFixed(1)}%`;
  return stderr === null ? percent : `${percent} ± ${(100 * stderr).toFixed(1)}`;
}

function tableLines(results: readonly LikelihoodResult[]): string[] {
  return [
    ...attributed(results.map((result) => [likelihoodRunLine(result)])),
    "Behind ±: standard error, of a group's mean pooled over its tasks.",
    ...attributed(results.map(({ contamination }) => contaminationLines(contamination))),
    ...attributed(results.map(({ notes }) => notes)),
    ...attributed(results.map(({ notice }) => [notice])),
  ];
}

/** What a run was, in a line. */
export function likelihoodRunLine({ task, strategy, shots }: LikelihoodResult): string {
  const shotsText = strategy?.neighbours ? "shots by question" : shots === 0 ? "no shots" : `${shots} shots`;
  return `${runTitle(task, strategy)}, choices scored by log-likelihood, ${shotsText}.`;
}
