import { MediloraError } from "../errors.js";
import { AnswersFile, answerSchema, type RunKey, type StoredAnswer, type StoredAnswers } from "./answersFile.js";
import { type AskOptions, askQuestions, checkPrompts } from "./ask.js";
import { checkOptions, type EvaluateOptions, type EvaluateSettings, requireOptions } from "./evaluateOptions.js";
import { buildResult, describeMachine, type EvaluationResult, type FileIdentity } from "./evaluationResult.js";
import { type PreparedQuestion, prepareQuestions } from "./questions.js";
import { identify, identifyFile, type RunIdentity, runKey } from "./runIdentity.js";
import { type EvaluationRuntime, nativeRuntime } from "./runtime.js";
import { SAMPLER_PRESETS } from "./samplers.js";
import { type BallotPlan, planBallots } from "./strategies/ballots.js";
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
  return (await prepareEvaluation(runtime, options)).run();
}

/** An evaluation whose questions are ready to be asked. */
export interface PreparedEvaluation {
  /** Whether every prompt leaves room for its answer. @throws MediloraError `CONTEXT_EXCEEDED` naming the question */
  checkPrompts(): Promise<void>;
  /** Whether the answers file, if there is one, is this run's. @throws MediloraError as {@link evaluate} */
  checkAnswers(): Promise<void>;
  run(): Promise<EvaluationResult>;
}

/**
 * Everything before the first question is asked: reads the data and finds nearest shots, for which a model may be loaded.
 * Of several evaluations all can so be prepared and checked before the first one takes its hours.
 * @throws MediloraError as {@link evaluate}
 */
export async function prepareEvaluation(
  runtime: EvaluationRuntime,
  options: EvaluateOptions,
): Promise<PreparedEvaluation> {
  requireOptions("evaluate", options);
  const task = generationTask(options.task);
  const form = questionForm(task, options.strategy);
  const settings = checkOptions(options, form);
  if (options.strategy !== undefined) checkDraws(options.strategy, settings.sampler);
  const path = await resolveTaskFile(task, options.data);
  const ballots = await prepareBallots(runtime, task, { form, seed: settings.seed }, { ...options, data: path });
  const data = await identifyFile(path, options.signal);
  const prepared = { task, form, settings, data, ...ballots };
  return {
    checkPrompts: () => checkPrompts(runtime, askOptions(options, prepared)),
    checkAnswers: () => checkAnswers(runtime, options, prepared),
    run: () => run(runtime, options, prepared),
  };
}

interface Prepared extends Omit<BallotPlan, "strategy"> {
  /** Undefined for a plain run. */
  strategy: BallotPlan["strategy"] | undefined;
  task: GenerationTask;
  form: QuestionForm;
  settings: EvaluateSettings;
  data: FileIdentity;
}

async function run(
  runtime: EvaluationRuntime,
  options: EvaluateOptions,
  prepared: Prepared,
): Promise<EvaluationResult> {
  const { settings, ballots, available, strategy, notes } = prepared;
  const { limit, contamination } = options;
  const { sampler, seed, maxTokens } = settings;
  const { identity, key } = await identified(runtime, options, prepared);
  const file = await openAnswersFile(options, key);
  try {
    const { answers, timings, ...engine } = await askQuestions(runtime, {
      ...askOptions(options, prepared),
      stored: file === undefined ? new Map() : storedAnswers(file, ballots, limit !== undefined),
      onAnswer: (answer) => file?.append(answer),
    });
    const machine = describeMachine(engine.threads ?? options.threads);
    const settled = { ...identity, sampler, seed, maxTokens, ...(strategy && { strategy }) };
    const prompted = answers.map((answer, i) => ({ ...answer, prompt: ballots[i]!.prompt }));
    const described = { ...settled, timings, machine, available, contamination };
    const result = buildResult(described, countVotes(ballots, prompted), answers);
    return { ...result, notes: [...result.notes, ...notes] };
  } finally {
    await file?.close();
  }
}

function askOptions(
  { model, adapters, contextSize, threads, onProgress, signal }: EvaluateOptions,
  { form, settings, ballots }: Prepared,
): Omit<AskOptions, "stored" | "onAnswer"> {
  const { sampler, sequences, seed, maxTokens, truncateLeft } = settings;
  return {
    engine: { model, adapters, contextSize, threads, sequences },
    questions: ballots,
    steps: SAMPLER_PRESETS[sampler],
    extraction: form.extraction,
    ...{ seed, maxTokens, truncateLeft, onProgress, signal },
  };
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
): Promise<Pick<Prepared, "ballots" | "available" | "strategy" | "notes">> {
  const { strategy, data, limit } = options;
  if (strategy !== undefined) return planBallots(runtime, task, { strategy, form }, { ...options, seed });
  const all = await prepareQuestions(task, data, options.signal);
  return { ballots: all.slice(0, limit), available: all.length, strategy: undefined, notes: [] };
}

async function identified(
  runtime: EvaluationRuntime,
  options: EvaluateOptions,
  { task, form, settings, data, strategy }: Prepared,
): Promise<{ identity: RunIdentity; key: RunKey }> {
  const identity = await identify(options, data, { ...task, extraction: form.extraction }, runtime.llamaCpp());
  return { identity, key: runKey(identity, { ...settings, contextSize: options.contextSize, strategy }) };
}

async function checkAnswers(runtime: EvaluationRuntime, options: EvaluateOptions, prepared: Prepared): Promise<void> {
  const { answersFile, overwrite = false, limit } = options;
  if (answersFile === undefined) return;
  const key = async () => (await identified(runtime, options, prepared)).key;
  const file = await AnswersFile.check(answersFile, key, { schema: answerSchema, overwrite });
  storedAnswers(file, prepared.ballots, limit !== undefined);
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
  file: StoredAnswers<StoredAnswer>,
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
