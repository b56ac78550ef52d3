import { tokenizeChatPrompt } from "../chat/tokenizePrompt.js";
import type { Tokenizer } from "../chat/tokenizeRow.js";
import { MediloraError } from "../errors.js";
import type { GenerateResult } from "../native/binding.js";
import type { EngineOptions } from "../native/engine.js";
import { inTurns } from "../util/turn.js";
import type { StoredAnswer } from "./answersFile.js";
import { cacheCells } from "./cacheBudget.js";
import type { EvaluationTimings } from "./evaluationResult.js";
import type { ExtractionRule } from "./extraction.js";
import type { PreparedQuestion } from "./questions.js";
import type { AnswerEngine, EvaluationRuntime } from "./runtime.js";
import { type SamplerStep, sampleSeed } from "./samplers.js";
import { type CutPrompt, truncateLeft } from "./truncate.js";

/** How far an evaluation by generated answers is. */
export interface EvaluationProgress {
  /** Questions with an answer, stored ones counted in; where a strategy wants several answers, all answers. */
  done: number;
  total: number;
  /** Of this run, loading left out. */
  questionsPerSecond: number;
  etaSeconds: number;
  /** Valid ones among the answers so far. */
  validSoFar: number;
}

export interface AskOptions {
  engine: Pick<EngineOptions, "model" | "adapters" | "contextSize" | "threads"> & { sequences: number };
  questions: readonly PreparedQuestion[];
  /** Answers of an earlier run by id; their questions are not asked. */
  stored: ReadonlyMap<string, StoredAnswer>;
  steps: readonly SamplerStep[];
  seed: number;
  maxTokens: number;
  /** Cuts prompts that are too long, instead of refusing them. */
  truncateLeft: boolean;
  extraction: ExtractionRule;
  /** Called with each new answer, before `onProgress`. What either throws stops the run. */
  onAnswer: (answer: StoredAnswer) => void;
  onProgress?: (progress: EvaluationProgress) => void;
  signal?: AbortSignal;
}

export interface AskedQuestions {
  /** One a question, in their order. */
  answers: StoredAnswer[];
  timings: EvaluationTimings;
  /** Threads of the engine; undefined when there was nothing to ask. */
  threads?: number;
}

/**
 * Gets an answer to every question: stored ones as they are, the others from the model, in whatever order it finishes.
 * @throws MediloraError `CONTEXT_EXCEEDED` naming the question before any is asked, and what the engine throws
 */
export async function askQuestions(runtime: EvaluationRuntime, options: AskOptions): Promise<AskedQuestions> {
  const { questions, stored } = options;
  const open = questions.filter(({ id }) => !stored.has(id));
  const answers = new Map(stored);
  const timings = { asked: open.length, resumed: questions.length - open.length, loadSeconds: 0, answerSeconds: 0 };
  const inOrder = () => questions.map(({ id }) => answers.get(id)!);
  if (open.length === 0) return { answers: inOrder(), timings };

  await using tokenizer = await runtime.openTokenizer(options.engine.model);
  const whole = await tokenizePrompts(tokenizer, options);
  const loading = performance.now();
  await using engine = await runtime.openEngine(await engineOptions(runtime, options, whole), {
    signal: options.signal,
  });
  timings.loadSeconds = (performance.now() - loading) / 1000;
  const prompts = await fitPrompts(tokenizer, options, whole, engine.info.sequenceLimit);
  const starting = performance.now();
  const elapsed = () => (performance.now() - starting) / 1000;
  const report = progressReporter(options, elapsed);
  await generate(engine, options, open, prompts, (question, result) => {
    const { cut } = prompts.get(question.id)!;
    const answer = toAnswer(question, result, options.extraction, { cut, seconds: elapsed() });
    options.onAnswer(answer);
    answers.set(answer.id, answer);
    report(answer);
  });
  timings.answerSeconds = elapsed();
  return { answers: inOrder(), timings, threads: engine.info.threads };
}

/**
 * Finds out, without the model's weights, whether every prompt will fit.
 * @throws MediloraError `CONTEXT_EXCEEDED` as {@link askQuestions}
 */
export async function checkPrompts(
  runtime: Pick<EvaluationRuntime, "openTokenizer" | "contextLength">,
  options: Omit<AskOptions, "stored" | "onAnswer">,
): Promise<void> {
  const { model, contextSize } = options.engine;
  await using tokenizer = await runtime.openTokenizer(model);
  const trained = (await runtime.contextLength?.(model)) || Number.POSITIVE_INFINITY;
  // Without a size, the context is made for the longest prompt.
  const limit = Math.min(trained, contextSize ?? Number.POSITIVE_INFINITY);
  await fitPrompts(tokenizer, options, await tokenizePrompts(tokenizer, options), limit);
}

type Prompts = ReadonlyMap<string, Int32Array>;

