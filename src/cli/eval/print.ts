import { type BenchmarkResult, compareResults, isGenerated } from "../../eval/benchmarkResults.js";
import type { LikelihoodResult } from "../../eval/loglikelihood/result.js";
import { paperBaseline } from "../../eval/paperBaseline.js";
import { baselineMarkdown, baselineTable } from "../../report/baselineTable.js";
import { benchmarkMarkdown, benchmarkTable } from "../../report/benchmarkTable.js";
import { evaluationMarkdown, evaluationTable, modelName } from "../../report/evaluationTable.js";
import { likelihoodMarkdown, likelihoodTable } from "../../report/likelihoodTable.js";
import type { CliContext } from "../run.js";
import type { EvalFlags } from "./flags.js";
import { printCsv } from "./outputs.js";
import type { Selection } from "./select.js";

interface Columns extends Pick<Selection, "skipped"> {
  /** Index of the one that the others are compared with. */
  reference: number;
}

/**
 * Prints the results of a command line: as JSON or CSV, or as one table and, where wanted, the published numbers below it.
 * @param blocks one a benchmark: the results of the models in their order, each with its strategies behind it
 */
export function printResults(
  blocks: readonly BenchmarkResult[][],
  { skipped, reference }: Columns,
  flags: EvalFlags,
  context: CliContext,
): void {
  if (flags.csv) printCsv(blocks.flat(), context);
  else if (flags.json) context.out.json(asJson(blocks, skipped, reference, flags));
  else printTables(blocks, { skipped, reference }, flags, context);
}

/**
 * Prints what a run that fails had finished, so that hours of answers are not lost with it: tables or CSV now, JSON in the
 * one document that tells the failure. A benchmark that lacks some of its columns gets a table of its own.
 */
export function printFinished(
  blocks: readonly BenchmarkResult[][],
  columns: Columns,
  flags: EvalFlags,
  context: CliContext,
): void {
  const begun = blocks.filter((block) => block.length > 0);
  if (begun.length === 0) return;
  context.out.note("The run stopped before its end; these results were finished:");
  context.out.finished = flags.json ? asJson(begun, columns.skipped, columns.reference, flags) : {};
  if (flags.json) return;
  if (flags.csv) printCsv(begun.flat(), context);
  else
    for (const part of ofEqualLength(begun))
      printTables(part, { ...columns, ...atMost(columns, part) }, flags, context);
}

/** The reference, or the first column where the reference is not among the finished ones. */
function atMost({ reference }: Columns, [block]: readonly BenchmarkResult[][]): Pick<Columns, "reference"> {
  return { reference: reference < block!.length ? reference : 0 };
}

/** Only the last benchmark can lack columns. */
function ofEqualLength(blocks: readonly BenchmarkResult[][]): BenchmarkResult[][][] {
  const whole = blocks.filter(({ length }) => length === blocks[0]!.length);
  const rest = blocks.slice(whole.length);
  return rest.length === 0 ? [whole] : [whole, rest];
}

function printTables(
  blocks: readonly BenchmarkResult[][],
  { skipped, reference }: Columns,
  flags: EvalFlags,
  { out }: CliContext,
): void {
  const lines = skipped.map(({ task, files }) => `Not run: ${task}, its file is absent (${files}).`);
  const options = { unicode: out.unicode, reference, lines };
  out.data(table(blocks, options, flags.markdown === true));
  if (flags.baseline === undefined) return;
  const quoted = flags.markdown ? baselineMarkdown(blocks.flat()) : baselineTable(blocks.flat(), options);
  out.data(`\n${quoted ?? "The paper has no number for any of these tasks."}`);
}

interface PrintOptions {
  unicode: boolean;
  reference: number;
  lines: readonly string[];
}

/** A single benchmark of a single model gets the table with the details of its kind. */
function table(blocks: readonly BenchmarkResult[][], options: PrintOptions, markdown: boolean): string {
  const [only, ...others] = blocks.flat() as [BenchmarkResult, ...BenchmarkResult[]];
  if (others.length > 0 || options.lines.length > 0)
    return markdown ? benchmarkMarkdown(blocks, options) : benchmarkTable(blocks, options);
  if (isGenerated(only)) return markdown ? evaluationMarkdown([only]) : evaluationTable([only], options);
  const scored: LikelihoodResult[] = [only];
  return markdown ? likelihoodMarkdown(scored) : likelihoodTable(scored, options);
}

function asJson(
  blocks: readonly BenchmarkResult[][],
  skipped: Selection["skipped"],
  reference: number,
  flags: EvalFlags,
): object {
  const results = blocks.flat();
  return {
    results,
    ...(blocks.some((block) => block.length > 1) && {
      comparisons: blocks.flatMap((block) => comparisons(block, reference)),
    }),
    ...(flags.baseline !== undefined && { baseline: baseline(results) }),
    ...(skipped.length > 0 && { skipped }),
  };
}

/** Every column against the reference; in the metrics, first is the model and second the reference, a plain run. */
function comparisons(block: readonly BenchmarkResult[], reference: number): object[] {
  const other = block[reference];
  return block.flatMap((result, i) => {
    if (other === undefined || i === reference) return [];
    const names = { task: result.task.name, model: modelName(result), reference: modelName(other) };
    const strategy = result.strategy && { strategy: result.strategy.label };
    return [{ ...names, ...strategy, metrics: compareResults(result, other) }];
  });
}

function baseline(results: readonly BenchmarkResult[]): object[] {
  const byTask = new Map(results.map((result) => [result.task.name, paperBaseline(result)]));
  return [...byTask].flatMap(([task, quoted]) => (quoted === undefined ? [] : [{ task, ...quoted }]));
}
