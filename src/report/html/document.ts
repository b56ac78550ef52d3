import { readFileSync } from "node:fs";
import { MediloraError } from "../../errors.js";
import { type EvaluationResult, MEDICAL_NOTICE } from "../../eval/evaluationResult.js";
import type { LikelihoodResult } from "../../eval/loglikelihood/result.js";
import { writeFileAtomic } from "../../util/atomicFile.js";
import { packageVersion } from "../../util/version.js";
import { checkResults } from "../readResults.js";
import type { ReportResult } from "../resultSchema.js";
import type { TrainingRun } from "../trainingRun.js";
import { type Benchmark, groupByBenchmark } from "./benchmarks.js";
import { type Comparison, compareColumns } from "./comparison.js";
import { explorerSection } from "./explorer.js";
import { pageHead } from "./head.js";
import { type Html, html, scriptJson, trusted, when } from "./markup.js";
import { pageData } from "./pageData.js";
import { provenanceSection } from "./provenance.js";
import { scoreSection } from "./scoreSection.js";
import { summaryOf } from "./summary.js";
import { trainingSection } from "./trainingSection.js";

/** What stands on the page of {@link evaluationReport} besides the results. */
export interface EvaluationReportOptions {
  /** Trainings whose loss curves are shown; `readTrainingRun` reads one. */
  trainingRuns?: readonly TrainingRun[];
  /** Default "Evaluation report". */
  title?: string;
  /** Index of the result, among those side by side, that the others are compared with; default 0. */
  reference?: number;
}

/**
 * One HTML page about any number of results: findings in plain words, tables, charts, calibration, how the numbers were
 * made, and every question with what each model made of it. It loads nothing, from the network or elsewhere, and shows
 * texts of models and data as text only.
 *
 * Results of the same task and data stand side by side; the reference is compared with each other one, or the first
 * where a benchmark has fewer results.
 * @param results at least one; the page holds their prompts and answers
 * @throws MediloraError `DATA_EMPTY` without results; `DATA_INVALID` naming the field; `ARGUMENT_INVALID` for a reference
 *   that no benchmark has, or more text than one page can hold
 */
export function evaluationReport(
  results: ReadonlyArray<EvaluationResult | LikelihoodResult>,
  options: EvaluationReportOptions = {},
): string {
  return reportPage(checkResults(results), options);
}

/**
 * Writes {@link evaluationReport} to a file, mode 0600.
 * @throws MediloraError as {@link evaluationReport}; `FILE_WRITE`, `DISK_FULL`
 */
export async function writeEvaluationReport(
  path: string,
  results: ReadonlyArray<EvaluationResult | LikelihoodResult>,
  options: EvaluationReportOptions = {},
): Promise<void> {
  await writeFileAtomic(path, evaluationReport(results, options));
}

/** {@link evaluationReport} of results that are checked. */
export function reportPage(results: readonly ReportResult[], options: EvaluationReportOptions = {}): string {
  if (results.length === 0) throw new MediloraError("DATA_EMPTY", "There is no result to report. Give at least one.");
  const groups = groupByBenchmark(results);
  const { reference = 0 } = options;
  const most = Math.max(...groups.map(({ columns }) => columns.length));
  if (!Number.isInteger(reference) || reference < 0 || reference >= most)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `The reference must be one of the results side by side; there are ${most}. Name another one, or leave it out.`,
    );
  const benchmarks = groups.map((benchmark) => ({ benchmark, comparisons: compareColumns(benchmark, reference) }));
  try {
    return pageOf(results, benchmarks, options).source;
  } catch (error) {
    if (!(error instanceof RangeError && error.message === "Invalid string length")) throw error;
    throw new MediloraError(
      "ARGUMENT_INVALID",
      "The results hold more text than one page can. Report fewer results at a time.",
      { cause: error },
    );
  }
}

function pageOf(
  results: readonly ReportResult[],
  benchmarks: readonly Compared[],
  { trainingRuns = [], title = "Evaluation report" }: EvaluationReportOptions,
): Html {
  const script = pageScript();
  return html`<!doctype html>
<html lang="en">${pageHead(title, script)}
<body>
${pageHeader(title, benchmarks, trainingRuns.length > 0)}
<main>
${summary(benchmarks)}
${benchmarks.map(({ benchmark, comparisons }) => scoreSection(benchmark, comparisons))}
${when(trainingRuns.length > 0, () => trainingSection(trainingRuns))}
${explorerSection()}
${provenanceSection(results)}
</main>
<footer>Made by medilora ${packageVersion()}. This page loads nothing from the network. It holds the questions and answers: share it as you may
share those.</footer>
<script type="application/json" id="report-data">${scriptJson(pageData(benchmarks.map(({ benchmark }) => benchmark)))}</script>
<script>${trusted(script)}</script>
</body></html>
`;
}

interface Compared {
  benchmark: Benchmark;
  comparisons: Comparison[];
}

function pageHeader(title: string, benchmarks: readonly Compared[], hasTraining: boolean): Html {
  const link = (id: string, name: string) => html`<li><a href="#${id}">${name}</a></li>`;
  return html`<header><h1>${title}</h1>
<p class="notice" role="note">${MEDICAL_NOTICE}</p>
<nav class="contents" aria-label="Contents"><ul>
${link("summary", "Summary")}
${benchmarks.map(({ benchmark }) => link(benchmark.anchor, benchmark.key))}
${when(hasTraining, () => link("training", "Training"))}
${link("questions", "Every question")}
${link("provenance", "How the numbers were made")}
</ul></nav></header>`;
}

function summary(benchmarks: readonly Compared[]): Html {
  return html`<section id="summary" aria-labelledby="title-summary"><h2 id="title-summary">Summary</h2>
<p class="aside">Interval: were a benchmark's questions a random sample of such questions, the score over all of them would most likely
lie inside.</p>
${benchmarks.map(({ benchmark, comparisons }) => summaryOf(benchmark, comparisons))}
</section>`;
}

const PAGE_SCRIPTS = ["text", "filters", "list", "detail", "main"];

/** The compiled files of `page`, in a function of their own. */
function pageScript(): string {
  const files = PAGE_SCRIPTS.map((name) => readFileSync(new URL(`./page/${name}.js`, import.meta.url), "utf8"));
  return `(() => {\n${files.join("")}})();\n`;
}
