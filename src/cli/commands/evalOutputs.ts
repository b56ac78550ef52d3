import type { EvaluationResult } from "../../eval/evaluationResult.js";
import type { LikelihoodResult } from "../../eval/loglikelihood/result.js";
import type { CliContext } from "../run.js";

type Results = ReadonlyArray<EvaluationResult | LikelihoodResult>;

/** Fails before hours of work, not after them, where the report cannot be written. */
export async function checkReportFile(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const { AtomicWriter } = await import("../../util/atomicFile.js");
  const writer = await AtomicWriter.open(path);
  await writer.discard();
}

/** `--report`: the page of these results. */
export async function writeReport(path: string | undefined, results: Results, { out }: CliContext): Promise<void> {
  if (path === undefined) return;
  const { writeEvaluationReport } = await import("../../report/html/document.js");
  await writeEvaluationReport(path, results);
  out.note(`report: ${path}`);
}

/** `--csv`: the scores of these results; the output adds the last newline. */
export async function printCsv(results: Results, { out }: CliContext): Promise<void> {
  const { resultsCsv } = await import("../../report/csv.js");
  out.data(resultsCsv(results).slice(0, -1));
}
