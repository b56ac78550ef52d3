import { MediloraError } from "../../errors.js";
import type { ChatMessage, ChatRole } from "../rows.js";
import { chatItem, type SourceItem, textItem } from "../textRow.js";
import { isObject, numberText, recordError, type SourceRecord } from "./record.js";

/** Which field of a record holds what. A value is a field's name, or a path with dots: `answers.0.text`. */
export interface FieldMapping {
  id?: string;
  /** Documents for completion training; excludes the other text fields. */
  text?: string;
  /** An array of `{role, content}`, or of `{from, value}` as in ShareGPT; excludes question, context and answer. */
  messages?: string;
  system?: string;
  /** The system turn; where the question is missing or blank, the question instead, as in Alpaca's files. */
  instruction?: string;
  question?: string;
  /** Goes before the question: `Context: <context> Question: <question>`, as in PubMedQA. Lists are joined by spaces. */
  context?: string;
  answer?: string;
  label?: string;
}

export const MAPPING_KEYS = [
  "id",
  "text",
  "messages",
  "system",
  "instruction",
  "question",
  "context",
  "answer",
  "label",
] as const;

/** Shapes that are recognised without a mapping, by the fields of the first record, the first that fits. */
const KNOWN_SHAPES: ReadonlyArray<{ fields: readonly string[]; mapping: FieldMapping }> = [
  { fields: ["messages"], mapping: { messages: "messages" } },
  { fields: ["conversations"], mapping: { messages: "conversations", system: "system" } },
  { fields: ["text"], mapping: { text: "text" } },
  {
    fields: ["instruction", "output"],
    mapping: { instruction: "instruction", question: "input", answer: "output" },
  },
  { fields: ["question", "answer"], mapping: { question: "question", context: "context", answer: "answer" } },
  { fields: ["prompt", "completion"], mapping: { question: "prompt", answer: "completion" } },
];

/**
 * The mapping of a known shape: OpenAI `messages`, ShareGPT `conversations`, `text`, Alpaca's `instruction`/`output` with or
 * without `input`, `question`/`answer` or `prompt`/`completion`; `id` and `label` go along where the record has them.
 * @throws MediloraError `DATA_INVALID` when the record has none of these shapes
 */
export function recogniseMapping(record: SourceRecord): FieldMapping {
  const shape = KNOWN_SHAPES.find(({ fields }) => fields.every((field) => field in record.value));
  if (shape === undefined)
    throw recordError(record.where, "the fields have no known shape; say which is which with a mapping");
  const extra = (["id", "label"] as const).filter((key) => isScalar(record.value[key])).map((key) => [key, key]);
  // With fields that this record lacks, such as the context: later ones may have them.
  return { ...shape.mapping, ...Object.fromEntries(extra) };
}

/**
 * The mapping of texts `key=field`.
 * @throws MediloraError `ARGUMENT_INVALID` for a key that is unknown, or there twice
 */
export function parseMapping(entries: readonly string[]): FieldMapping {
  const mapping: FieldMapping = {};
  for (const entry of entries) {
    const end = entry.indexOf("=");
    const key = MAPPING_KEYS.find((known) => known === entry.slice(0, Math.max(end, 0)));
    if (key === undefined || end === entry.length - 1)
      throw new MediloraError(
        "ARGUMENT_INVALID",
        `A mapping is <key>=<field>, and the key one of ${MAPPING_KEYS.join(", ")}.`,
      );
    if (mapping[key] !== undefined) throw new MediloraError("ARGUMENT_INVALID", `The mapping names ${key} twice.`);
    mapping[key] = entry.slice(end + 1);
  }
  return mapping;
}

/**
 * Refuses mappings that do not say what is learnt.
 * @throws MediloraError `ARGUMENT_INVALID`
 */
export function checkMapping(mapping: FieldMapping): void {
  const { text, messages, question, answer, context, system, instruction } = mapping;
  const forms = [text, messages, question ?? answer ?? context].filter((field) => field !== undefined).length;
  const problem =
    forms !== 1
      ? "needs exactly one of text, messages, or question with answer"
      : text !== undefined && system !== undefined
        ? "has a system field, which a text has no place for"
        : instruction !== undefined && (question === undefined || system !== undefined)
          ? "has an instruction, which goes with question and answer, and without system"
          : text === undefined && messages === undefined && (question === undefined || answer === undefined)
            ? "needs both question and answer"
            : undefined;
  if (problem !== undefined) throw new MediloraError("ARGUMENT_INVALID", `The mapping ${problem}.`);
}

