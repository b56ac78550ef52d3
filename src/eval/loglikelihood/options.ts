import { MediloraError } from "../../errors.js";
import { checkCommonOptions, checkInteger, type EvaluateOptions } from "../evaluateOptions.js";
import { checkStrategy, type EvaluationStrategy } from "../strategies/strategy.js";
import { findTask, isLikelihood } from "../tasks/index.js";
import type { LikelihoodTask, TaskGroup } from "./task.js";

/** How far an evaluation by log-likelihood is. */
export interface LikelihoodProgress {
  /** Questions with a score, stored ones counted in; under choice shuffling, orders of questions. */
  done: number;
  total: number;
  /** Of this run, loading left out. */
  questionsPerSecond: number;
  etaSeconds: number;
}

type CommonOptions = Pick<
  EvaluateOptions,
  | "model"
  | "adapters"
  | "contextSize"
  | "threads"
  | "answersFile"
  | "overwrite"
  | "strategy"
  | "contamination"
  | "onEmbedProgress"
  | "signal"
>;

/** What {@link evaluateLikelihood} scores, of which model, and how. */
export interface LikelihoodOptions extends CommonOptions {
  /** A task's or group's name, or a task of one's own. */
  task: string | LikelihoodTask | TaskGroup;
  /** The task's file, or a folder that holds it; for a group, the folder with the files of its tasks. */
  data: string;
  /** Scores the first so many questions of each task only. */
  limit?: number;
  /** Solved questions in front of each one, for tasks that have some; default 0. */
  shots?: number;
  /** Puts BOS in front of every context; default false, as in lm-evaluation-harness. */
  addBos?: boolean;
  /** Choices scored together at most, 1 to 256; default 64. */
  sequences?: number;
  /** Called after each question. What it throws stops the run. */
  onProgress?: (progress: LikelihoodProgress) => void;
}

/** The options with a default, filled in. */
export interface LikelihoodSettings {
  task: LikelihoodTask | TaskGroup;
  shots: number;
  addBos: boolean;
  sequences: number;
}

const DEFAULT_SEQUENCES = 64;
export const MOST_SHOTS = 1000;

/** @throws MediloraError `ARGUMENT_INVALID` with the option's name */
export function checkLikelihoodOptions(options: LikelihoodOptions): LikelihoodSettings {
  const settings = {
    task: likelihoodTask(options.task),
    shots: options.shots ?? 0,
    addBos: options.addBos ?? false,
    sequences: options.sequences ?? DEFAULT_SEQUENCES,
  };
  checkCommonOptions(options);
  checkInteger("shots", settings.shots, 0, MOST_SHOTS);
  if (options.strategy !== undefined) checkScoredStrategy(options.strategy, settings);
  return settings;
}

/** @throws MediloraError `ARGUMENT_INVALID` for what only generated answers take, or for two kinds of shots */
export function checkScoredStrategy(
  strategy: EvaluationStrategy,
  { task, shots }: Pick<LikelihoodSettings, "task" | "shots">,
): void {
  checkStrategy(strategy);
  const generated = strategy.selfConsistency
    ? "selfConsistency"
    : strategy.chainOfThought
      ? "chainOfThought"
      : undefined;
  if (generated !== undefined)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `strategy.${generated} is for generated answers; the choices of ${task.name} are scored. Leave it out.`,
    );
  if (strategy.neighbours && shots > 0)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      "shots and strategy.neighbours both put solved questions in front. Use one of them.",
    );
}

function likelihoodTask(task: LikelihoodOptions["task"]): LikelihoodTask | TaskGroup {
  if (typeof task !== "string") return task;
  const found = findTask(task);
  if (isLikelihood(found)) return found;
  throw new MediloraError("ARGUMENT_INVALID", `The answers of ${task} are generated: use evaluate.`);
}
