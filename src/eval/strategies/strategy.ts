import { MediloraError } from "../../errors.js";
import { checkInteger } from "../evaluateOptions.js";
import type { AdapterIdentity, FileIdentity } from "../evaluationResult.js";

/** How a question is asked beyond once and as it stands. What is set together is combined. */
export interface EvaluationStrategy {
  /** Generated answers: asks so many times with seeds of their own; the labels vote. */
  selfConsistency?: { samples: number };
  /**
   * Asks with the options in so many orders, drawn without repetition by a seed of the question's own. Generated answers
   * vote; of scored options the mean probability counts. `seed` is by default the run's, or 0.
   */
  choiceShuffling?: { permutations: number; seed?: number };
  /** Puts the most similar solved questions of a training file in front of each question. */
  neighbours?: NeighbourOptions;
  /** Generated answers: asks for the reasoning before the answer. `maxTokens`, by default 512, replaces the run's. */
  chainOfThought?: { maxTokens?: number };
}

/** Solved examples in front of each question: those whose questions are nearest by their embeddings. */
export interface NeighbourOptions {
  /** File in the task's own format, with answers; for a group of tasks, the folder that holds one of each. */
  train: string;
  /** Solved questions in front of each one. */
  shots: number;
  /** GGUF model that computes the embeddings; default: the evaluated one with its adapters. */
  model?: string;
  /** File that keeps the embeddings by hashes of model and text, mode 0600, so that no text is computed twice. */
  cache?: string;
}

/** What a result says of its strategy. */
export interface StrategyDescription {
  /** E.g. "self-consistency 5 + chain of thought". */
  label: string;
  selfConsistency?: { samples: number };
  choiceShuffling?: { permutations: number; seed: number };
  neighbours?: {
    shots: number;
    /** One for each task. */
    train: FileIdentity[];
    embedding: { model: FileIdentity; adapters: AdapterIdentity[] };
  };
  /** The instruction behind the system prompt. */
  chainOfThought?: { instruction: string };
}

const MEMBERS = {
  selfConsistency: ["samples"],
  choiceShuffling: ["permutations", "seed"],
  neighbours: ["train", "shots", "model", "cache"],
  chainOfThought: ["maxTokens"],
} as const;

const MOST_VOTES = 100;
const MOST_SHOTS = 100;
const MOST_TOKENS = 2 ** 24;

/**
 * Checks names and ranges; what a task cannot do is refused where its questions are prepared.
 * @throws MediloraError `ARGUMENT_INVALID` naming the option
 */
export function checkStrategy(strategy: EvaluationStrategy): void {
  checkNames("strategy", strategy, Object.keys(MEMBERS));
  const { selfConsistency, choiceShuffling, neighbours, chainOfThought } = strategy;
  const given = Object.entries(strategy).filter(([, value]) => value !== undefined);
  if (given.length === 0) throw invalid("strategy sets nothing. Leave it out, or set one of its members.");
  for (const [name, value] of given) checkNames(`strategy.${name}`, value, MEMBERS[name as keyof typeof MEMBERS]);
  if (selfConsistency) checkInteger("strategy.selfConsistency.samples", selfConsistency.samples, 2, MOST_VOTES);
  if (choiceShuffling) {
    checkInteger("strategy.choiceShuffling.permutations", choiceShuffling.permutations, 2, MOST_VOTES);
    checkInteger(
      "strategy.choiceShuffling.seed",
      choiceShuffling.seed ?? 0,
      Number.MIN_SAFE_INTEGER,
      Number.MAX_SAFE_INTEGER,
    );
  }
  if (neighbours) {
    checkInteger("strategy.neighbours.shots", neighbours.shots, 1, MOST_SHOTS);
    if (typeof neighbours.train !== "string" || neighbours.train === "")
      throw invalid("strategy.neighbours.train must be the path of a training file.");
  }
  if (chainOfThought?.maxTokens !== undefined)
    checkInteger("strategy.chainOfThought.maxTokens", chainOfThought.maxTokens, 1, MOST_TOKENS);
}

function checkNames(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== "object" || value === null) throw invalid(`${name} must be an object.`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalid(`${name} has no option ${unknown}. Known: ${known.join(", ")}.`);
}

function invalid(message: string): MediloraError {
  return new MediloraError("ARGUMENT_INVALID", message);
}

/** One line for columns and reports. */
export function strategyLabel(strategy: EvaluationStrategy): string {
  const { selfConsistency, choiceShuffling, neighbours, chainOfThought } = strategy;
  return [
    ...(selfConsistency ? [`self-consistency ${selfConsistency.samples}`] : []),
    ...(choiceShuffling ? [`choice shuffling ${choiceShuffling.permutations}`] : []),
    ...(neighbours ? [`nearest shots ${neighbours.shots}`] : []),
    ...(chainOfThought ? ["chain of thought"] : []),
  ].join(" + ");
}

/** What of a strategy decides an answer, for the key of an answers file. */
export function strategyKey(strategy: StrategyDescription): object {
  const { label: _, neighbours, ...others } = strategy;
  if (neighbours === undefined) return others;
  const { shots, train, embedding } = neighbours;
  return {
    ...others,
    neighbours: {
      shots,
      train: train.map(({ sha256 }) => sha256),
      embedding: embedding.model.sha256,
      adapters: embedding.adapters.map(({ sha256, scale }) => ({ sha256, scale })),
    },
  };
}
