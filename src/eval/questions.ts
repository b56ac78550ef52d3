import { renderChatML } from "../chat/chatml.js";
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
}

/**
 * The questions of a file with their prompts, in the order of the file. All are checked before the first one is asked.
 * @throws MediloraError what the task's loader throws; `DATA_INVALID` with the question's number, from 1, for a missing or
 *   unknown gold label, or content that would forge a turn; ids stay out of messages, since they may be patients'
 */
export async function prepareQuestions(task: GenerationTask, path: string): Promise<PreparedQuestion[]> {
  const records = await task.load(path);
  return records.map((record, index) => {
    try {
      return prepareQuestion(task, record);
    } catch (error) {
      if (!isMediloraError(error)) throw error;
      throw new MediloraError(error.code, `${path}, question ${index + 1}: ${error.message}`, { cause: error });
    }
  });
}

function prepareQuestion(task: GenerationTask, record: unknown): PreparedQuestion {
  const gold = task.gold(record);
  if (!task.labels.includes(gold))
    throw new MediloraError("DATA_INVALID", `the gold label is none of ${task.labels.join(", ")}. Correct the record.`);
  const prompt = renderChatML(task.messages(record), { addGenerationPrompt: true }).text;
  return { id: task.id(record), gold, prompt, promptSha256: sha256Text(prompt) };
}
