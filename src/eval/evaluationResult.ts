import { availableParallelism, cpus } from "node:os";
import type { StoredAnswer } from "./answersFile.js";
import { type Contamination, type ContaminationCheck, contaminationOf } from "./contamination.js";
import { type Interval, wilson } from "./intervals.js";
import { macroF1Interval } from "./macroF1Interval.js";
import { type ClassificationMetrics, classificationMetrics } from "./metrics.js";
import { describeSampler, SAMPLER_PRESETS, type SamplerPreset, type SamplerStep } from "./samplers.js";
import type { StrategyDescription } from "./strategies/strategy.js";
import type { Vote } from "./strategies/vote.js";

/** Stands once on every report of a score. */
export const MEDICAL_NOTICE =
  "Not medical advice: a benchmark score says nothing about a model's fitness for care. Never use its answers for a " +
  "patient without a clinician's own judgement.";

/** A file that a result depends on. Its folder is left out: results are passed on. */
export interface FileIdentity {
  file: string;
  sha256: string;
  bytes: number;
}

/** An adapter that a result depends on. */
export interface AdapterIdentity extends FileIdentity {
  /** Multiplies the adapter's own alpha / r. */
  scale: number;
}

/** A question with its answer. */
export interface EvaluationItem {
  id: string;
  /** What the model was given, as text. */
  prompt: string;
  response: string;
  /** The label that the response gives; null when it is invalid. */
  extracted: string | null;
  gold: string;
  /** "length": cut at the most tokens of an answer. */
  finish: "stop" | "length";
  /** Sum over the answer's tokens of their natural log-probability under the model, before any sampler step. */
  logprob: number;
  promptTokens: number;
  /** The token that ended the answer counted in. */
  answerTokens: number;
  /**
   * Where several answers voted: how. `extracted` is the winner then, and response, finish, logprob, tokens and `cut` are
   * those of its first answer; all of them are in the answers file.
   */
  vote?: Vote;
  /** Tokens cut off the beginning of the user's text, by truncateLeft; without, none. */
  cut?: number;
}

/** 95% intervals: Wilson's for the rates, a bootstrap over questions for macro-F1. */
export interface EvaluationIntervals {
  accuracy: Interval;
  validRate: Interval;
  /** Null when no answer is valid. */
  accuracyOfValid: Interval | null;
  macroF1: Interval;
}

/** What an evaluation took. */
export interface EvaluationTimings {
  /** Questions that this run asked. */
  asked: number;
  /** Questions whose answers an earlier run had stored. */
  resumed: number;
  /** Loading the model and its adapters. */
  loadSeconds: number;
  /** From the first decoding to the last answer, loading left out. */
  answerSeconds: number;
}

/** Scores of the questions that do not occur in training rows. */
export interface CleanAnswers {
  metrics: ClassificationMetrics;
  /** Wilson's 95% interval of the accuracy. */
  accuracy: Interval;
}

/** Plain data: JSON keeps all of it. */
export interface EvaluationResult {
  notice: string;
  model: FileIdentity;
  adapters: AdapterIdentity[];
  /** `labels` in the order of the confusion matrix's rows; `definition` is the SHA-256 of a declarative task's. */
  task: { name: string; version: number; labels: string[]; definition?: string };
  data: FileIdentity;
  /** `steps` in their order; `description` is one line for reports. */
  sampler: { preset: SamplerPreset; steps: SamplerStep[]; description: string };
  seed: number;
  /** Most tokens of an answer. */
  maxTokens: number;
  /** Id of the extraction rule. */
  extraction: string;
  /** How questions were asked; left out of a plain run. */
  strategy?: StrategyDescription;
  metrics: ClassificationMetrics;
  intervals: EvaluationIntervals;
  timings: EvaluationTimings;
  versions: { medilora: string; llamaCpp: string; node: string };
  machine: { cpu: string; threads: number };
  /** Which questions occur in training rows, where that was checked. */
  contamination?: Contamination<CleanAnswers>;
  /** In the order of the data. */
  items: EvaluationItem[];
  /** What a reader must know to read the numbers right. */
  notes: string[];
}

