import { stat } from "node:fs/promises";
import type { Output } from "../cli/output.js";
import type { EvaluationResult, TrainResult } from "../index.js";
import { formatBytes, formatDuration, formatPercent } from "../report/format.js";
import { renderTable } from "../report/table.js";
import { type Files, heading, wrote } from "./files.js";
import type { DataCounts } from "./prepareData.js";
import type { Evaluations } from "./steps.js";

/** What the demo promises of the tuned model's answers. */
const LEAST_VALID_RATE = 0.95;

/** Steps whose losses are averaged: one step sees a handful of answers, and some are harder than others. */
const LOSS_WINDOW = 5;

export interface Outcome extends Evaluations {
  training: TrainResult;
}

/** Step 7: what came of it. */
export async function report(
  out: Output,
  files: Files,
  { training, base, tuned }: Outcome,
  { trained, heldOut, leftOut, seconds }: DataCounts & { seconds: number },
): Promise<void> {
  heading(out, "Result");
  const columns = [
    { title: "" },
    { title: "base Q3_K_L", align: "right" },
    { title: "tuned Q3_K_L", align: "right" },
  ] as const;
  const rows = scoreRows(base, tuned);
  out.data(renderTable(columns, rows, { unicode: out.unicode }));
  out.data(
    `   sampler: ${tuned.sampler.description}; 95% intervals; ${heldOut} questions, trained on ${trained} others`,
  );
  if (leftOut > 0) out.data(`   ${leftOut} too long for the model left out`);
  const { first, last } = losses(training);
  const change = formatPercent((last - first) / first);
  out.data(`   training loss, mean of ${LOSS_WINDOW} steps: ${first.toFixed(3)} -> ${last.toFixed(3)} (${change})`);
  out.data(
    renderTable([{ title: "file" }, { title: "size", align: "right" }], await sizeRows(files), {
      unicode: out.unicode,
    }),
  );
  wrote(out, training.lossCurve, "the loss curve as a figure");
  out.data(`   ${tuned.notice}`);
  out.data(`   total time: ${formatDuration(seconds)}`);
}

/** Why the demo failed; empty when it did not. */
export function problems({ training, tuned }: Outcome): string[] {
  const { first, last } = losses(training);
  const found: string[] = [];
  if (!(last < first)) found.push(`the training loss did not fall: ${first.toFixed(3)} -> ${last.toFixed(3)}.`);
  const { validRate } = tuned.metrics;
  if (!(validRate >= LEAST_VALID_RATE))
    found.push(
      `${formatPercent(validRate)} of the tuned model's answers are valid; ${formatPercent(LEAST_VALID_RATE)} are expected.`,
    );
  return found;
}

/** Mean losses at both ends of the training. */
function losses({ history }: TrainResult): { first: number; last: number } {
  const mean = (points: TrainResult["history"]) => points.reduce((sum, { loss }) => sum + loss, 0) / points.length;
  return { first: mean(history.slice(0, LOSS_WINDOW)), last: mean(history.slice(-LOSS_WINDOW)) };
}

function scoreRows(base: EvaluationResult, tuned: EvaluationResult): string[][] {
  const row = (title: string, score: (result: EvaluationResult) => string) => [title, score(base), score(tuned)];
  return [
    row("valid responses", ({ metrics, intervals }) => formatPercent(metrics.validRate, intervals.validRate)),
    row("accuracy", ({ metrics, intervals }) => formatPercent(metrics.accuracy, intervals.accuracy)),
    row("macro-F1", ({ metrics, intervals }) => formatPercent(metrics.macroF1, intervals.macroF1)),
  ];
}

async function sizeRows(files: Files): Promise<string[][]> {
  const models = {
    "base F16": files.base,
    "base Q4_K_M (trained on)": files.base4bit,
    adapter: files.adapter,
    "tuned F16": files.merged,
    "base Q3_K_L": files.baseQ3,
    "tuned Q3_K_L": files.tunedQ3,
  };
  const rows = Object.entries(models).map(async ([name, path]) => [name, formatBytes((await stat(path)).size)]);
  return Promise.all(rows);
}
