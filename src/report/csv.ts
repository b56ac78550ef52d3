import type { EvaluationResult } from "../eval/evaluationResult.js";
import type { LikelihoodResult } from "../eval/loglikelihood/result.js";
import { columnTitle } from "./evaluationTable.js";
import { groupByBenchmark, isGenerated, settingsOf } from "./html/benchmarks.js";
import { checkResults } from "./readResults.js";
import type { ReportResult } from "./resultSchema.js";
import { scoresOf } from "./scores.js";

type Cell = string | number | null;

/**
 * Every score as CSV (RFC 4180, CRLF, a header), a row a model (with its strategy), task and metric: value and 95% interval in 0..1, standard
 * error, number of questions (of a plain mean: of tasks), settings, SHA-256 of the model. What a result does not know is
 * empty. Texts that a spreadsheet would run as a formula begin with an apostrophe.
 * @throws MediloraError `DATA_INVALID` naming the field
 */
export function resultsCsv(results: ReadonlyArray<EvaluationResult | LikelihoodResult>): string {
  return scoresCsv(checkResults(results));
}

/**
 * Every answer as CSV, a row a model and question, as {@link resultsCsv}. `correct` is 0 or 1, for mc2 the share of the
 * right choices; choices and their log-probabilities are JSON lists, null for -Infinity. It holds the prompts.
 * @throws MediloraError `DATA_INVALID` naming the field
 */
export function questionsCsv(results: ReadonlyArray<EvaluationResult | LikelihoodResult>): string {
  return answersCsv(checkResults(results));
}

/** {@link resultsCsv} of results that are checked. */
export function scoresCsv(results: readonly ReportResult[]): string {
  const header = ["model", "task", "metric", "value", "low", "high", "stderr", "n", "settings", "model_sha256"];
  const rows = results.flatMap((result) =>
    scoresOf(result).map(({ task, metric, value, interval, stderr, n }): Cell[] => [
      ...[columnTitle(result), task, metric, value, interval?.low ?? null, interval?.high ?? null, stderr, n],
      ...[settingsOf(result), result.model.sha256],
    ]),
  );
  return csv([header, ...rows]);
}

/** {@link questionsCsv} of results that are checked. */
export function answersCsv(results: readonly ReportResult[]): string {
  const header = ["model", "settings", "task", "question", "gold", "answer", "correct", "logprob"];
  const rows = groupByBenchmark(results).flatMap(({ columns, questions }) =>
    columns.flatMap(({ result }, column) => {
      const details = detailsOf(result);
      return questions.flatMap(({ task, id, gold, answers }) => {
        const answer = answers[column];
        if (answer == null) return [];
        const more = details.get(JSON.stringify([task, id]))!;
        return [[columnTitle(result), settingsOf(result), task, id, gold, answer.label, answer.score, ...more]];
      });
    }),
  );
  return csv([[...header, "choices", "response", "prompt"], ...rows]);
}

/** By task and id: log-probabilities, choices, response, prompt. */
function detailsOf(result: ReportResult): Map<string, Cell[]> {
  if (isGenerated(result))
    return new Map(
      result.items.map(({ id, logprob, response, prompt }) => [
        JSON.stringify([result.task.name, id]),
        [Number.isFinite(logprob) ? logprob : null, null, response, prompt],
      ]),
    );
  return new Map(
    result.items.map(({ task, id, logprobs, choices, context }) => [
      JSON.stringify([task, id]),
      [
        JSON.stringify(logprobs),
        JSON.stringify(choices),
        null,
        typeof context === "string" ? context : JSON.stringify(context),
      ],
    ]),
  );
}

function csv(rows: ReadonlyArray<readonly Cell[]>): string {
  return rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/** What makes a spreadsheet take a text for a formula, also behind blanks and characters that it drops. */
const FORMULA = /^[\s\p{Cc}\p{Cf}]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u;

/** Texts always in quotes: some spreadsheets split at other characters than commas. */
function csvCell(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const safe = FORMULA.test(cell) ? `'${cell}` : cell;
  return `"${safe.replaceAll('"', '""')}"`;
}
