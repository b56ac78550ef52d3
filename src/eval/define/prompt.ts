import { readRecords } from "../../data/formats/detect.js";
import type { SourceRecord } from "../../data/formats/record.js";
import { sha256Text } from "../../util/hash.js";
import { recordId } from "../tasks/choiceRecords.js";
import { letterChoices } from "../tasks/lettered.js";
import { choiceTexts, fieldText } from "./fields.js";
import type { ParsedTask } from "./schema.js";
import { template } from "./template.js";

/** A record's question in the definition's words. */
export interface RenderedRecord {
  record: SourceRecord;
  id: string;
  prompt: string;
  /** Undefined for a task without. */
  choices: string[] | undefined;
}

/**
 * The records of a file with their prompts.
 * @throws MediloraError `DATA_INVALID` with file, row and field; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* renderRecords(task: ParsedTask, path: string): AsyncGenerator<RenderedRecord> {
  const prompt = template(task.prompt);
  const line = template(task.choice_line);
  for await (const record of readRecords(path, { at: task.records })) {
    const choices = task.choices === undefined ? undefined : choiceTexts(record, task.choices);
    const block = choices
      ?.map((text, i) => line.render((name) => (name === "letter" ? letterChoices(choices.length)[i]! : text)))
      .join(task.choice_separator);
    yield {
      record,
      id: task.id === undefined ? recordId(record) : fieldText(record, task.id).trim(),
      prompt: prompt.render((name) => (name === "choices" && block !== undefined ? block : fieldText(record, name))),
      choices,
    };
  }
}

/** Hash of all that changes a prompt, a gold label or a score; the places of files do not. */
export function definitionHash(task: ParsedTask): string {
  const { data: _data, description: _description, ...rest } = task;
  if (rest.kind === "generation") return sha256Text(JSON.stringify(rest));
  const { shots_file: _shots, ...likelihood } = rest;
  return sha256Text(JSON.stringify(likelihood));
}

/** Which file a task reads, for lists. */
export function filesText({ data, prompt }: ParsedTask): string {
  return data ?? `records with the fields of its prompt (${template(prompt).names.join(", ")})`;
}
