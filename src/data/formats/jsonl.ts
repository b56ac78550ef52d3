import { isObject, recordError, type SourceRecord } from "./record.js";
import { readLines } from "./text.js";

/**
 * Reads a JSON lines file, one object a line; blank lines are skipped. Memory holds one line.
 * @throws MediloraError `DATA_INVALID` with file and line; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readJsonLines(path: string): AsyncGenerator<SourceRecord> {
  for await (const { line, text } of readLines(path)) {
    if (text.trim() === "") continue;
    const where = `${path}, line ${line}`;
    yield { where, row: line, value: parseObject(text, where) };
  }
}

/**
 * The object that a text of JSON holds.
 * @throws MediloraError `DATA_INVALID` at `where`
 */
export function parseObject(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, so it is not passed on as a cause.
    throw recordError(where, "is not valid JSON; give one complete JSON object");
  }
  if (!isObject(value)) throw recordError(where, "is not a JSON object; each record must be one");
  return value;
}
