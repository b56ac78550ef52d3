import type { BenchmarkResult } from "../eval/benchmarkResults.js";
import { baselineScore, paperBaseline, type QuotedScore } from "../eval/paperBaseline.js";
import { columnTitle } from "./evaluationTable.js";
import { formatCount, formatPercent } from "./format.js";
import { markdownTable, renderTable, type TableColumn, type TableOptions } from "./table.js";

const COLUMNS: readonly TableColumn[] = [
  { title: "Task" },
  { title: "System" },
  { title: "Score", align: "right" },
  { title: "Valid", align: "right" },
  { title: "Where from" },
];

/**
 * The paper's numbers beside ours, for the tasks of which it has some; the former are marked as quoted.
 * @param results of any tasks and models
 * @returns undefined where the paper has none for any of these tasks
 */
export function baselineTable(results: readonly BenchmarkResult[], options: TableOptions = {}): string | undefined {
  const rows = tableRows(results);
  return rows.length === 0 ? undefined : renderTable(COLUMNS, rows, options);
}

/** {@link baselineTable} in GitHub's Markdown. */
export function baselineMarkdown(results: readonly BenchmarkResult[]): string | undefined {
  const rows = tableRows(results);
  return rows.length === 0 ? undefined : markdownTable(COLUMNS, rows);
}

function tableRows(results: readonly BenchmarkResult[]): string[][] {
  const matching = results.filter((result) => paperBaseline(result) !== undefined);
  const names = [...new Set(matching.map(({ task }) => task.name))];
  return names.flatMap((name) => {
    const own = matching.filter(({ task }) => task.name === name);
    const baseline = paperBaseline(own[0]!)!;
    return [
      ...own.map((result) => ownRow(name, result)),
      ...baseline.quoted.map((quoted) => quotedRow(name, quoted, `quoted: ${baseline.metric}, ${baseline.set}`)),
    ];
  });
}

function ownRow(task: string, result: BenchmarkResult): string[] {
  const { score, validRate, n } = baselineScore(result);
  const valid = validRate === undefined ? "" : formatPercent(validRate);
  return [task, columnTitle(result), formatPercent(score), valid, `measured here, ${formatCount(n)} questions`];
}

function quotedRow(task: string, { system, percent, validPercent }: QuotedScore, from: string): string[] {
  const text = (value: number) => formatPercent(value / 100);
  const range = typeof percent === "number" ? text(percent) : percent.map(text).join(" to ");
  return [task, system, range, validPercent === undefined ? "" : text(validPercent), from];
}
