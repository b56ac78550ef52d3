import { renderChatML } from "../chat/chatml.js";
import type { ChatMessage } from "../data/rows.js";
import { isMediloraError, MediloraError } from "../errors.js";
import { sha256Text } from "../util/hash.js";
import type { GenerationTask } from "./task.js";

/** One answer that is wanted, ready to be asked for. */
export interface PreparedQuestion {
  /** Of the answer: the question's id, with a number behind it where several answers are wanted. */
  id: string;
  gold: string;
  /** ChatML, up to the header of the assistant's turn. */
  prompt: string;
  /** Of the prompt's UTF-8 bytes. */
  promptSha256: string;
  /** Of several answers to one question: the question's id, and which of them this is, from 0. */
  ballot?: { question: string; number: number };
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
export async function loadQuestions(task: GenerationTask, path: string): Promise<LoadedQuestion[]> {
  const records = await task.load(path);
  return records.map((record, index) => {
    const where = `${path}, question ${index + 1}`;
    return naming(where, () => {
      const gold = task.gold(record);
      if (!task.labels.includes(gold))
        throw new MediloraError(
          "DATA_INVALID",
          `the gold label is none of ${task.labels.join(", ")}. Correct the record.`,
        );
      return { id: task.id(record), gold, record, where };
    });
  });
}

/**
 * The questions of a file with their prompts, in the order of the file. All are checked before the first one is asked.
 * @throws MediloraError as {@link loadQuestions}; `DATA_INVALID` with the question's number for content that would forge a
 *   turn
 */
export async function prepareQuestions(task: GenerationTask, path: string): Promise<PreparedQuestion[]> {
  const questions = await loadQuestions(task, path);
  return questions.map(({ id, gold, record, where }) => ({ id, gold, ...renderPrompt(task.messages(record), where) }));
}

/** @throws MediloraError of `renderChatML`, with the place in front */
export function renderPrompt(
  messages: readonly ChatMessage[],
  where: string,
): Pick<PreparedQuestion, "prompt" | "promptSha256"> {
  const prompt = naming(where, () => renderChatML(messages, { addGenerationPrompt: true }).text);
  return { prompt, promptSha256: sha256Text(prompt) };
}

/** Puts the place in front of an error's message. */
function naming<T>(where: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!isMediloraError(error)) throw error;
    throw new MediloraError(error.code, `${where}: ${error.message}`, { cause: error });
  }
}
