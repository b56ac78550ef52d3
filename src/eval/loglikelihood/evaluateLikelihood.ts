import { MediloraError } from "../../errors.js";
import { AnswersFile, type StoredAnswers } from "../answersFile.js";
import { requireOptions } from "../evaluateOptions.js";
import { describeMachine, type FileIdentity } from "../evaluationResult.js";
import { identifyFile, identifyModel, runVersions } from "../runIdentity.js";
import { type EvaluationRuntime, nativeRuntime, type ScoreEngine } from "../runtime.js";
import { strategyKey } from "../strategies/strategy.js";
import { taskId } from "../task.js";
import { checkLikelihoodOptions, type LikelihoodOptions, type LikelihoodSettings } from "./options.js";
import { planScores, type ScorePlan } from "./planScores.js";
import { type PreparedTask, prepareRun } from "./prepare.js";
import { buildLikelihoodResult, type LikelihoodResult } from "./result.js";
import { scoreQuestions } from "./scoreQuestions.js";
import { type LikelihoodKey, type StoredScore, scoreSchema } from "./storedScore.js";
import type { LikelihoodTask, TaskGroup } from "./task.js";

/**
 * Scores the choices of every question of a benchmark, or of a group of them, by their log-likelihood, with the
 * semantics of lm-evaluation-harness 0.4.
 *
 * With an `answersFile`, a run that was stopped or killed goes on where it was: the same model, adapters, data, task,
 * shots, strategy, contextSize and versions make the same run. Its result is that of an undisturbed one, timings apart.
 * @throws MediloraError `ARGUMENT_INVALID` (an option, an unknown task, a file of another run), `CONTEXT_EXCEEDED` for a
 *   choice longer than the context, `DATA_INVALID`, `DATA_EMPTY`, `FILE_NOT_FOUND`, `FILE_READ`, `FILE_WRITE`,
 *   `DISK_FULL`, `MODEL_INVALID`, `ADAPTER_INVALID`, `ADAPTER_MISMATCH`, `OUT_OF_MEMORY`, `NATIVE_UNAVAILABLE`,
 *   `ABORTED`; or what `onProgress` threw
 */
export async function evaluateLikelihood(options: LikelihoodOptions): Promise<LikelihoodResult> {
  return evaluateLikelihoodWith(nativeRuntime, options);
}

/** {@link evaluateLikelihood} on an engine of the caller's choice. */
export async function evaluateLikelihoodWith(
  runtime: EvaluationRuntime<ScoreEngine>,
  options: LikelihoodOptions,
): Promise<LikelihoodResult> {
  return (await prepareLikelihood(runtime, options)).run();
}

/** An evaluation whose questions are ready to be scored. */
export interface PreparedLikelihood {
  /** Whether the answers file, if there is one, is this run's. @throws MediloraError as {@link evaluateLikelihood} */
  checkAnswers(): Promise<void>;
  run(): Promise<LikelihoodResult>;
}

/**
 * Everything before the first choice is scored: reads the data and finds nearest shots, for which a model may be loaded.
 * Of several evaluations all can so be prepared and checked before the first one takes its hours.
 * @throws MediloraError as {@link evaluateLikelihood}
 */
export async function prepareLikelihood(
  runtime: EvaluationRuntime<ScoreEngine>,
  options: LikelihoodOptions,
): Promise<PreparedLikelihood> {
  requireOptions("evaluateLikelihood", options);
  const settings = checkLikelihoodOptions(options);
  const { tasks: all, missing } = await prepareRun(settings.task, options.data, settings.shots, options.signal);
  const limited = all.map((one) => ({ ...one, questions: one.questions.slice(0, options.limit) }));
  const plan = options.strategy && (await planScores(runtime, limited, options.strategy, options));
  const prepared = { settings, all, missing, limited, plan };
  return {
    checkAnswers: () => checkAnswers(runtime, options, prepared),
    run: () => run(runtime, options, prepared),
  };
}

interface Prepared {
  settings: LikelihoodSettings;
  all: readonly PreparedTask[];
  missing: readonly string[];
  /** With the questions that are wanted. */
  limited: readonly PreparedTask[];
  plan: ScorePlan | undefined;
}

