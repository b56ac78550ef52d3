import { renderChatML } from "../chat/chatml.js";
import { recordError } from "../data/formats/record.js";
import type { ChatMessage } from "../data/rows.js";
import { isMediloraError, MediloraError } from "../errors.js";
import { sha256Text } from "../util/hash.js";
import type { GenerationTask } from "./task.js";
import { resolveTaskFile } from "./taskFile.js";

/** One answer that is wanted, ready to be asked for. */
export interface PreparedQuestion {
  /** Of the answer: the question's id, with a number behind it where several answers are wanted. */
  id: string;
  gold: string;
  /** ChatML, up to the header of the assistant's turn. */
  prompt: string;
  /** Of the prompt's UTF-8 bytes. */
  promptSha256: string;
  /** What the prompt renders. */
  messages: readonly ChatMessage[];
  /** Of several answers to one question: the question's id, and which of them this is, from 0. */
  ballot?: { question: string; number: number };
  /** File and number of the question, for error messages. */
  where: string;
  /** What an extracted label means in the data's order of the options, where the prompt shows another. */
  original?: (label: string) => string;
}

/** A record of the data with what is asked of every question. */
export interface LoadedQuestion {
  id: string;
  gold: string;
  record: unknown;
  /** For error messages. */
  where: string;
}

/**
 * The questions of a file, in its order, each with a gold label that the task knows.
 * @throws MediloraError what the task's loader throws; `DATA_INVALID` with the question's number, from 1, for a missing or
 *   unknown gold label; ids stay out of messages, since they may be patients'
 */
export async function loadQuestions(
  task: GenerationTask,
  data: string,
  signal?: AbortSignal,
): Promise<LoadedQuestion[]> {
  const path = await resolveTaskFile(task, data);
  const records = await task.load(path, signal);
  const ids = new Set<string>();
  return records.map((record, index) => {
    const where = `${path}, question ${index + 1}`;
    const id = task.id(record);
    if (ids.has(id)) throw recordError(where, "the id occurs twice; give each question its own");
    ids.add(id);
    const gold = naming(where, () => task.gold(record));
    if (!task.labels.includes(gold))
      throw recordError(where, `the gold label is none of ${task.labels.join(", ")}; correct the record`);
    return { id, gold, record, where };
  });
}

/**
 * The questions of a file with their prompts, in the order of the file. All are checked before the first one is asked.
 * @throws MediloraError as {@link loadQuestions}; `DATA_INVALID` with the question's number for content that would forge a
 *   turn
 */
export async function prepareQuestions(
  task: GenerationTask,
  data: string,
  signal?: AbortSignal,
): Promise<PreparedQuestion[]> {
  const questions = await loadQuestions(task, data, signal);
  return questions.map(({ id, gold, record, where }) => {
    const messages = naming(where, () => task.messages(record));
    return { id, gold, where, ...preparePrompt(messages, where) };
  });
}

/** @throws MediloraError of {@link renderPrompt}, with the place in front */
export function preparePrompt(
  messages: readonly ChatMessage[],
  where: string,
): Pick<PreparedQuestion, "prompt" | "promptSha256" | "messages"> {
  const prompt = naming(where, () => renderPrompt(messages));
  return { prompt, promptSha256: sha256Text(prompt), messages };
}

/** ChatML up to the header of the assistant's turn. @throws MediloraError `DATA_INVALID` for content that forges a turn */
export function renderPrompt(messages: readonly ChatMessage[]): string {
  return renderChatML(messages, { addGenerationPrompt: true }).text;
}

/** Runs `body` and puts the place in front of its error's message; ids stay out, since they may be patients'. */
export function naming<T>(where: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!isMediloraError(error)) throw error;
    throw new MediloraError(error.code, `${where}: ${error.message}`, { cause: error });
  }
}
