import { pipeline, Readable } from "node:stream";
import { CsvError, type Info, parse } from "csv-parse";
import { recordError, type SourceRecord } from "./record.js";
import { MAX_RECORD_BYTES, readText } from "./text.js";

/**
 * Reads a comma-separated file with a header row; quoted fields may hold newlines. Every field is a string. Memory holds
 * a few records.
 * @throws MediloraError `DATA_INVALID` with file and line or row; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readCsvRecords(path: string): AsyncGenerator<SourceRecord> {
  let header: string[] | undefined;
  let row = 0;
  for await (const fields of readCsvRows(path)) {
    if (header === undefined) {
      header = checkHeader(path, fields);
      continue;
    }
    row += 1;
    yield { where: `${path}, row ${row}`, row, value: Object.fromEntries(header.map((name, i) => [name, fields[i]])) };
  }
  if (header === undefined) throw recordError(path, "is empty; the first line must name the columns");
}

/**
 * Reads the rows of a comma-separated file as they are, a header included; all must have the same number of fields.
 * @throws MediloraError as {@link readCsvRecords}
 */
export async function* readCsvRows(path: string): AsyncGenerator<string[]> {
  const parser = parse({ bom: true, info: true, skip_empty_lines: true, max_record_size: MAX_RECORD_BYTES });
  // The error arrives through the iteration below; the callback only keeps it from being thrown as unhandled.
  pipeline(Readable.from(readText(path)), parser, () => {});
  try {
    for await (const { record } of parser as AsyncIterable<{ info: Info; record: string[] }>) yield record;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // The parser's error carries the record, so it is not passed on as a cause.
    const { code, lines } = error as CsvError & { lines?: number };
    throw recordError(`${path}, line ${lines ?? "?"}`, describe(code));
  }
}

function describe(code: string): string {
  switch (code) {
    case "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH":
    case "CSV_RECORD_INCONSISTENT_COLUMNS":
      return "the record has another number of fields than the first one; quote fields that hold commas or newlines";
    case "CSV_QUOTE_NOT_CLOSED":
      return "the file ends inside a quoted field; close the quote";
    case "CSV_INVALID_CLOSING_QUOTE":
    case "INVALID_OPENING_QUOTE":
    case "CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE":
      return "a quote stands inside a field; quote the field and double the quote";
    case "CSV_MAX_RECORD_SIZE":
      return "the record is too long; is a quote left open?";
    default:
      return "the record is not valid CSV";
  }
}

function checkHeader(path: string, names: string[]): string[] {
  const seen = new Set<string>();
  names.forEach((name, index) => {
    if (name.trim() === "") throw recordError(path, `column ${index + 1} has no name; the first line must name them`);
    if (seen.has(name))
      throw recordError(path, `column ${index + 1} has the name of an earlier one; each needs its own`);
    seen.add(name);
  });
  return names;
}