async function run(
  runtime: EvaluationRuntime<ScoreEngine>,
  options: LikelihoodOptions,
  prepared: Prepared,
): Promise<LikelihoodResult> {
  const { settings, all, missing, limited, plan } = prepared;
  const { addBos, sequences } = settings;
  const questions = plan?.questions ?? limited.flatMap((one) => one.questions);
  const identity = await identify(runtime, options, prepared);
  const file = await openScoresFile(options, runKey(identity, options.contextSize));
  try {
    const { model, adapters, contextSize, threads, onProgress, signal } = options;
    const { scores, timings, ...engine } = await scoreQuestions(runtime, {
      ...{ model, adapters, contextSize, threads, onProgress, signal, addBos, sequences, questions },
      stored: file === undefined ? new Map() : storedScores(file, options, prepared),
      onScore: (score) => file?.append(score),
    });
    const machine = describeMachine(engine.threads ?? threads);
    const available = all.reduce((sum, one) => sum + one.questions.length, 0);
    const isGroup = settings.task.kind === "group";
    const described = { ...identity, timings, machine, isGroup, missing, available };
    const result = buildLikelihoodResult(
      { ...described, contamination: options.contamination },
      limited,
      plan === undefined ? scores : plan.combine(scores),
    );
    return { ...result, notes: [...result.notes, ...(plan?.notes ?? [])] };
  } finally {
    await file?.close();
  }
}

async function identify(
  runtime: EvaluationRuntime<ScoreEngine>,
  options: LikelihoodOptions,
  { settings: { task, shots, addBos }, all, plan }: Prepared,
): Promise<Identity> {
  return {
    ...(await identifyModel(options)),
    task: taskIdentity(task),
    shots,
    addBos,
    ...(plan && { strategy: plan.strategy }),
    data: await identifyData(all, options.signal),
    versions: runVersions(runtime.llamaCpp()),
  };
}

async function checkAnswers(
  runtime: EvaluationRuntime<ScoreEngine>,
  options: LikelihoodOptions,
  prepared: Prepared,
): Promise<void> {
  const { answersFile, overwrite = false, contextSize } = options;
  if (answersFile === undefined) return;
  const key = async () => runKey(await identify(runtime, options, prepared), contextSize);
  storedScores(await AnswersFile.check(answersFile, key, { schema: scoreSchema, overwrite }), options, prepared);
}

function taskIdentity(task: LikelihoodTask | TaskGroup): LikelihoodResult["task"] {
  const { name, version } = task;
  const definition = task.kind === "likelihood" ? task.definition : undefined;
  return { name, version, ...(definition !== undefined && { definition }) };
}

async function identifyData(tasks: readonly PreparedTask[], signal: AbortSignal | undefined): Promise<FileIdentity[]> {
  const files: FileIdentity[] = [];
  for (const { path, shotsPath } of tasks) {
    files.push(await identifyFile(path, signal));
    if (shotsPath !== undefined) files.push(await identifyFile(shotsPath, signal));
  }
  return files;
}

type Identity = Pick<
  LikelihoodResult,
  "model" | "adapters" | "task" | "shots" | "addBos" | "strategy" | "data" | "versions"
>;

function runKey(run: Identity, contextSize: number | undefined): LikelihoodKey {
  return {
    model: run.model.sha256,
    adapters: run.adapters.map(({ sha256, scale }) => ({ sha256, scale })),
    task: taskId(run.task),
    ...(run.task.definition !== undefined && { definition: run.task.definition }),
    data: run.data.map(({ sha256 }) => sha256),
    shots: run.shots,
    addBos: run.addBos,
    contextSize: contextSize ?? null,
    ...(run.strategy && { strategy: strategyKey(run.strategy) }),
    medilora: run.versions.medilora,
    llamaCpp: run.versions.llamaCpp,
  };
}

async function openScoresFile(
  { answersFile, overwrite = false }: LikelihoodOptions,
  key: LikelihoodKey,
): Promise<AnswersFile<StoredScore> | undefined> {
  if (answersFile === undefined) return undefined;
  return AnswersFile.open(answersFile, key, { schema: scoreSchema, overwrite });
}

/**
 * The file's scores by key, each of texts that are still those of its question. With a limit, those of questions behind it
 * are left.
 */
function storedScores(
  file: StoredAnswers<StoredScore>,
  { limit }: LikelihoodOptions,
  { plan, all }: Prepared,
): Map<string, StoredScore> {
  const questions = plan?.questions ?? all.flatMap((one) => one.questions);
  const byKey = new Map(questions.map((question) => [question.key, question]));
  for (const [i, { id, promptSha256, logprobs }] of file.stored.entries()) {
    const question = byKey.get(id);
    if (question === undefined && limit !== undefined) continue;
    if (question?.promptSha256 === promptSha256 && logprobs.length === question.choices.length) continue;
    throw new MediloraError(
      "ARGUMENT_INVALID",
      // The first line is the header.
      `${file.path}, line ${i + 2}: the score belongs to another prompt, though the task's version is the same. Name ` +
        "another file, or set overwrite to begin anew.",
    );
  }
  return new Map(file.stored.map((score) => [score.id, score]));
}
