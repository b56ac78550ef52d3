import type { ChatMessage } from "../../data/rows.js";
import { MediloraError } from "../../errors.js";
import { SeededRandom } from "../../util/random.js";
import { questionSeed } from "../samplers.js";

/** The order in which options stand: `order[place]` is the option's index in the data. */
export type Order = readonly number[];

/** How a task whose answers are generated shows its options in another order. */
export interface OptionOrder<Question = unknown> {
  /** Options of a question. */
  count(question: Question): number;
  /** The conversation up to the answer, as the task's own `messages`, with the options in this order. */
  messages(question: Question, order: Order): ChatMessage[];
  /** The label in the data's order that a label read under this order means. */
  label(label: string, order: Order): string;
}

/**
 * Orders of a question's options, no two alike, uniform over all orders; the one in the data may be among them.
 *
 * Drawn by `questionSeed(seed, "<id>\nchoices")`, so they depend on seed and question alone, and fewer permutations are
 * the first ones of more.
 * @throws MediloraError `ARGUMENT_INVALID` when there are fewer orders than asked for
 */
export function drawOrders(id: string, options: number, permutations: number, seed: number): Order[] {
  const possible = factorial(options);
  if (permutations > possible)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `The question has ${options} options, which stand in ${possible} orders: ${permutations} permutations are too many.`,
    );
  const random = new SeededRandom(questionSeed(seed, `${id}\nchoices`));
  const orders = new Map<string, Order>();
  while (orders.size < permutations) {
    const order = random.shuffle(Array.from({ length: options }, (_, i) => i));
    orders.set(order.join(), order);
  }
  return [...orders.values()];
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}
