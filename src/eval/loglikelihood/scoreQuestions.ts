import type { Tokenizer } from "../../chat/tokenizeRow.js";
import type { ScoreRequest, ScoreResult } from "../../native/binding.js";
import type { EngineOptions } from "../../native/engine.js";
import { inTurns } from "../../util/turn.js";
import { paddedContext } from "../cacheBudget.js";
import type { EvaluationTimings } from "../evaluationResult.js";
import { naming } from "../questions.js";
import type { EvaluationRuntime, ScoreEngine } from "../runtime.js";
import type { LikelihoodOptions, LikelihoodSettings } from "./options.js";
import type { PreparedChoices } from "./prepare.js";
import { cutLeft, splitPair, type TokenPair } from "./split.js";
import type { StoredScore } from "./storedScore.js";

export interface ScoreQuestionsOptions
  extends Pick<LikelihoodSettings, "addBos" | "sequences">,
    Pick<LikelihoodOptions, "model" | "adapters" | "contextSize" | "threads" | "onProgress" | "signal"> {
  questions: readonly PreparedChoices[];
  /** Scores of an earlier run by key; their questions are not scored again. */
  stored: ReadonlyMap<string, StoredScore>;
  /** Called with each new score, before `onProgress`. What either throws stops the run. */
  onScore: (score: StoredScore) => void;
}

export interface ScoredQuestions {
  /** One a question, in their order. */
  scores: StoredScore[];
  timings: EvaluationTimings;
  /** Threads of the engine; undefined when there was nothing to score. */
  threads?: number;
}

/**
 * Scores every choice of every question: stored ones as they are, the others by the model, in whatever order it
 * finishes.
 * @throws MediloraError `CONTEXT_EXCEEDED` or `DATA_INVALID` naming the question before any is scored, and what the
 *   engine throws
 */
export async function scoreQuestions(
  runtime: EvaluationRuntime<ScoreEngine>,
  options: ScoreQuestionsOptions,
): Promise<ScoredQuestions> {
  const { questions, stored } = options;
  const open = questions.filter(({ key }) => !stored.has(key));
  const scores = new Map(stored);
  const timings = { asked: open.length, resumed: questions.length - open.length, loadSeconds: 0, answerSeconds: 0 };
  const inOrder = () => questions.map(({ key }) => scores.get(key)!);
  if (open.length === 0) return { scores: inOrder(), timings };

  const pairs = await tokenizeQuestions(runtime, options);
  const loading = performance.now();
  await using engine = await runtime.openEngine(engineOptions(options, pairs), { signal: options.signal });
  timings.loadSeconds = (performance.now() - loading) / 1000;
  const starting = performance.now();
  const elapsed = () => (performance.now() - starting) / 1000;
  const report = progressReporter(options, timings.resumed, elapsed);
  await score(engine, options, open, pairs, (question, results) => {
    const one = { ...results, id: question.key, promptSha256: question.promptSha256, seconds: elapsed() };
    options.onScore(one);
    scores.set(question.key, one);
    report();
  });
  timings.answerSeconds = elapsed();
  return { scores: inOrder(), timings, threads: engine.info.threads };
}

type Pairs = ReadonlyMap<string, readonly TokenPair[]>;

/** Also of the questions that have a score: the context's size, and so what is cut, must not depend on a restart. */
async function tokenizeQuestions(
  runtime: EvaluationRuntime<ScoreEngine>,
  { model, questions, addBos, signal }: ScoreQuestionsOptions,
): Promise<Pairs> {
  await using tokenizer = await runtime.openTokenizer(model);
  const pairs = new Map<string, readonly TokenPair[]>();
  for await (const question of inTurns(questions, signal))
    pairs.set(question.key, questionPairs(tokenizer, question, addBos));
  return pairs;
}

