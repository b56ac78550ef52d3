import { CLINICIAN_SYSTEM_PROMPT } from "./clinicianPrompt.js";
import { readJsonArray } from "./formats/json.js";
import { isObject, recordError, type SourceRecord, stringField } from "./formats/record.js";
import { PUBMEDQA_SYSTEM_PROMPT } from "./pubmedqa.js";
import type { ChatMessage } from "./rows.js";
import { chatItem, type SourceItem } from "./textRow.js";

export const BIOASQ_TYPES = ["yesno", "factoid", "list", "summary"] as const;
export type BioASQType = (typeof BIOASQ_TYPES)[number];

export interface BioASQRecord {
  id: string;
  type: BioASQType;
  question: string;
  /** The texts of the snippets, in their order, repeats left out. */
  snippets: string[];
  /** Ideal answers; the first one is used for training. */
  idealAnswers: string[];
  /** Of yes/no questions, in lower case. */
  label?: "yes" | "no";
}

/**
 * Reads a BioASQ task B file, `{"questions": [{id, type, body, snippets, ideal_answer, exact_answer, ...}]}`, one
 * question at a time. Other fields stay unread.
 * @throws MediloraError `DATA_INVALID` with file, row and field; `FILE_NOT_FOUND`, `FILE_READ`
 * @see Tsatsaronis et al. 2015, An overview of the BIOASQ large-scale biomedical semantic indexing and question
 *   answering competition
 */
export async function* readBioASQ(path: string): AsyncGenerator<BioASQRecord> {
  for await (const record of readJsonArray(path, { at: "questions" })) yield toRecord(record);
}

/**
 * The rows of a BioASQ file: questions of the wanted types. The user turn is PubMedQA's, `Context: <snippets joined by a
 * space> Question: <question>`. A yes/no question is answered as PubMedQA's, `<label>. <ideal answer>`, under its system
 * prompt, with an ideal answer's own leading yes or no left out; the others by the ideal answer, under
 * {@link CLINICIAN_SYSTEM_PROMPT}.
 */
export async function* bioasqItems(path: string, types: readonly BioASQType[]): AsyncGenerator<SourceItem> {
  for await (const record of readBioASQ(path))
    yield types.includes(record.type) ? toItem(record) : { id: record.id, skipped: "other-type" };
}

function toItem(record: BioASQRecord): SourceItem {
  const { id, snippets, label } = record;
  const ideal = record.idealAnswers[0]?.trim() ?? "";
  if (ideal === "") return { id, skipped: "no-ideal-answer" };
  if (record.question === "") return { id, skipped: "blank" };
  if (snippets.length === 0) return { id, skipped: "no-snippet" };
  const question: ChatMessage = {
    role: "user",
    content: `Context: ${snippets.join(" ")} Question: ${record.question}`,
  };
  if (record.type !== "yesno") {
    const system: ChatMessage = { role: "system", content: CLINICIAN_SYSTEM_PROMPT };
    return chatItem(id, [system, question, { role: "assistant", content: ideal }]);
  }
  if (label === undefined) return { id, skipped: "no-label" };
  // Without a mark behind it the word may belong to the sentence: "No significant effect was seen".
  const stated = /^(yes|no)(?:[.,:;!]+\s*|$)/i.exec(ideal);
  if (stated !== null && stated[1]?.toLowerCase() !== label) return { id, skipped: "answer-contradicts-label" };
  const rest = stated === null ? ideal : ideal.slice(stated[0].length);
  const answer = rest === "" ? label : `${label}. ${rest}`;
  const system: ChatMessage = { role: "system", content: PUBMEDQA_SYSTEM_PROMPT };
  return chatItem(id, [system, question, { role: "assistant", content: answer }], label);
}

function toRecord(record: SourceRecord): BioASQRecord {
  const { where, value } = record;
  const type = BIOASQ_TYPES.find((known) => known === value.type);
  if (type === undefined) throw recordError(where, `field type must be one of ${BIOASQ_TYPES.join(", ")}`);
  const result: BioASQRecord = {
    id: stringField(record, "id"),
    type,
    question: stringField(record, "body").trim(),
    snippets: snippets(record),
    idealAnswers: idealAnswers(record),
  };
  if (type === "yesno" && value.exact_answer !== undefined) result.label = yesOrNo(record);
  return result;
}

function snippets({ where, value }: SourceRecord): string[] {
  if (value.snippets === undefined) return [];
  if (!Array.isArray(value.snippets)) throw recordError(where, "field snippets must be an array");
  const texts = value.snippets.map((snippet: unknown, index) => {
    if (isObject(snippet) && typeof snippet.text === "string") return snippet.text.trim();
    throw recordError(where, `field snippets[${index}].text must be a string`);
  });
  return [...new Set(texts)].filter((text) => text !== "");
}

/** A list in the later years, a string in the earliest. */
function idealAnswers({ where, value }: SourceRecord): string[] {
  const { ideal_answer: ideal } = value;
  if (ideal === undefined) return [];
  const list: unknown[] = Array.isArray(ideal) ? ideal : [ideal];
  if (list.every((answer) => typeof answer === "string")) return list;
  throw recordError(where, "field ideal_answer must be a string or a list of strings");
}

function yesOrNo({ where, value }: SourceRecord): "yes" | "no" {
  const exact: unknown = Array.isArray(value.exact_answer) ? value.exact_answer[0] : value.exact_answer;
  const word = typeof exact === "string" ? exact.trim().toLowerCase() : undefined;
  if (word === "yes" || word === "no") return word;
  throw recordError(where, "field exact_answer of a yes/no question must be yes or no");
}
