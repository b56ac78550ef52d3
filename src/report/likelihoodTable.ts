import type { LikelihoodResult, TaskScore } from "../eval/loglikelihood/result.js";
import { taskId } from "../eval/task.js";
import { attributed, columnTitle, fileSizes, markdownList, strategyText } from "./evaluationTable.js";
import { formatCount } from "./format.js";
import { markdownTable, renderTable, type TableColumn, type TableOptions } from "./table.js";

/**
 * Log-likelihood results side by side for a terminal, a column a model: every metric of every task in percent with its
 * standard error, the means of a group, sizes; then what the runs were, the notes, and once the notice that this is no
 * medical advice.
 * @param results at least one
 * @returns lines, joined by newlines, without one at the end
 */
export function likelihoodTable(results: readonly LikelihoodResult[], options: TableOptions = {}): string {
  return [renderTable(tableColumns(results), tableRows(results), options), ...tableLines(results)].join("\n");
}

/** {@link likelihoodTable} in GitHub's Markdown, the lines as a list. */
export function likelihoodMarkdown(results: readonly LikelihoodResult[]): string {
  const table = markdownTable(tableColumns(results), tableRows(results));
  return [table, "", ...markdownList(tableLines(results))].join("\n");
}

function tableColumns(results: readonly LikelihoodResult[]): TableColumn[] {
  return [
    { title: "Model" },
    ...results.map((result): TableColumn => ({ title: columnTitle(result), align: "right" })),
  ];
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
    row("Questions", ({ items }) => formatCount(items.length)),
    row("File size", fileSizes),
  ];
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
function formatScore(mean: number, stderr: number | null): string {
  const percent = `${(100 * mean).toFixed(1)}%`;
  return stderr === null ? percent : `${percent} ± ${(100 * stderr).toFixed(1)}`;
}

function tableLines(results: readonly LikelihoodResult[]): string[] {
  return [
    ...attributed(results.map((result) => [runLine(result)])),
    "Behind ±: standard error, of a group's mean pooled over its tasks.",
    ...attributed(results.map(({ notes }) => notes)),
    ...attributed(results.map(({ notice }) => [notice])),
  ];
}

function runLine({ task, strategy, shots }: LikelihoodResult): string {
  const shotsText = strategy?.neighbours ? "shots by question" : shots === 0 ? "no shots" : `${shots} shots`;
  return `${taskId(task)}${strategyText(strategy)}, choices scored by log-likelihood, ${shotsText}.`;
}
