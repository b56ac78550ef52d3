import type { BenchmarkResult } from "../../eval/benchmarkResults.js";
import { resultsCsv } from "../../report/csv.js";
import { writeEvaluationReport } from "../../report/html/document.js";
import { AtomicWriter } from "../../util/atomicFile.js";
import { checkReplaceable } from "../replaceable.js";
import type { CliContext } from "../run.js";

type Results = readonly BenchmarkResult[];

/** Fails before hours of work, not after them, where the report cannot be written. */
export async function checkReportFile(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  await checkReplaceable(path, "report");
  const writer = await AtomicWriter.open(path);
  await writer.discard();
}

/** `--report`: the page of these results. @param reference index of the column that the others are compared with */
export async function writeReport(
  path: string | undefined,
  results: Results,
  reference: number,
  { out }: CliContext,
): Promise<void> {
  if (path === undefined) return;
  // Again: the answers file may have come under this name.
  await checkReplaceable(path, "report");
  await writeEvaluationReport(path, results, { reference });
  out.note(`report: ${path}`);
}

/** `--csv`: the scores of these results; the output adds the last newline. */
export function printCsv(results: Results, { out }: CliContext): void {
  out.data(resultsCsv(results).slice(0, -1));
}