/** What describes a run, before it is scored. */
export type RunDescription = Pick<
  EvaluationResult,
  | "model"
  | "adapters"
  | "task"
  | "data"
  | "seed"
  | "maxTokens"
  | "extraction"
  | "strategy"
  | "timings"
  | "versions"
  | "machine"
> & {
  sampler: SamplerPreset;
  /** Questions of the data, asked or not. */
  available: number;
  contamination?: ContaminationCheck | undefined;
};

/** A stored answer and the prompt that it answers: files of answers hold the prompt's hash only. */
export type PromptedAnswer = StoredAnswer & Pick<EvaluationItem, "prompt">;

/** The answer that counts for a question, and how it was voted for where there were several. */
export type CountedAnswer = PromptedAnswer & Pick<EvaluationItem, "vote">;

/**
 * Scores the answers of a run.
 * @param answers one a question, in the order of the data; labels are among the task's
 * @param ballots all answers that a strategy got, where these are more
 * @throws MediloraError `DATA_EMPTY` without answers
 */
export function buildResult(
  run: RunDescription,
  answers: readonly CountedAnswer[],
  ballots: readonly StoredAnswer[] = answers,
): EvaluationResult {
  const { available: _, sampler: preset, contamination: check, ...description } = run;
  const steps = [...SAMPLER_PRESETS[preset]];
  const scored = answers.map(({ gold, extracted }) => ({ gold, predicted: extracted }));
  const metrics = classificationMetrics(scored, run.task.labels);
  const { correct, n, valid } = metrics;
  return {
    notice: MEDICAL_NOTICE,
    ...description,
    sampler: { preset, steps, description: describeSampler(steps) },
    metrics,
    intervals: {
      accuracy: wilson(correct, n),
      validRate: wilson(valid, n),
      accuracyOfValid: valid === 0 ? null : wilson(correct, valid),
      macroF1: macroF1Interval(scored, run.task.labels),
    },
    ...(check && { contamination: contamination(check, run.task, answers) }),
    items: answers.map(toItem),
    notes: runNotes(run, answers, ballots),
  };
}

function contamination(
  check: ContaminationCheck,
  { name, labels }: RunDescription["task"],
  answers: readonly StoredAnswer[],
): Contamination<CleanAnswers> {
  const keys = answers.map(({ id }) => `${name}/${id}`);
  return contaminationOf(check, keys, (clean) => {
    const kept = answers.filter((_, i) => clean.has(keys[i]!));
    const metrics = classificationMetrics(
      kept.map(({ gold, extracted }) => ({ gold, predicted: extracted })),
      labels,
    );
    return { metrics, accuracy: wilson(metrics.correct, metrics.n) };
  });
}

function toItem({ promptSha256: _prompt, seconds: _seconds, ...item }: CountedAnswer): EvaluationItem {
  return item;
}

function runNotes(run: RunDescription, answers: readonly CountedAnswer[], ballots: readonly StoredAnswer[]): string[] {
  const notes: string[] = [];
  const n = answers.length;
  if (n < run.available) notes.push(`Only the first ${n} of the data's ${run.available} questions were asked.`);
  const penalty = SAMPLER_PRESETS[run.sampler].find((step) => step.type === "penalties");
  if (penalty !== undefined)
    notes.push(
      `The repeat penalty counts the last ${penalty.lastN} tokens, prompt included: it works against labels and option ` +
        "letters that stand late in the prompt.",
    );
  const cut = ballots.filter(({ finish }) => finish === "length").length;
  if (cut > 0) notes.push(`${cut} of ${ballots.length} answers were cut at ${run.maxTokens} tokens.`);
  const shortened = ballots.filter(({ cut: tokens = 0 }) => tokens > 0).length;
  if (shortened > 0)
    notes.push(
      `${shortened} of ${ballots.length} prompts were too long: the beginning of the user's text was cut off.`,
    );
  const ties = answers.filter(({ vote }) => vote?.isTie).length;
  if (ties > 0) notes.push(`${ties} of ${n} votes were ties, won by the label that was voted for first.`);
  return notes;
}

/** The processor, and how many threads the run may use by default. */
export function describeMachine(threads: number = availableParallelism()): { cpu: string; threads: number } {
  return { cpu: cpus()[0]?.model.trim() || "unknown", threads };
}
