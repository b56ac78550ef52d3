import { MediloraError } from "../errors.js";
import { AnswersFile, answerSchema, type RunKey, type StoredAnswer } from "./answersFile.js";
import { askQuestions } from "./ask.js";
import { checkOptions, type EvaluateOptions } from "./evaluateOptions.js";
import { buildResult, describeMachine, type EvaluationResult } from "./evaluationResult.js";
import { type PreparedQuestion, prepareQuestions } from "./questions.js";
import { identify, runKey } from "./runIdentity.js";
import { type EvaluationRuntime, nativeRuntime } from "./runtime.js";
import { SAMPLER_PRESETS } from "./samplers.js";
import { planBallots } from "./strategies/ballots.js";
import { countVotes } from "./strategies/countVotes.js";
import { checkDraws, type QuestionForm, questionForm } from "./strategies/form.js";
import type { GenerationTask } from "./task.js";
import { resolveTaskFile } from "./taskFile.js";
import { findTask, isLikelihood } from "./tasks/index.js";

/**
 * Asks a model every question of a benchmark, reads a label from each answer, and scores them.
 *
 * With an `answersFile`, a run that was stopped or killed goes on where it was: the same model, adapters, data, task,
 * strategy, sampler, seed, answer length, cutting and versions make the same run. Its result is that of an undisturbed
 * one, timings apart.
 * @throws MediloraError `ARGUMENT_INVALID` (an option, an unknown task, a strategy that it does not take, an answers file
 *   of another run),
 *   `CONTEXT_EXCEEDED` naming the question before any is asked, `DATA_INVALID`, `DATA_EMPTY`, `FILE_NOT_FOUND`,
 *   `FILE_READ`, `FILE_WRITE`, `DISK_FULL`, `MODEL_INVALID`, `ADAPTER_INVALID`, `ADAPTER_MISMATCH`, `OUT_OF_MEMORY`,
 *   `NATIVE_UNAVAILABLE`, `ABORTED`; or what `onProgress` threw
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluationResult> {
  return evaluateWith(nativeRuntime, options);
}

/** {@link evaluate} on an engine of the caller's choice. */
export async function evaluateWith(runtime: EvaluationRuntime, options: EvaluateOptions): Promise<EvaluationResult> {
  const task = generationTask(options.task);
  const form = questionForm(task, options.strategy);
  const settings = checkOptions(options, form);
  if (options.strategy !== undefined) checkDraws(options.strategy, settings.sampler);
  const { model, adapters, contextSize, threads, onProgress, signal } = options;
  const { sampler, sequences, seed, maxTokens, truncateLeft } = settings;
  const data = await resolveTaskFile(task, options.data);
  const { ballots, available, strategy, notes } = await prepareBallots(runtime, task, { form, seed }, options);
  const { extraction } = form;
  const identity = await identify({ ...options, data }, { ...task, extraction }, runtime.llamaCpp());
  const file = await openAnswersFile(options, runKey(identity, { ...settings, contextSize, strategy }));
  try {
    const { answers, timings, ...engine } = await askQuestions(runtime, {
      engine: { model, adapters, contextSize, threads, sequences },
      questions: ballots,
      stored: file === undefined ? new Map() : storedAnswers(file, ballots, options.limit !== undefined),
      steps: SAMPLER_PRESETS[sampler],
      seed,
      maxTokens,
      truncateLeft,
      extraction,
      onAnswer: (answer) => file?.append(answer),
      onProgress,
      signal,
    });
    const machine = describeMachine(engine.threads ?? threads);
    const { contamination } = options;
    const settled = { ...identity, sampler, seed, maxTokens, ...(strategy && { strategy }) };
    const run = { ...settled, timings, machine, available, contamination };
    const prompted = answers.map((answer, i) => ({ ...answer, prompt: ballots[i]!.prompt }));
    const result = buildResult(run, countVotes(ballots, prompted), answers);
    return { ...result, notes: [...result.notes, ...notes] };
  } finally {
    await file?.close();
  }
}

function generationTask(task: string | GenerationTask): GenerationTask {
  if (typeof task !== "string") return task;
  const found = findTask(task);
  if (!isLikelihood(found)) return found;
  throw new MediloraError("ARGUMENT_INVALID", `${task} is scored by log-likelihood: use evaluateLikelihood.`);
}

async function prepareBallots(
  runtime: EvaluationRuntime,
  task: GenerationTask,
  { form, seed }: { form: QuestionForm; seed: number },
  options: EvaluateOptions,
) {
  const { strategy, data, limit } = options;
  if (strategy !== undefined) return planBallots(runtime, task, { strategy, form }, { ...options, seed });
  const all = await prepareQuestions(task, data);
  return { ballots: all.slice(0, limit), available: all.length, strategy: undefined, notes: [] };
}

async function openAnswersFile(options: EvaluateOptions, key: RunKey): Promise<AnswersFile<StoredAnswer> | undefined> {
  if (options.answersFile === undefined) return undefined;
  return AnswersFile.open(options.answersFile, key, { schema: answerSchema, overwrite: options.overwrite ?? false });
}

/**
 * The file's answers by id, each to a prompt and a gold label that are still those of its question. With a limit, those
 * to questions behind it are left.
 */
function storedAnswers(
  file: AnswersFile<StoredAnswer>,
  questions: readonly PreparedQuestion[],
  isLimited: boolean,
): Map<string, StoredAnswer> {
  const byId = new Map(questions.map((question) => [question.id, question]));
  for (const [i, { id, promptSha256, gold }] of file.stored.entries()) {
    const question = byId.get(id);
    if (question === undefined && isLimited) continue;
    if (question?.promptSha256 === promptSha256 && question.gold === gold) continue;
    throw new MediloraError(
      "ARGUMENT_INVALID",
      // The first line is the header.
      `${file.path}, line ${i + 2}: the answer belongs to another prompt or gold label, though the task's version is ` +
        "the same. Name another file, or set overwrite to begin anew.",
    );
  }
  return new Map(file.stored.map((answer) => [answer.id, answer]));
}
