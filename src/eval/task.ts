import type { ChatMessage } from "../data/rows.js";
import type { ExtractionRule } from "./extraction.js";
import type { ChainOfThought } from "./strategies/chainOfThought.js";
import type { OptionOrder } from "./strategies/shuffling.js";

/**
 * A benchmark whose answers are generated, as data: what is asked, what is right, and how an answer is read.
 *
 * Whatever changes a prompt or a gold label needs a new `version`; a change of the extraction, a new id of the rule.
 */
export interface GenerationTask<Question = unknown> {
  /** By which the task is found, e.g. "pubmedqa". */
  readonly name: string;
  readonly version: number;
  /** One sentence for lists and help texts. */
  readonly description: string;
  /** Which file {@link load} reads. */
  readonly files: string;
  /** Names under which a folder may hold the file, the first that is there; without, the file must be named. */
  readonly fileNames?: readonly string[];
  /** The file that is read where the run names none. */
  readonly data?: string;
  /** SHA-256 of a declarative definition; none for tasks of code, whose version tells their changes. */
  readonly definition?: string;
  /** Every label, in the order of tables; macro-F1 is over exactly these. */
  readonly labels: readonly string[];
  readonly extraction: ExtractionRule;
  /** Most tokens of an answer, unless the run says otherwise. */
  readonly maxTokens: number;
  /**
   * All questions of a file, in its order.
   * @param signal stops the reading of a long file
   * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`, `DATA_INVALID` (also for an id that occurs twice), `DATA_EMPTY`,
   *   `ABORTED`
   */
  load(path: string, signal?: AbortSignal): Promise<Question[]>;
  /** Unique in the file; the seed of the question's draws derives from it. */
  id(question: Question): string;
  /** The conversation up to the answer. */
  messages(question: Question): ChatMessage[];
  /**
   * The right label.
   * @throws MediloraError `DATA_INVALID` when it has none; the caller names the question
   */
  gold(question: Question): string;
  /** The question's own words, by which similar ones are found and equal ones told; default: the last message. */
  text?(question: Question): string;
  /** The assistant's turn of a solved question; without, the task takes no nearest shots. */
  solved?(question: Question): string;
  /** Without, the task takes no choice shuffling. */
  readonly optionOrder?: OptionOrder<Question>;
  /** Without, the task takes no chain of thought. */
  readonly chainOfThought?: ChainOfThought<Question>;
}

/** `<name>@<version>`, as results and answers files name a task. */
export function taskId(task: { name: string; version: number }): string {
  return `${task.name}@${task.version}`;
}