/** [choices]; contexts of equal text share their tokens. */
export function questionPairs(tokenizer: Tokenizer, question: PreparedChoices, addBos: boolean): TokenPair[] {
  const { contexts, continuations } = question;
  return naming(question.where, () =>
    contexts.map((context, i) => splitPair(tokenizer, context, continuations[i]!, { addBos })),
  );
}

/** Room for a batch of 2048 new tokens behind the prefix that stays from the one before. */
const LEAST_CONTEXT = 4096;

function engineOptions(options: ScoreQuestionsOptions, pairs: Pairs): EngineOptions {
  const { model, adapters, sequences, threads } = options;
  const longest = [...pairs.values()].flat().reduce((most, pair) => Math.max(most, decoded(pair)), LEAST_CONTEXT);
  const contextSize = options.contextSize ?? paddedContext(longest);
  // Flash attention over a float16 cache adds up in float16: sums of a float32 model would move by 5e-2 with the batch.
  return { model, adapters, sequences, threads, contextSize, kvType: "f32" };
}

function decoded({ context, continuation }: TokenPair): number {
  return context.length + continuation.length - 1;
}

type Scores = Pick<StoredScore, "logprobs" | "isGreedy" | "tokens" | "cut">;

async function score(
  engine: ScoreEngine,
  options: ScoreQuestionsOptions,
  questions: readonly PreparedChoices[],
  pairs: Pairs,
  onScored: (question: PreparedChoices, scores: Scores) => void,
): Promise<void> {
  const limit = engine.info.sequenceLimit;
  const requests: ScoreRequest[] = [];
  /** Of each request: its question, and which of the question's choices it holds. */
  const origins: Array<{ entry: Entry; choices: number[] }> = [];
  for (const question of questions) {
    const cut = naming(question.where, () => pairs.get(question.key)!.map((pair) => cutLeft(pair, limit)));
    const groups = byContext(cut);
    const entry: Entry = { question, open: groups.length, scores: emptyScores(cut) };
    for (const choices of groups) {
      requests.push({ context: cut[choices[0]!]!.context, continuations: choices.map((i) => cut[i]!.continuation) });
      origins.push({ entry, choices });
    }
  }
  await engine.score(requests, {
    signal: options.signal,
    onResult: (result) => {
      const { entry, choices } = origins[result.index]!;
      fill(entry.scores, choices, result);
      entry.open -= 1;
      if (entry.open === 0) onScored(entry.question, entry.scores);
    },
  });
}

interface Entry {
  question: PreparedChoices;
  /** Requests without a result. */
  open: number;
  scores: Scores;
}

/** Indexes of the pairs with the same context tokens, together. */
function byContext(pairs: readonly TokenPair[]): number[][] {
  const groups = new Map<string, number[]>();
  pairs.forEach(({ context }, i) => {
    const name = context.join();
    groups.set(name, [...(groups.get(name) ?? []), i]);
  });
  return [...groups.values()];
}

function emptyScores(pairs: readonly TokenPair[]): Scores {
  return {
    logprobs: pairs.map(() => Number.NaN),
    isGreedy: pairs.map(() => false),
    tokens: pairs.map(({ continuation }) => continuation.length),
    cut: pairs.reduce((most, { cut }) => Math.max(most, cut), 0),
  };
}

function fill(scores: Scores, choices: readonly number[], result: ScoreResult): void {
  choices.forEach((choice, i) => {
    scores.logprobs[choice] = result.logprobs[i]!;
    scores.isGreedy[choice] = result.isGreedy[i]!;
  });
}

function progressReporter(options: ScoreQuestionsOptions, resumed: number, elapsed: () => number): () => void {
  const total = options.questions.length;
  let done = resumed;
  return () => {
    done += 1;
    // The clock may not have moved yet at the first score.
    const questionsPerSecond = (done - resumed) / Math.max(elapsed(), 1e-6);
    options.onProgress?.({ done, total, questionsPerSecond, etaSeconds: (total - done) / questionsPerSecond });
  };
}
