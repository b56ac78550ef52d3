import { readRecords } from "../../data/formats/detect.js";
import { isObject, optionalString, recordError, type SourceRecord, stringField } from "../../data/formats/record.js";
import type { ChoiceQuestion, LocatedQuestion } from "../loglikelihood/task.js";

/** A record of a multiple-choice set, whatever its published form. */
export interface ChoiceRecord {
  question: string;
  choices: string[];
  /** Index of the right choice. */
  answer: number;
}

/**
 * The questions of a JSON, JSON lines, CSV or Parquet file. A record without an `id` of its own is `row-<n>`, n being
 * its line in JSON lines, else its number.
 * @param toQuestion must throw MediloraError `DATA_INVALID` naming the field
 */
export async function* readQuestions(
  path: string,
  toQuestion: (record: SourceRecord) => Omit<ChoiceQuestion, "id">,
): AsyncGenerator<LocatedQuestion> {
  for await (const record of readRecords(path))
    yield { id: recordId(record), where: record.where, ...toQuestion(record) };
}

/** Its own id, else `row-<n>`. */
export function recordId(record: SourceRecord): string {
  return typeof record.value.id === "string"
    ? (optionalString(record, "id") ?? `row-${record.row}`)
    : `row-${record.row}`;
}

/**
 * A record of the forms that several sets share: `{question, choices: [...], answer}`, or AI2's
 * `{question: {stem, choices: [{text, label}]}, answerKey}` and its copies with `choices: {text: [...], label: [...]}`.
 * @param questionField of the copies, e.g. "question_stem"
 */
export function choiceRecord(record: SourceRecord, questionField = "question"): ChoiceRecord {
  const { value, where } = record;
  if (isObject(value.question)) {
    const nested: SourceRecord = { ...record, where: `${where}, field question`, value: value.question };
    return { question: stringField(nested, "stem"), ...keyed(record, optionList(nested)) };
  }
  if (isObject(value.choices)) {
    const nested: SourceRecord = { ...record, where: `${where}, field choices`, value: value.choices };
    const texts = stringList(nested, "text");
    const labels = stringList(nested, "label");
    if (labels.length !== texts.length) throw recordError(nested.where, "text and label must be equally long");
    return {
      question: stringField(record, questionField),
      ...keyed(record, { texts, labels }),
    };
  }
  const choices = stringList(record, "choices");
  return { question: stringField(record, "question"), choices, answer: indexField(record, "answer", choices.length) };
}

/**
 * A field that holds an index from 0 to `count` - 1; CSV copies and some sets write it as text.
 * @throws MediloraError `DATA_INVALID` naming place and field
 */
export function indexField(record: SourceRecord, field: string, count: number, first = 0): number {
  const value = record.value[field];
  // Parquet gives whole numbers as bigint.
  const number =
    typeof value === "bigint" || (typeof value === "string" && /^\d+$/.test(value)) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= first && number < first + count)
    return number - first;
  throw recordError(record.where, `field ${field} must be a whole number from ${first} to ${first + count - 1}`);
}

/** @throws MediloraError `DATA_INVALID` naming place and field */
export function stringList(record: SourceRecord, field: string): string[] {
  const value = record.value[field];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw recordError(record.where, `field ${field} must be a list of strings`);
}

interface Options {
  texts: string[];
  labels: string[];
}

function optionList(record: SourceRecord): Options {
  const { choices } = record.value;
  if (!Array.isArray(choices) || !choices.every(isObject))
    throw recordError(record.where, "field choices must be a list of {text, label}");
  const options = choices.map(
    (value, i): SourceRecord => ({ ...record, where: `${record.where}, choice ${i + 1}`, value }),
  );
  return {
    texts: options.map((option) => stringField(option, "text")),
    labels: options.map((option) => stringField(option, "label")),
  };
}

function keyed(record: SourceRecord, { texts, labels }: Options): Pick<ChoiceRecord, "choices" | "answer"> {
  const answer = labels.indexOf(stringField(record, "answerKey"));
  if (answer >= 0) return { choices: texts, answer };
  throw recordError(record.where, "field answerKey must be the label of one of the choices");
}