/**
 * The row of a record under a mapping.
 * @param fallback id of a record without one, and the system turn of a conversation without one
 * @returns the row, or the reason for none: `blank`, `chat-marker`, `no-answer`, or `other-role` for turns of tools
 * @throws MediloraError `DATA_INVALID` with place and field for a field that is missing or of another type
 */
export function mapRecord(
  record: SourceRecord,
  mapping: FieldMapping,
  fallback: { id: string; system?: string },
): SourceItem {
  const id = optionalText(record, mapping.id)?.trim() || fallback.id;
  if (mapping.text !== undefined) return textItem(id, text(record, mapping.text));
  const label = optionalText(record, mapping.label)?.trim() || undefined;
  const system = optionalText(record, mapping.system)?.trim() || fallback.system;
  const turns = mapping.messages === undefined ? pair(record, mapping) : conversation(record, mapping.messages);
  if (turns === undefined) return { id, skipped: "other-role" };
  const hasSystem = turns.some(({ role }) => role === "system");
  const messages: ChatMessage[] =
    hasSystem || system === undefined ? turns : [{ role: "system", content: system }, ...turns];
  return chatItem(id, messages, label);
}

function pair(record: SourceRecord, mapping: FieldMapping): ChatMessage[] {
  const instruction = optionalText(record, mapping.instruction)?.trim() ?? "";
  const input =
    mapping.instruction === undefined
      ? text(record, mapping.question as string)
      : (optionalText(record, mapping.question) ?? "");
  const question = input.trim() === "" ? instruction : input;
  const context = optionalText(record, mapping.context)?.trim();
  const turns: ChatMessage[] = [
    {
      role: "user",
      content: context && question.trim() !== "" ? `Context: ${context} Question: ${question}` : question,
    },
    { role: "assistant", content: text(record, mapping.answer as string) },
  ];
  const isSystem = instruction !== "" && question !== instruction;
  return isSystem ? [{ role: "system", content: instruction }, ...turns] : turns;
}

/** Names of roles as OpenAI and ShareGPT files write them. */
const ROLES: Readonly<Record<string, ChatRole>> = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  gpt: "assistant",
};

/** Undefined when a turn belongs to neither side, such as a tool's. */
function conversation(record: SourceRecord, field: string): ChatMessage[] | undefined {
  const value = at(record, field);
  if (!Array.isArray(value) || value.length === 0)
    throw recordError(record.where, `field ${field} must be an array of at least one turn`);
  const turns = value.map((turn: unknown, index) => toTurn(record, turn, `${field}[${index}]`));
  return turns.every((turn) => turn !== undefined) ? turns : undefined;
}

function toTurn(record: SourceRecord, turn: unknown, field: string): ChatMessage | undefined {
  if (!isObject(turn)) throw recordError(record.where, `field ${field} must be an object`);
  const [speaker, content] = "from" in turn ? (["from", "value"] as const) : (["role", "content"] as const);
  const name = turn[speaker];
  if (typeof name !== "string") throw recordError(record.where, `field ${field}.${speaker} must be a string`);
  const role = Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
  // A tool call has no content and is no turn to learn.
  if (role === undefined || turn[content] === null) return undefined;
  return { role, content: turnText(record, turn[content], `${field}.${content}`) };
}

/** A string, or OpenAI's list of parts, of which only text parts can be trained on. */
function turnText(record: SourceRecord, value: unknown, field: string): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) throw recordError(record.where, `field ${field} must be a string`);
  return value
    .map((part: unknown) => {
      if (isObject(part) && part.type === "text" && typeof part.text === "string") return part.text;
      throw recordError(record.where, `field ${field} holds a part that is no text`);
    })
    .join("\n");
}

/** A null is a text that is not there, and the row is counted as blank; a field that is not there, a wrong mapping. */
function text(record: SourceRecord, field: string): string {
  if (at(record, field) === null) return "";
  const found = optionalText(record, field);
  if (found !== undefined) return found;
  throw recordError(record.where, `field ${field} of the mapping is missing`);
}

/** A field's text, a list's joined by spaces; undefined when it is missing or null. */
export function optionalText(record: SourceRecord, field: string | undefined): string | undefined {
  const value = field === undefined ? undefined : at(record, field);
  if (value === undefined || value === null) return undefined;
  const textOf = (one: string | number | boolean) =>
    typeof one === "number" ? numberText(one, record.where, field as string) : String(one);
  if (isScalar(value)) return textOf(value);
  if (Array.isArray(value) && value.every(isScalar)) return value.map(textOf).join(" ");
  throw recordError(record.where, `field ${field} must be text or a list of texts`);
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** A field by its whole name, else by its path. */
export function at(record: SourceRecord, field: string): unknown {
  if (Object.hasOwn(record.value, field)) return record.value[field];
  let value: unknown = record.value;
  for (const part of field.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}
