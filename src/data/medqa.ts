import { MediloraError } from "../errors.js";
import { untilAborted } from "../util/turn.js";
import { readJsonLines } from "./formats/jsonl.js";
import { isObject, recordError, type SourceRecord, stringField } from "./formats/record.js";
import type { ChatMessage } from "./rows.js";
import { chatItem, type SourceItem } from "./textRow.js";

export type OptionLetter = "A" | "B" | "C" | "D" | "E";
const LETTERS: readonly OptionLetter[] = ["A", "B", "C", "D", "E"];

/** A question with lettered options. */
export interface MultipleChoiceRecord {
  id: string;
  question: string;
  /** Four or five texts; the first is option A. */
  options: string[];
  /** The right option. */
  label: OptionLetter;
}

export interface MedQARecord extends MultipleChoiceRecord {
  /** The right option's text as the file repeats it. */
  answer: string;
}

/** The system prompt of the published MedQA adapter, word for word, for the set with four or five options. */
export function medqaSystemPrompt(options: number): string {
  return (
    "You are a medical doctor taking the US Medical Licensing Examination. " +
    "You need to demonstrate your understanding of basic and clinical science, medical knowledge, and mechanisms " +
    "underlying health, disease, patient care, and modes of therapy. " +
    "Show your ability to apply the knowledge essential for medical practice. " +
    `For the following multiple-choice question, select one correct answer from A to ${optionLetter(options - 1)}. ` +
    "Base your answer on the current and standard practices referenced in medical guidelines."
  );
}

/** The letter of an option by its index from 0. */
export function optionLetter(index: number): OptionLetter {
  const letter = LETTERS[index];
  if (letter !== undefined) return letter;
  throw new MediloraError("ARGUMENT_INVALID", `Option ${index} has no letter: there are ${LETTERS.length} at most.`);
}

/**
 * Reads MedQA's published JSON lines, `{question, answer, options: {A, ...}, answer_idx, ...}`, with four or five
 * options, one record at a time. Other fields stay unread. A stray quote or newline at the end of a text is stripped.
 *
 * The files have no ids; a record's is `medqa-<line>`.
 * @throws MediloraError `DATA_INVALID` with file, line and field; `FILE_NOT_FOUND`, `FILE_READ`
 * @see Jin et al. 2021, What Disease does this Patient Have?
 */
export async function* readMedQA(path: string): AsyncGenerator<MedQARecord> {
  for await (const record of readJsonLines(path)) yield toMedQARecord(record);
}

/**
 * All records of a MedQA file (see {@link readMedQA}).
 * @throws MediloraError `DATA_EMPTY` when there is none, `ABORTED`, and what {@link readMedQA} throws
 */
export async function loadMedQA(path: string, signal?: AbortSignal): Promise<MedQARecord[]> {
  const records: MedQARecord[] = [];
  for await (const record of untilAborted(readMedQA(path), signal)) records.push(record);
  if (records.length === 0)
    throw new MediloraError("DATA_EMPTY", `${path} holds no MedQA questions. Give another file.`);
  return records;
}

/** The user turn: the question and, behind it, each option as `(A) text`, all joined by single spaces. */
export function multipleChoicePrompt({ question, options }: MultipleChoiceRecord): string {
  return [question, ...options.map((option, index) => `(${optionLetter(index)}) ${option}`)].join(" ");
}

/** The conversation of one record: system and user turn, and with `answer` the assistant's `(C) text`. */
export function multipleChoiceMessages(record: MultipleChoiceRecord, options: { answer: boolean }): ChatMessage[] {
  const messages: ChatMessage[] = [
    { role: "system", content: medqaSystemPrompt(record.options.length) },
    { role: "user", content: multipleChoicePrompt(record) },
  ];
  if (!options.answer) return messages;
  const right = record.options[LETTERS.indexOf(record.label)] as string;
  return [...messages, { role: "assistant", content: `(${record.label}) ${right}` }];
}

/** The row of a multiple-choice record; one with a blank question or option gives none. */
export function multipleChoiceItem(record: MultipleChoiceRecord): SourceItem {
  if ([record.question, ...record.options].some((text) => text.trim() === ""))
    return { id: record.id, skipped: "blank" };
  return chatItem(record.id, multipleChoiceMessages(record, { answer: true }), record.label);
}

/** Whether the answer's text and its letter name the same option. */
export function answerAgrees({ answer, options, label }: MedQARecord): boolean {
  return answer === options[LETTERS.indexOf(label)];
}

/** The rows of a MedQA file. A record whose `answer` is not the text of its `answer_idx` gives none. */
export async function* medqaItems(path: string): AsyncGenerator<SourceItem> {
  for await (const record of readMedQA(path))
    yield answerAgrees(record) ? multipleChoiceItem(record) : { id: record.id, skipped: "answer-mismatch" };
}

function toMedQARecord(record: SourceRecord): MedQARecord {
  const { where, value } = record;
  if (!isObject(value.options)) throw recordError(where, "field options must be an object {A: ..., B: ...}");
  const entries = Object.entries(value.options).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length < 4 || entries.length > 5 || entries.some(([key], index) => key !== LETTERS[index]))
    throw recordError(where, "field options must have the keys A to D or A to E");
  const options = entries.map(([key, option]) => {
    if (typeof option !== "string") throw recordError(where, `field options.${key} must be a string`);
    return withoutStrayEnd(option);
  });
  const label = LETTERS.slice(0, options.length).find((letter) => letter === value.answer_idx);
  if (label === undefined) throw recordError(where, "field answer_idx must be the letter of one of the options");
  return {
    id: `medqa-${record.row}`,
    question: withoutStrayEnd(stringField(record, "question")),
    options,
    label,
    answer: withoutStrayEnd(stringField(record, "answer")),
  };
}

/** Without the white space around it, and without a last quote that opens or closes nothing. */
function withoutStrayEnd(text: string): string {
  const trimmed = text.trim();
  const isStray = trimmed.endsWith('"') && (trimmed.split('"').length - 1) % 2 === 1;
  return isStray ? trimmed.slice(0, -1).trimEnd() : trimmed;
}
