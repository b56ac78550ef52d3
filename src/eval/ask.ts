import { tokenizeChatPrompt } from "../chat/tokenizePrompt.js";
import { MediloraError } from "../errors.js";
import type { GenerateResult } from "../native/binding.js";
import type { EngineOptions } from "../native/engine.js";
import type { StoredAnswer } from "./answersFile.js";
import type { EvaluationTimings } from "./evaluationResult.js";
import type { ExtractionRule } from "./extraction.js";
import type { PreparedQuestion } from "./questions.js";
import type { AnswerEngine, EvaluationRuntime } from "./runtime.js";
import { type SamplerStep, sampleSeed } from "./samplers.js";

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

  const prompts = await tokenizePrompts(runtime, options);
  const loading = performance.now();
  await using engine = await runtime.openEngine(engineOptions(options, prompts), { signal: options.signal });
  timings.loadSeconds = (performance.now() - loading) / 1000;
  checkLengths(questions, prompts, options.maxTokens, engine.info.sequenceLimit);
  const starting = performance.now();
  const elapsed = () => (performance.now() - starting) / 1000;
  const report = progressReporter(options, elapsed);
  await generate(engine, options, open, prompts, (question, result) => {
    const answer = toAnswer(question, result, options.extraction, elapsed());
    options.onAnswer(answer);
    answers.set(answer.id, answer);
    report(answer);
  });
  timings.answerSeconds = elapsed();
  return { answers: inOrder(), timings, threads: engine.info.threads };
}

type Prompts = ReadonlyMap<string, Int32Array>;

/** Also of the questions that have an answer: the context's size, and so the rounding, must not depend on a restart. */
async function tokenizePrompts(runtime: EvaluationRuntime, { engine, questions }: AskOptions): Promise<Prompts> {
  await using tokenizer = await runtime.openTokenizer(engine.model);
  return new Map(questions.map(({ id, prompt }) => [id, tokenizeChatPrompt(tokenizer, prompt)]));
}

/** llama.cpp pads a context to this. */
const CONTEXT_STEP = 256;

function engineOptions({ engine, maxTokens }: AskOptions, prompts: Prompts): EngineOptions {
  if (engine.contextSize !== undefined) return engine;
  const longest = [...prompts.values()].map(({ length }) => length + maxTokens).sort((a, b) => b - a);
  const cells = longest.slice(0, engine.sequences).reduce((sum, length) => sum + length, 0);
  return { ...engine, contextSize: Math.ceil(cells / CONTEXT_STEP) * CONTEXT_STEP };
}

function checkLengths(
  questions: readonly PreparedQuestion[],
  prompts: Prompts,
  maxTokens: number,
  limit: number,
): void {
  const tooLong = questions.filter(({ id }) => prompts.get(id)!.length + maxTokens > limit);
  const [first] = tooLong;
  if (first === undefined) return;
  const others = tooLong.length === 1 ? "" : ` (and ${tooLong.length - 1} more)`;
  throw new MediloraError(
    "CONTEXT_EXCEEDED",
    `Question ${first.id}${others} is too long: ${prompts.get(first.id)!.length} tokens of prompt and ${maxTokens} of answer, but a ` +
      `sequence holds ${limit}. Use a smaller maxTokens, a larger contextSize, or a model with a longer context.`,
  );
}

async function generate(
  engine: AnswerEngine,
  options: AskOptions,
  questions: readonly PreparedQuestion[],
  prompts: Prompts,
  onResult: (question: PreparedQuestion, result: GenerateResult) => void,
): Promise<void> {
  const requests = questions.map(({ id, ballot }) => ({
    prompt: prompts.get(id)!,
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
  seconds: number,
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
