import type { ChatMessage } from "../../data/rows.js";
import { MediloraError } from "../../errors.js";
import type { ExtractionRule } from "../extraction.js";
import { SAMPLER_PRESETS, type SamplerPreset } from "../samplers.js";
import type { GenerationTask } from "../task.js";
import { REASONING_TOKENS, reasoningInstruction, withInstruction } from "./chainOfThought.js";
import type { Order } from "./shuffling.js";
import { checkStrategy, type EvaluationStrategy } from "./strategy.js";

/** How a task asks under a strategy, or plainly. */
export interface QuestionForm {
  extraction: ExtractionRule;
  maxTokens: number;
  /** The conversation up to the answer; with an order, the options stand in it. */
  messages(question: unknown, order?: Order): ChatMessage[];
  /** The assistant's turn of a solved question; undefined for one that cannot serve as an example. */
  solved(question: unknown): string | undefined;
}

/**
 * @throws MediloraError `ARGUMENT_INVALID` for a strategy that is none, or that the task does not take
 */
export function questionForm(task: GenerationTask, strategy: EvaluationStrategy | undefined): QuestionForm {
  if (strategy !== undefined) checkTaskTakes(task, strategy);
  const messages = (question: unknown, order?: Order) =>
    order === undefined ? task.messages(question) : task.optionOrder!.messages(question, order);
  if (strategy?.chainOfThought === undefined)
    return {
      extraction: task.extraction,
      maxTokens: task.maxTokens,
      messages,
      solved: (question) => task.solved?.(question),
    };
  const { form, extraction, solved } = task.chainOfThought!;
  const instruction = reasoningInstruction(form);
  return {
    extraction,
    maxTokens: strategy.chainOfThought.maxTokens ?? REASONING_TOKENS,
    messages: (question, order) => withInstruction(messages(question, order), instruction),
    solved: (question) => solved?.(question),
  };
}

function checkTaskTakes(task: GenerationTask, strategy: EvaluationStrategy): void {
  checkStrategy(strategy);
  const { choiceShuffling, neighbours, chainOfThought } = strategy;
  if (choiceShuffling && task.optionOrder === undefined)
    throw refused(task, "choice shuffling: its options have no order");
  if (chainOfThought && task.chainOfThought === undefined)
    throw refused(task, "chain of thought: it has no extraction rule for reasoned answers");
  if (neighbours && task.solved === undefined)
    throw refused(task, "nearest shots: it has no form for solved questions");
  if (neighbours && chainOfThought && task.chainOfThought?.solved === undefined)
    throw refused(
      task,
      "nearest shots under chain of thought: its data holds no reasoning, and shots without would teach to leave it out",
    );
}

function refused(task: GenerationTask, what: string): MediloraError {
  return new MediloraError("ARGUMENT_INVALID", `${task.name} does not take ${what}. Leave it out.`);
}

/** @throws MediloraError `ARGUMENT_INVALID` for self-consistency over a sampler whose answers would all be the same */
export function checkDraws({ selfConsistency }: EvaluationStrategy, sampler: SamplerPreset): void {
  if (selfConsistency === undefined || SAMPLER_PRESETS[sampler].some(({ type }) => type === "draw")) return;
  throw new MediloraError(
    "ARGUMENT_INVALID",
    `Self-consistency needs answers that differ, but sampler ${sampler} draws nothing. Use another sampler.`,
  );
}
