import { recordError } from "../../data/formats/record.js";
import type { ChatMessage } from "../../data/rows.js";
import { MediloraError } from "../../errors.js";
import { untilAborted } from "../../util/turn.js";
import type { GenerationTask } from "../task.js";
import { extractionOf } from "./extraction.js";
import { goldIndexes } from "./fields.js";
import { definitionHash, filesText, type RenderedRecord, renderRecords } from "./prompt.js";
import type { ParsedGeneration } from "./schema.js";

/** A question of a defined task. */
export interface DefinedQuestion {
  id: string;
  messages: ChatMessage[];
  gold: string;
}

/** The task of a checked definition whose answers are generated. */
export function generationTask(definition: ParsedGeneration): GenerationTask<DefinedQuestion> {
  const { name, version, labels, data } = definition;
  return {
    name,
    version,
    description: definition.description ?? `${name}, a task of one's own.`,
    files: filesText(definition),
    labels,
    extraction: extractionOf(definition),
    maxTokens: definition.max_tokens,
    definition: definitionHash(definition),
    ...(data !== undefined && { data }),
    load: (path, signal) => load(definition, path, signal),
    id: ({ id }) => id,
    messages: ({ messages }) => messages,
    gold: ({ gold }) => gold,
  };
}

async function load(
  definition: ParsedGeneration,
  path: string,
  signal: AbortSignal | undefined,
): Promise<DefinedQuestion[]> {
  const questions: DefinedQuestion[] = [];
  const ids = new Set<string>();
  for await (const rendered of untilAborted(renderRecords(definition, path), signal)) {
    if (ids.has(rendered.id))
      throw recordError(rendered.record.where, "the id occurs twice; give each question its own");
    ids.add(rendered.id);
    questions.push(toQuestion(definition, rendered));
  }
  if (questions.length > 0) return questions;
  throw new MediloraError("DATA_EMPTY", `${path} holds no questions of ${definition.name}. Give another file.`);
}

function toQuestion(definition: ParsedGeneration, { record, id, prompt, choices }: RenderedRecord): DefinedQuestion {
  const { labels, gold, system } = definition;
  if (choices !== undefined && choices.length > labels.length)
    throw recordError(record.where, `there are ${choices.length} choices, but the task has ${labels.length} labels`);
  const right = goldIndexes(record, gold, choices ?? labels);
  if (right.length !== 1) throw recordError(record.where, `field ${gold.field} must hold one right answer`);
  const user: ChatMessage = { role: "user", content: prompt };
  return {
    id,
    messages: system === undefined ? [user] : [{ role: "system", content: system }, user],
    gold: labels[right[0]!]!,
  };
}
