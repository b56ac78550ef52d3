import { isMediloraError, MediloraError } from "../../errors.js";

/** One record of a data file, whatever the file's format. */
export interface SourceRecord {
  /** The place for error messages: "FILE, line 3" or "FILE, row 3". */
  where: string;
  /** From 1: the line of a JSON lines file, else the record's number; a CSV header is not counted. */
  row: number;
  value: Readonly<Record<string, unknown>>;
}

/** `DATA_INVALID` at a place of a file. `problem` must not quote the data. */
export function recordError(where: string, problem: string): MediloraError {
  return new MediloraError("DATA_INVALID", `${where}: ${problem}.`);
}

/** An error of ours with the line of the row that it is about. Not the row's id: that may have been made from a name. */
export function errorAtLine(error: unknown, path: string, line: number): unknown {
  if (!isMediloraError(error)) return error;
  return new MediloraError(error.code, `${path}, line ${line}: ${error.message}`, { cause: error });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A text field of a record; it may be blank.
 * @throws MediloraError `DATA_INVALID` naming place and field when it is missing or no string
 */
export function stringField(record: SourceRecord, field: string): string {
  const value = record.value[field];
  if (typeof value === "string") return value;
  throw recordError(record.where, `field ${field} must be a string`);
}

/** The same for a field that may be missing or null; it is undefined then, and when it is blank. */
export function optionalString(record: SourceRecord, field: string): string | undefined {
  const value = record.value[field];
  if (value === undefined || value === null) return undefined;
  const text = stringField(record, field);
  return text.trim() === "" ? undefined : text;
}

/**
 * The text of a number in JSON, such as an id.
 * @throws MediloraError `DATA_INVALID` for a whole number beyond 2^53: reading it as a number has changed its last digits
 */
export function numberText(value: number, where: string, field: string): string {
  if (Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value))) return String(value);
  throw recordError(where, `field ${field} is a number beyond 2^53, which loses digits; write it as a string`);
}
