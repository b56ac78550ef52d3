import type { ChatMessage } from "../../data/rows.js";
import type { EvaluateOptions } from "../evaluateOptions.js";
import { type LoadedQuestion, loadQuestions, naming, type PreparedQuestion, preparePrompt } from "../questions.js";
import { identifyFile } from "../runIdentity.js";
import type { EvaluationRuntime } from "../runtime.js";
import type { GenerationTask } from "../task.js";
import { resolveTaskFile } from "../taskFile.js";
import { reasoningInstruction } from "./chainOfThought.js";
import type { QuestionForm } from "./form.js";
import { type NearestOptions, nearestTexts, type OwnText } from "./nearestTexts.js";
import { drawOrders, type Order } from "./shuffling.js";
import { type EvaluationStrategy, type StrategyDescription, strategyLabel } from "./strategy.js";

/** All that is asked under a strategy. */
export interface BallotPlan {
  /** Question after question; of each its orders, of each of these its samples. */
  ballots: PreparedQuestion[];
  /** Questions of the data, asked or not. */
  available: number;
  strategy: StrategyDescription;
  /** What a reader must know. */
  notes: string[];
}

export interface PlanOptions extends NearestOptions, Pick<EvaluateOptions, "data" | "limit"> {
  seed: number;
}

/**
 * Prepares every answer that a strategy wants; finds the nearest shots first, for which it may load a model.
 * @throws MediloraError `ARGUMENT_INVALID`, and what loading data, training file, embedding model and cache throws
 */
export async function planBallots(
  runtime: EvaluationRuntime<unknown>,
  task: GenerationTask,
  { strategy, form }: { strategy: EvaluationStrategy; form: QuestionForm },
  options: PlanOptions,
): Promise<BallotPlan> {
  const all = await loadQuestions(task, options.data, options.signal);
  const questions = all.slice(0, options.limit);
  const { neighbours, choiceShuffling, selfConsistency, chainOfThought } = strategy;
  const found = neighbours && (await findShots(runtime, { task, form, questions, neighbours }, options));
  const seed = choiceShuffling?.seed ?? options.seed;
  const ballots = questions.flatMap((question, i) => {
    const orders = ordersOf(task, question, choiceShuffling?.permutations, seed);
    const prompts = orders.map((order) =>
      preparePrompt(withShots(form.messages(question.record, order), found?.shots[i] ?? []), question.where),
    );
    const samples = Array.from({ length: selfConsistency?.samples ?? 1 });
    const asked = prompts.flatMap((prompt, place) => samples.map(() => ({ prompt, order: orders[place] })));
    return asked.map((one, number) => ballot(task, question, { ...one, number, count: asked.length }));
  });
  const description: StrategyDescription = {
    label: strategyLabel(strategy),
    ...(selfConsistency && { selfConsistency: { samples: selfConsistency.samples } }),
    ...(choiceShuffling && { choiceShuffling: { permutations: choiceShuffling.permutations, seed } }),
    ...(found && { neighbours: found.description }),
    ...(chainOfThought && { chainOfThought: { instruction: reasoningInstruction(task.chainOfThought!.form) } }),
  };
  return { ballots, available: all.length, strategy: description, notes: found?.notes ?? [] };
}

function ordersOf(
  task: GenerationTask,
  { id, record, where }: LoadedQuestion,
  permutations: number | undefined,
  seed: number,
): Array<Order | undefined> {
  if (permutations === undefined) return [undefined];
  return naming(where, () => drawOrders(id, task.optionOrder!.count(record), permutations, seed));
}

interface Asked {
  prompt: Pick<PreparedQuestion, "prompt" | "promptSha256" | "messages">;
  order: Order | undefined;
  number: number;
  /** Answers to the question. */
  count: number;
}

/** Numbers count from 1 in the id. */
function ballot(
  task: GenerationTask,
  { id, gold, where }: LoadedQuestion,
  { prompt, order, number, count }: Asked,
): PreparedQuestion {
  return {
    id: count === 1 ? id : `${id}#${number + 1}`,
    gold,
    where,
    ...prompt,
    ballot: { question: id, number },
    ...(order && { original: (label: string) => task.optionOrder!.label(label, order) }),
  };
}

/** Shots are turns in front of the question's, the nearest next to it. */
function withShots(messages: readonly ChatMessage[], shots: readonly ChatMessage[]): ChatMessage[] {
  return [...messages.slice(0, -1), ...shots, messages.at(-1)!];
}

interface ShotSearch {
  task: GenerationTask;
  form: QuestionForm;
  questions: readonly LoadedQuestion[];
  neighbours: NonNullable<EvaluationStrategy["neighbours"]>;
}

async function findShots(runtime: EvaluationRuntime<unknown>, search: ShotSearch, options: PlanOptions) {
  const { task, form, questions, neighbours } = search;
  const path = await resolveTaskFile(task, neighbours.train);
  const rows = (await loadQuestions(task, path, options.signal)).flatMap((row) => {
    const answer = form.solved(row.record);
    return answer === undefined ? [] : [{ ...row, answer }];
  });
  const { nearest, ...more } = await nearestTexts(
    runtime,
    { questions: textsOf(task, questions), rows: textsOf(task, rows), neighbours },
    options,
  );
  const train = [await identifyFile(path, options.signal)];
  return {
    shots: nearest.map((indexes) =>
      indexes.flatMap((index): ChatMessage[] => [
        task.messages(rows[index]!.record).at(-1)!,
        { role: "assistant", content: rows[index]!.answer },
      ]),
    ),
    description: { shots: neighbours.shots, train, embedding: more.embedding },
    notes: more.notes,
  };
}

function textsOf(task: GenerationTask, questions: readonly LoadedQuestion[]): OwnText[] {
  return questions.map(({ id, record }) => ({
    id,
    text: task.text?.(record) ?? task.messages(record).at(-1)!.content,
  }));
}
