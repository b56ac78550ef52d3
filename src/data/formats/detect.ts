import { MediloraError } from "../../errors.js";
import { formatExtension, readBytes } from "./bytes.js";
import { readCsvRecords } from "./csv.js";
import { readJsonArray } from "./json.js";
import { readJsonLines } from "./jsonl.js";
import { readParquetRecords } from "./parquet.js";
import type { SourceRecord } from "./record.js";
import { checkNotUtf16 } from "./text.js";

export const RECORD_FORMATS = ["json", "jsonl", "csv", "parquet"] as const;
export type RecordFormat = (typeof RECORD_FORMATS)[number];

export interface ReadRecordsOptions {
  /** Of a JSON file that is one object: the field whose array holds the records. */
  at?: string;
}

/** Enough for the first line of any JSON lines file that matters; a longer one is decided by the name. */
const HEAD_BYTES = 1 << 20;

/**
 * Reads the records of a JSON, JSON lines, CSV or Parquet file, whichever it is ({@link detectFormat}); all but Parquet may
 * be packed by gzip.
 * @throws MediloraError `DATA_INVALID` with file and row or line; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readRecords(path: string, options: ReadRecordsOptions = {}): AsyncGenerator<SourceRecord> {
  switch (options.at === undefined ? await detectFormat(path) : "json") {
    case "json":
      return yield* readJsonArray(path, options);
    case "jsonl":
      return yield* readJsonLines(path);
    case "csv":
      return yield* readCsvRecords(path);
    case "parquet":
      return yield* readParquetRecords(path);
  }
}

/**
 * The format of a data file: Parquet and JSON by their first bytes, CSV by its name. What begins with `{` is JSON lines
 * when its first line is a whole object: published sets have such files under the name .json.
 * @throws MediloraError `DATA_INVALID` for anything else; `DATA_EMPTY`, `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function detectFormat(path: string): Promise<RecordFormat> {
  const bytes = await head(path);
  if (bytes.subarray(0, 4).toString("latin1") === "PAR1") return "parquet";
  checkNotUtf16(path, bytes);
  const extension = formatExtension(path);
  if (extension === ".csv") return "csv";
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  const first = text.trimStart()[0];
  if (first === "[") return "json";
  if (first === "{") return isJsonLines(text, extension) ? "jsonl" : "json";
  if (first === undefined) throw new MediloraError("DATA_EMPTY", `${path} is empty. Give a file with records.`);
  throw new MediloraError(
    "DATA_INVALID",
    `${path}: is none of .jsonl, .json, .csv and .parquet by its name and first bytes. Convert it to one of these.`,
  );
}

function isJsonLines(text: string, extension: string): boolean {
  const line = text.trimStart().split("\n", 1)[0] as string;
  if (line.length === text.trimStart().length && text.length >= HEAD_BYTES) return extension !== ".json";
  try {
    JSON.parse(line);
    return true;
  } catch {
    return extension === ".jsonl" || extension === ".ndjson";
  }
}

/** Unpacked, where the file is gzip. */
async function head(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of readBytes(path)) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= HEAD_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, HEAD_BYTES);
}