/** Also of the questions that have an answer: the context's size, and so the rounding, must not depend on a restart. */
async function tokenizePrompts(
  tokenizer: Tokenizer,
  { questions, signal }: Pick<AskOptions, "questions" | "signal">,
): Promise<Prompts> {
  const prompts = new Map<string, Int32Array>();
  for await (const { id, prompt } of inTurns(questions, signal)) prompts.set(id, tokenizeChatPrompt(tokenizer, prompt));
  return prompts;
}

async function engineOptions(
  runtime: EvaluationRuntime,
  { engine, maxTokens }: AskOptions,
  prompts: Prompts,
): Promise<EngineOptions> {
  if (engine.contextSize !== undefined) return engine;
  const longest = [...prompts.values()].map(({ length }) => length + maxTokens).sort((a, b) => b - a);
  const wanted = longest.slice(0, engine.sequences).reduce((sum, length) => sum + length, 0);
  const memory = await runtime.cacheMemory?.(engine.model);
  return { ...engine, contextSize: cacheCells({ wanted, least: longest[0] ?? 0, memory }) };
}

/** The prompts, cut where that is wanted. @throws MediloraError `CONTEXT_EXCEEDED` for those that do not fit */
async function fitPrompts(
  tokenizer: Tokenizer,
  {
    questions,
    maxTokens,
    truncateLeft: mayCut,
    signal,
  }: Pick<AskOptions, "questions" | "maxTokens" | "truncateLeft" | "signal">,
  whole: Prompts,
  limit: number,
): Promise<ReadonlyMap<string, CutPrompt>> {
  const most = limit - maxTokens;
  const fitted = new Map<string, CutPrompt>();
  const tooLong: PreparedQuestion[] = [];
  for await (const question of inTurns(questions, signal)) {
    const tokens = whole.get(question.id)!;
    const uncut = tokens.length <= most ? { tokens, cut: 0 } : undefined;
    const prompt = uncut ?? (mayCut ? truncateLeft(tokenizer, question, tokens, most) : undefined);
    if (prompt === undefined) tooLong.push(question);
    else fitted.set(question.id, prompt);
  }
  const [first] = tooLong;
  if (first === undefined) return fitted;
  const others = tooLong.length === 1 ? "" : ` (and ${tooLong.length - 1} more)`;
  throw new MediloraError(
    "CONTEXT_EXCEEDED",
    `${first.where}${others} is too long: ${whole.get(first.id)!.length} tokens of prompt and ${maxTokens} of answer, but a ` +
      `sequence holds ${limit}${mayCut ? ", and cutting the user's text does not help" : ""}. Use a smaller maxTokens, ` +
      `a larger contextSize, ${mayCut ? "" : "truncateLeft, "}or a model with a longer context.`,
  );
}

async function generate(
  engine: AnswerEngine,
  options: AskOptions,
  questions: readonly PreparedQuestion[],
  prompts: ReadonlyMap<string, CutPrompt>,
  onResult: (question: PreparedQuestion, result: GenerateResult) => void,
): Promise<void> {
  const requests = questions.map(({ id, ballot }) => ({
    prompt: prompts.get(id)!.tokens,
    maxTokens: options.maxTokens,
    seed: sampleSeed(options.seed, ballot?.question ?? id, ballot?.number ?? 0),
    sampler: options.steps,
  }));
  await engine.generate(requests, {
    signal: options.signal,
    onResult: (result) => onResult(questions[result.index]!, result),
  });
}

function toAnswer(
  question: PreparedQuestion,
  result: GenerateResult,
  extraction: ExtractionRule,
  { cut, seconds }: { cut: number; seconds: number },
): StoredAnswer {
  const label = extraction.extract(result.text);
  return {
    id: question.id,
    promptSha256: question.promptSha256,
    response: result.text,
    extracted: label === null ? null : (question.original?.(label) ?? label),
    gold: question.gold,
    finish: result.finish,
    logprob: result.logprob,
    promptTokens: result.promptTokens,
    answerTokens: result.tokens.length,
    ...(cut > 0 && { cut }),
    seconds,
  };
}

function progressReporter(options: AskOptions, elapsed: () => number): (answer: StoredAnswer) => void {
  const total = options.questions.length;
  const stored = options.questions.flatMap(({ id }) => options.stored.get(id) ?? []);
  let done = stored.length;
  let validSoFar = stored.filter(({ extracted }) => extracted !== null).length;
  return ({ extracted }) => {
    done += 1;
    if (extracted !== null) validSoFar += 1;
    // The clock may not have moved yet at the first answer.
    const questionsPerSecond = (done - stored.length) / Math.max(elapsed(), 1e-6);
    options.onProgress?.({
      done,
      total,
      questionsPerSecond,
      etaSeconds: (total - done) / questionsPerSecond,
      validSoFar,
    });
  };
}
