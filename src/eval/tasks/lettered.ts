import { recordError } from "../../data/formats/record.js";
import type { ChoiceQuestion } from "../loglikelihood/task.js";
import { strip } from "../loglikelihood/whiteSpace.js";

/** How an option stands in a prompt: `A. text`, or `(A) text`. */
export type LabelStyle = "dot" | "parentheses";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The options of a question, a line each, in the label style. */
export function optionLines(options: readonly string[], style: LabelStyle = "dot"): string {
  return options
    .map((option, i) => (style === "dot" ? `${LETTERS[i]}. ${option}` : `(${LETTERS[i]}) ${option}`))
    .join("\n");
}

/** The letters of a question's options, at most 26, as what is scored, whatever the label style. */
export function letterChoices(count: number): string[] {
  return [...LETTERS.slice(0, count)];
}

/**
 * @param count the task's options
 * @throws MediloraError `DATA_INVALID` for another number of options, a blank one or a blank question
 */
export function checkLettered(
  where: string,
  { question, options }: { question: string; options: readonly string[] },
  count: number,
): void {
  if (strip(question) === "") throw recordError(where, "the question is blank");
  if (options.length !== count) throw recordError(where, `there are ${options.length} options; the task has ${count}`);
  const blank = options.findIndex((option) => strip(option) === "");
  if (blank >= 0) throw recordError(where, `option ${LETTERS[blank]} is blank`);
}

/**
 * A question whose choices are its option letters, and whose options can stand in another order.
 * @param text    the question's own words
 * @param context what stands in front of the letter, by the options in their order
 */
export function orderableQuestion(
  text: string,
  options: readonly string[],
  gold: number,
  context: (options: readonly string[]) => string,
): Omit<ChoiceQuestion, "id"> {
  return { ...letterQuestion(context(options), options.length, gold), text, lettered: { options, context } };
}

/** A question whose choices are its option letters. */
export function letterQuestion(context: string, count: number, gold: number): Omit<ChoiceQuestion, "id"> {
  return { context, choices: letterChoices(count), gold: [gold] };
}
