import { createReadStream } from "node:fs";
import { fileError, MediloraError } from "../errors.js";
import { AtomicWriter } from "../util/atomicFile.js";

export const CHAT_ROLES = ["system", "user", "assistant"] as const;
export type ChatRole = (typeof CHAT_ROLES)[number];

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

export type TrainingRow = ChatRow | CompletionRow;

/** A longer line is not a row but a file of another format; reading on would only fill the memory. */
const MAX_LINE_BYTES = 64 * 2 ** 20;

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
  let line = 0;
  for await (const bytes of readLines(path)) {
    line += 1;
    const where = `${path}, line ${line}`;
    const text = decodeUtf8(bytes, where);
    if (text.trim() !== "") yield parseRow(text, where, line);
  }
}

/**
 * All rows of a JSON lines file (see {@link readRows}).
 * @throws MediloraError `DATA_EMPTY` when there is none, and what {@link readRows} throws
 */
export async function loadRows(path: string): Promise<TrainingRow[]> {
  const rows: TrainingRow[] = [];
  for await (const row of readRows(path)) rows.push(row);
  if (rows.length === 0)
    throw new MediloraError("DATA_EMPTY", `${path} holds no rows. Give a JSON lines file with one row a line.`);
  return rows;
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

async function* readLines(path: string): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  let line = 1;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
        parts.push(chunk.subarray(start, end));
        yield Buffer.concat(parts);
        parts = [];
        size = 0;
        line += 1;
        start = end + 1;
      }
      parts.push(chunk.subarray(start));
      size += chunk.length - start;
      if (size > MAX_LINE_BYTES)
        throw invalid(
          `${path}, line ${line}`,
          `is longer than ${MAX_LINE_BYTES} bytes; give JSON lines, one row a line`,
        );
    }
  } catch (error) {
    throw fileError(error, path, "read");
  }
  yield Buffer.concat(parts);
}

function decodeUtf8(bytes: Buffer, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid(where, "is not UTF-8; convert the file to UTF-8");
  }
}

function parseRow(text: string, where: string, line: number): TrainingRow {
  const fields = parseObject(text, where);
  const id = fields.id === undefined ? `row-${line}` : nonBlankString(fields.id, where, "id");
  if (fields.messages !== undefined && fields.text !== undefined)
    throw invalid(where, 'has both "messages" and "text"; keep one of them');
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
    throw invalid(where, "is not valid JSON; write one complete JSON object a line");
  }
  if (!isObject(value)) throw invalid(where, "is not a JSON object; write one object a line");
  return value;
}

function parseMessages(value: unknown, where: string): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0)
    throw invalid(where, 'field "messages" must be an array of at least one message');
  return value.map((message: unknown, index) => {
    const field = `messages[${index}]`;
    if (!isObject(message)) throw invalid(where, `field "${field}" must be an object {role, content}`);
    const role = CHAT_ROLES.find((known) => known === message.role);
    if (role === undefined) throw invalid(where, `field "${field}.role" must be one of ${CHAT_ROLES.join(", ")}`);
    return { role, content: nonBlankString(message.content, where, `${field}.content`) };
  });
}

function nonBlankString(value: unknown, where: string, field: string, hint = ""): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw invalid(where, `field "${field}" must be a string that is not blank${hint}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(where: string, problem: string): MediloraError {
  return new MediloraError("DATA_INVALID", `${where}: ${problem}.`);
}
