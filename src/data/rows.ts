import { MediloraError } from "../errors.js";
import { AtomicWriter } from "../util/atomicFile.js";
import { recordError } from "./formats/record.js";
import { readLines } from "./formats/text.js";

export const CHAT_ROLES = ["system", "user", "assistant"] as const;
export type ChatRole = (typeof CHAT_ROLES)[number];

/** A turn of a conversation. */
export interface ChatMessage {
  role: ChatRole;
  content: string;
}

/** One conversation; its assistant turns are what training learns. */
export interface ChatRow {
  id: string;
  messages: ChatMessage[];
  label?: string;
}

/** One document; every token of it is learnt. */
export interface CompletionRow {
  id: string;
  text: string;
}

/** A row of a training file: a conversation or a plain text. */
export type TrainingRow = ChatRow | CompletionRow;

/** A row and where it stands in its file. */
export interface RowLine {
  row: TrainingRow;
  /** As it stands in the file, with all its fields, without the line feed. */
  line: string;
  /** Of the line, from 1. */
  number: number;
}

/** True for a conversation, false for a plain text. */
export function isChatRow(row: TrainingRow): row is ChatRow {
  return "messages" in row;
}

/**
 * Reads training rows from a JSON lines file, one at a time; memory holds one line, however long the file is.
 *
 * A row is `{id?, messages: [{role, content}, ...], label?}` or `{id?, text}`; further fields are ignored. A missing id
 * becomes `row-<line>`; lines count from 1; blank lines are skipped.
 * @throws MediloraError `DATA_INVALID` with file, line and field; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readRows(path: string): AsyncGenerator<TrainingRow> {
  for await (const { row } of readRowLines(path)) yield row;
}

/**
 * The same rows together with their lines, so that fields that a row does not have survive a copy, such as the source
 * of a synthetic one, and errors can name the line.
 * @throws MediloraError what {@link readRows} throws
 */
export async function* readRowLines(path: string): AsyncGenerator<RowLine> {
  for await (const { line: number, text: line } of readLines(path))
    if (line.trim() !== "") yield { row: parseRow(line, `${path}, line ${number}`, number), line, number };
}

/**
 * All rows of a JSON lines file (see {@link readRows}).
 * @throws MediloraError `DATA_EMPTY` when there is none, and what {@link readRows} throws
 */
export async function loadRows(path: string): Promise<TrainingRow[]> {
  const rows: TrainingRow[] = [];
  for await (const row of readRows(path)) rows.push(row);
  checkNotEmpty(path, rows.length);
  return rows;
}

/** @throws MediloraError `DATA_EMPTY` for a file of no rows */
export function checkNotEmpty(path: string, rows: number): void {
  if (rows === 0)
    throw new MediloraError("DATA_EMPTY", `${path} holds no rows. Give a JSON lines file with one row a line.`);
}

/** Writes rows as JSON lines, mode 0600; the file appears under its name at {@link commit}. */
export class RowWriter implements AsyncDisposable {
  readonly #file: AtomicWriter;

  private constructor(file: AtomicWriter) {
    this.#file = file;
  }

  /** @throws MediloraError `FILE_WRITE` or `DISK_FULL`, here and in {@link write} and {@link commit} */
  static async open(path: string): Promise<RowWriter> {
    return new RowWriter(await AtomicWriter.open(path));
  }

  async write(row: TrainingRow): Promise<void> {
    await this.#file.write(`${JSON.stringify(row)}\n`);
  }

  async commit(): Promise<void> {
    await this.#file.commit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.discard();
  }
}

function parseRow(text: string, where: string, line: number): TrainingRow {
  const fields = parseObject(text, where);
  const id = fields.id === undefined ? `row-${line}` : nonBlankString(fields.id, where, "id");
  if (fields.messages !== undefined && fields.text !== undefined)
    throw recordError(where, 'has both "messages" and "text"; keep one of them');
  if (fields.messages === undefined)
    return { id, text: nonBlankString(fields.text, where, "text", ' (or give "messages")') };
  const row: ChatRow = { id, messages: parseMessages(fields.messages, where) };
  if (fields.label !== undefined) row.label = nonBlankString(fields.label, where, "label");
  return row;
}

function parseObject(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, so it is not passed on as a cause.
    throw recordError(where, "is not valid JSON; write one complete JSON object a line");
  }
  if (!isObject(value)) throw recordError(where, "is not a JSON object; write one object a line");
  return value;
}

function parseMessages(value: unknown, where: string): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0)
    throw recordError(where, 'field "messages" must be an array of at least one message');
  return value.map((message: unknown, index) => {
    const field = `messages[${index}]`;
    if (!isObject(message)) throw recordError(where, `field "${field}" must be an object {role, content}`);
    const role = CHAT_ROLES.find((known) => known === message.role);
    if (role === undefined) throw recordError(where, `field "${field}.role" must be one of ${CHAT_ROLES.join(", ")}`);
    return { role, content: nonBlankString(message.content, where, `${field}.content`) };
  });
}

function nonBlankString(value: unknown, where: string, field: string, hint = ""): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw recordError(where, `field "${field}" must be a string that is not blank${hint}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
