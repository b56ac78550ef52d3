import { stat } from "node:fs/promises";
import { fileError, MediloraError } from "../../errors.js";
import type { FileIdentity } from "../evaluationResult.js";
import { naming } from "../questions.js";
import { identifyFile } from "../runIdentity.js";
import type { EvaluationRuntime } from "../runtime.js";
import { type NearestOptions, nearestTexts, type OwnText } from "../strategies/nearestTexts.js";
import { drawOrders, type Order } from "../strategies/shuffling.js";
import {
  type EvaluationStrategy,
  type NeighbourOptions,
  type StrategyDescription,
  strategyLabel,
} from "../strategies/strategy.js";
import { averageOrders, type OrderedScore } from "./averageOrders.js";
import { type PreparedChoices, type PreparedTask, prepareChoices, readSolved, solvedText } from "./prepare.js";
import type { StoredScore } from "./storedScore.js";
import type { ChoiceQuestion, LocatedQuestion } from "./task.js";

/** All that is scored under a strategy. */
export interface ScorePlan {
  /** Task after task, question after question, order after order. */
  questions: PreparedChoices[];
  /** From the scores of these, in their order, one score a question of the tasks. */
  combine(scores: readonly StoredScore[]): StoredScore[];
  strategy: StrategyDescription;
  /** What a reader must know. */
  notes: string[];
}

/**
 * Prepares what a strategy scores; finds the nearest shots first, for which it may load a model.
 * @param tasks with the questions that are wanted
 * @throws MediloraError `ARGUMENT_INVALID` for questions whose choices have no order, or with too few of them or too few
 *   solved questions; what reading the training file, the embedding model and the cache throws
 */
export async function planScores(
  runtime: EvaluationRuntime<unknown>,
  tasks: readonly PreparedTask[],
  strategy: EvaluationStrategy,
  options: NearestOptions,
): Promise<ScorePlan> {
  const { neighbours, choiceShuffling } = strategy;
  const found = neighbours && (await findShots(runtime, tasks, neighbours, options));
  const seed = choiceShuffling?.seed ?? 0;
  const asked = tasks.flatMap((one, t) =>
    one.questions.map((plain, i): Asked => {
      const source = one.sources[i]!;
      const header = found === undefined ? one.header : one.task.preamble + found.shots[t]![i]!;
      const put = (question: LocatedQuestion) => prepareChoices(one.task, header, question);
      if (choiceShuffling === undefined) return { plain, variants: [put(source)] };
      return { plain, ...shuffled(plain, source, put, { ...choiceShuffling, seed }) };
    }),
  );
  return {
    questions: asked.flatMap(({ variants }) => variants),
    combine: (scores) => combined(asked, scores),
    strategy: {
      label: strategyLabel(strategy),
      ...(choiceShuffling && { choiceShuffling: { permutations: choiceShuffling.permutations, seed } }),
      ...(found && { neighbours: found.description }),
    },
    notes: found?.notes ?? [],
  };
}

/** A question and what is scored for it. */
interface Asked {
  plain: PreparedChoices;
  variants: PreparedChoices[];
  /** Of each variant; without, the one variant is in the data's order. */
  orders?: Order[];
}

function shuffled(
  { key, id, task }: PreparedChoices,
  source: LocatedQuestion,
  put: (question: LocatedQuestion) => PreparedChoices,
  { permutations, seed }: { permutations: number; seed: number },
): Required<Omit<Asked, "plain">> {
  const { lettered } = source;
  if (lettered === undefined)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `${task} does not take choice shuffling: its choices are no letters of options that its questions show. Leave it out.`,
    );
  const orders = naming(source.where, () => drawOrders(id, lettered.options.length, permutations, seed));
  const variants = orders.map((order, i) => {
    const context = lettered.context(order.map((index) => lettered.options[index]!));
    const gold = source.gold.map((index) => order.indexOf(index));
    return { ...put({ ...source, context, gold }), key: `${key}#${i + 1}` };
  });
  return { variants, orders };
}

function combined(asked: readonly Asked[], scores: readonly StoredScore[]): StoredScore[] {
  let at = 0;
  return asked.map(({ plain, variants, orders }) => {
    const own = scores.slice(at, at + variants.length);
    at += variants.length;
    if (orders === undefined) return own[0]!;
    const ordered = own.map((score, i): OrderedScore => ({ ...score, order: orders[i]! }));
    return { ...averageOrders(ordered), id: plain.key, promptSha256: plain.promptSha256 };
  });
}

async function findShots(
  runtime: EvaluationRuntime<unknown>,
  tasks: readonly PreparedTask[],
  neighbours: NeighbourOptions,
  options: NearestOptions,
) {
  if (tasks.length > 1) await checkFolder(neighbours.train);
  const shots: string[][] = [];
  const train: FileIdentity[] = [];
  const notes: string[] = [];
  let embedding: NonNullable<StrategyDescription["neighbours"]>["embedding"] | undefined;
  for (const { task, questions, sources } of tasks) {
    const { path, questions: rows } = await readSolved(task, neighbours.train, options.signal);
    const search = { questions: textsOf(sources.slice(0, questions.length)), rows: textsOf(rows), neighbours };
    const found = await nearestTexts(runtime, search, options);
    shots.push(found.nearest.map((indexes) => indexes.map((index) => solvedText(task, rows[index]!)).join("")));
    train.push(await identifyFile(path, options.signal));
    notes.push(...found.notes.map((note) => (tasks.length > 1 ? `${task.name}: ${note}` : note)));
    embedding = found.embedding;
  }
  return { shots, description: { shots: neighbours.shots, train, embedding: embedding! }, notes };
}

function textsOf(questions: readonly ChoiceQuestion[]): OwnText[] {
  return questions.map(({ id, text, context }) => ({
    id,
    text: text ?? (typeof context === "string" ? context : context[0]!),
  }));
}

async function checkFolder(path: string): Promise<void> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (error) => Promise.reject(fileError(error, path, "read")),
  );
  if (isFolder) return;
  throw new MediloraError(
    "ARGUMENT_INVALID",
    "strategy.neighbours.train must be a folder with a file for each task of the group. Give the folder.",
  );
}
