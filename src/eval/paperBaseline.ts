import { type BenchmarkResult, isGenerated } from "./benchmarkResults.js";
import { MMLU_MEDICAL_SUBJECTS } from "./tasks/mmlu.js";

/** A number that a paper states. It was not measured here. */
export interface QuotedScore {
  system: string;
  /** As it is written; the ends of a range where the paper gives one. */
  percent: number | readonly [low: number, high: number];
  validPercent?: number;
}

/** Which of our numbers a quoted one stands beside. */
export interface QuotedTask {
  /** What the number is. */
  metric: string;
  /** The set that the paper used. */
  set: string;
  quoted: readonly QuotedScore[];
}

const PUBMEDQA: QuotedTask = {
  metric: "accuracy",
  set: "the official test set of 500 questions",
  quoted: [
    { system: "PubMedQA adapter", percent: 75.8, validPercent: 99.9 },
    { system: "base adapter", percent: 57.4 },
    { system: "Meditron-7B, fine-tuned", percent: 74.4 },
    { system: "Meditron-7B, few-shot", percent: 69.3 },
    { system: "Meditron-70B", percent: [80, 81.6] },
    { system: "GPT-4-base", percent: 80.4 },
  ],
};

const MEDQA: QuotedTask = {
  metric: "accuracy",
  set: "the US test set with options A to E",
  quoted: [
    { system: "MedQA adapter", percent: 46.5, validPercent: 99.8 },
    { system: "base adapter", percent: 46.1 },
    { system: "Meditron-7B, fine-tuned", percent: 47.9 },
    { system: "Meditron-7B, few-shot", percent: 28.7 },
    { system: "Meditron-70B", percent: 60.7 },
  ],
};

const MMLU: QuotedTask = {
  metric: "plain mean of nine subjects",
  set: "the nine test sets",
  quoted: [
    { system: "base adapter", percent: 65.4 },
    { system: "PubMedQA adapter", percent: 64.3 },
    { system: "MedQA adapter", percent: 62.4 },
    { system: "Meditron-7B", percent: 34.6 },
    { system: "OpenHermes-2.5-Mistral", percent: 65.9 },
  ],
};

/** The paper's numbers for a result's task; undefined where it has none for exactly this task. */
export function paperBaseline(result: BenchmarkResult): QuotedTask | undefined {
  const { name } = result.task;
  if (isGenerated(result)) return { pubmedqa: PUBMEDQA, medqa_5options: MEDQA }[name];
  const isWhole = result.tasks.length === Object.keys(MMLU_MEDICAL_SUBJECTS).length && result.shots === 0;
  return name === "mmlu_medical" && isWhole ? MMLU : undefined;
}

/** The number of a result that stands beside the quoted ones. */
export function baselineScore(result: BenchmarkResult): { score: number; validRate?: number; n: number } {
  const n = result.items.length;
  if (isGenerated(result)) return { score: result.metrics.accuracy, validRate: result.metrics.validRate, n };
  return { score: result.group?.plainMean ?? Number.NaN, n };
}
