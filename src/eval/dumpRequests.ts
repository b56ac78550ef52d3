import { MediloraError } from "../errors.js";
import { AtomicWriter } from "../util/atomicFile.js";
import { checkInteger } from "./evaluateOptions.js";
import { checkScoredStrategy, MOST_SHOTS } from "./loglikelihood/options.js";
import { planScores } from "./loglikelihood/planScores.js";
import { type PreparedChoices, prepareRun } from "./loglikelihood/prepare.js";
import type { LikelihoodTask, TaskGroup } from "./loglikelihood/task.js";
import { type PreparedQuestion, prepareQuestions } from "./questions.js";
import { type EvaluationRuntime, nativeRuntime } from "./runtime.js";
import { planBallots } from "./strategies/ballots.js";
import { questionForm } from "./strategies/form.js";
import { type EvaluationStrategy, strategyLabel } from "./strategies/strategy.js";
import type { GenerationTask } from "./task.js";
import { findTask, isLikelihood } from "./tasks/index.js";

/** Whose requests {@link dumpRequests} writes. */
export interface DumpRequestsOptions {
  task: string | GenerationTask | LikelihoodTask | TaskGroup;
  /** As for evaluating the task. */
  data: string;
  /** JSON lines file to write, mode 0600. */
  output: string;
  /** Of each task, the first so many questions only. */
  limit?: number;
  /** Solved questions in front of each one, for choices that are scored; default 0. */
  shots?: number;
  /**
   * Behind the plain requests, those of each strategy. Nearest shots need a `model` for their embeddings here, the one
   * model that is loaded.
   */
  strategies?: readonly EvaluationStrategy[];
  /** Of generated answers, since it decides the orders of shuffled choices; default 0. */
  seed?: number;
  signal?: AbortSignal;
}

/** A line of the file. */
export interface DumpedRequest {
  task: string;
  docId: string;
  /** ChatML up to the assistant's header, or the text in front of the continuation. */
  context: string;
  /** Null where the answer is generated. */
  continuation: string | null;
  /** The right label, or the indexes of the right choices. */
  gold: string | number[];
  /** Left out of a plain request. */
  strategy?: string;
  /** Where a strategy puts a question several times: which of them, from 1. */
  ballot?: number;
}

/**
 * Writes every request of a task as a JSON line, one a choice where choices are scored. No model is loaded but the one of
 * nearest shots: prompts can be checked against any other harness.
 * @returns the number of lines
 * @throws MediloraError `ARGUMENT_INVALID`, `DATA_INVALID`, `DATA_EMPTY`, `FILE_NOT_FOUND`, `FILE_READ`, `FILE_WRITE`,
 *   `DISK_FULL`, `ABORTED`
 */
export async function dumpRequests(options: DumpRequestsOptions): Promise<number> {
  return dumpRequestsWith(nativeRuntime, options);
}

/** {@link dumpRequests} with an embedder of the caller's choice. */
export async function dumpRequestsWith(
  runtime: EvaluationRuntime<unknown>,
  options: DumpRequestsOptions,
): Promise<number> {
  const task = typeof options.task === "string" ? findTask(options.task) : options.task;
  if (options.limit !== undefined) checkInteger("limit", options.limit, 1, Number.MAX_SAFE_INTEGER);
  checkInteger("shots", options.shots ?? 0, 0, MOST_SHOTS);
  const dumped: DumpedRequest[][] = [];
  for (const strategy of [undefined, ...(options.strategies ?? [])]) {
    const found = isLikelihood(task)
      ? await choiceRequests(runtime, task, options, strategy)
      : await promptRequests(runtime, task, options, strategy);
    const label = strategy && { strategy: strategyLabel(strategy) };
    dumped.push(found.map((request) => ({ ...request, ...label })));
  }
  const requests = dumped.flat();
  await using writer = await AtomicWriter.open(options.output);
  for (const request of requests) await writer.write(`${JSON.stringify(request)}\n`);
  await writer.commit();
  return requests.length;
}

async function promptRequests(
  runtime: EvaluationRuntime<unknown>,
  task: GenerationTask,
  options: DumpRequestsOptions,
  strategy: EvaluationStrategy | undefined,
): Promise<DumpedRequest[]> {
  const { data, limit, shots = 0, seed = 0, signal } = options;
  if (shots > 0) throw new MediloraError("ARGUMENT_INVALID", `${task.name} has no shots. Leave shots out.`);
  const form = questionForm(task, strategy);
  const questions: PreparedQuestion[] =
    strategy === undefined
      ? (await prepareQuestions(task, data, signal)).slice(0, limit)
      : (await planBallots(runtime, task, { strategy, form }, { model: undefined, data, limit, seed, signal })).ballots;
  return questions.map(({ id, prompt, gold, ballot, original }) => ({
    ...{ task: task.name, docId: ballot?.question ?? id, context: prompt, continuation: null },
    // The label that is right as the prompt shows the options.
    gold: (original && task.labels.find((label) => original(label) === gold)) ?? gold,
    ...(ballot !== undefined && ballot.question !== id && { ballot: ballot.number + 1 }),
  }));
}

async function choiceRequests(
  runtime: EvaluationRuntime<unknown>,
  task: LikelihoodTask | TaskGroup,
  { data, limit, shots = 0, signal }: DumpRequestsOptions,
  strategy: EvaluationStrategy | undefined,
): Promise<DumpedRequest[]> {
  if (strategy !== undefined) checkScoredStrategy(strategy, { task, shots });
  const { tasks } = await prepareRun(task, data, shots, signal);
  const limited = tasks.map((one) => ({ ...one, questions: one.questions.slice(0, limit) }));
  const questions: PreparedChoices[] =
    strategy === undefined
      ? limited.flatMap((one) => one.questions)
      : (await planScores(runtime, limited, strategy, { model: undefined, signal })).questions;
  return questions.flatMap(({ task: name, id, key, contexts, continuations, gold }) => {
    const number = key.slice(`${name}/${id}#`.length);
    return continuations.map((continuation, i) => ({
      ...{ task: name, docId: id, context: contexts[i]!, continuation, gold: [...gold] },
      ...(number !== "" && { ballot: Number(number) }),
    }));
  });
}
