import { renderChatML } from "../chat/chatml.js";
import { recordError } from "../data/formats/record.js";
import type { ChatMessage } from "../data/rows.js";
import { isMediloraError, MediloraError } from "../errors.js";
import { sha256Text } from "../util/hash.js";
import type { GenerationTask } from "./task.js";

/** One question, ready to be asked. */
export interface PreparedQuestion {
  id: string;
  gold: string;
  /** ChatML, up to the header of the assistant's turn. */
  prompt: string;
  /** Of the prompt's UTF-8 bytes. */
  promptSha256: string;
  /** What the prompt renders. */
  messages: readonly ChatMessage[];
}

/**
 * The questions of a file with their prompts, in the order of the file. All are checked before the first one is asked.
 * @throws MediloraError what the task's loader throws; `DATA_INVALID` with the question's id for a missing or unknown gold
 *   label, or content that would forge a turn
 */
export async function prepareQuestions(task: GenerationTask, path: string): Promise<PreparedQuestion[]> {
  const records = await task.load(path);
  const ids = new Set<string>();
  return records.map((record) => {
    const id = task.id(record);
    const where = `${path}, question ${id}`;
    if (ids.has(id)) throw recordError(where, "the id occurs twice; give each question its own");
    ids.add(id);
    return prepareQuestion(task, record, id, where);
  });
}

function prepareQuestion(task: GenerationTask, record: unknown, id: string, where: string): PreparedQuestion {
  const gold = located(where, () => task.gold(record));
  if (!task.labels.includes(gold))
    throw recordError(where, `the gold label is none of ${task.labels.join(", ")}; correct the record`);
  const messages = located(where, () => task.messages(record));
  const prompt = located(where, () => renderPrompt(messages));
  return { id, gold, prompt, promptSha256: sha256Text(prompt), messages };
}

/** ChatML up to the header of the assistant's turn. @throws MediloraError `DATA_INVALID` for content that forges a turn */
export function renderPrompt(messages: readonly ChatMessage[]): string {
  return renderChatML(messages, { addGenerationPrompt: true }).text;
}

function located<T>(where: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!isMediloraError(error)) throw error;
    throw new MediloraError(error.code, `${where}: ${error.message}`, { cause: error });
  }
}
