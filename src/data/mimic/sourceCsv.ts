import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { fileError, MediloraError } from "../../errors.js";
import { checkNotUtf16 } from "../formats/text.js";
import { type FileSource, fileSource } from "../manifest.js";
import { type CsvRecord, readCsv } from "./csv.js";
import { type Note, type NoteFilter, type NoteSource, skipReason } from "./notes.js";

const PIECE = 1 << 20;
const COLUMNS = ["row_id", "category", "iserror", "text"] as const;
type Columns = Record<(typeof COLUMNS)[number], number>;

/** NOTEEVENTS.csv or .csv.gz (told by its bytes, not by its name), streamed; memory holds a few megabytes. */
export class CsvNoteSource implements NoteSource {
  readonly #path: string;
  readonly #filter: NoteFilter;
  #sha256: string | undefined;

  constructor(path: string, filter: NoteFilter) {
    this.#path = path;
    this.#filter = filter;
  }

  async *notes(): AsyncGenerator<Note> {
    const hash: FileHash = { sha256: createHash("sha256"), whole: false };
    let columns: Columns | undefined;
    let fieldCount = 0;
    try {
      for await (const record of readCsv(await openPlain(this.#path, hash), this.#path)) {
        if (columns === undefined) {
          columns = this.#header(record);
          fieldCount = record.fieldCount;
          continue;
        }
        if (record.fieldCount !== fieldCount)
          throw this.#invalid(`record ${record.number} has ${record.fieldCount} fields, the header has ${fieldCount}`);
        yield this.#note(record, columns);
      }
    } catch (error) {
      throw this.#readError(error);
    }
    if (columns === undefined) throw this.#invalid("is empty; give NOTEEVENTS.csv with its header");
    if (hash.whole) this.#sha256 = hash.sha256.digest("hex");
  }

  async describe(): Promise<FileSource> {
    return this.#sha256 === undefined ? fileSource(this.#path) : { path: this.#path, sha256: this.#sha256 };
  }

  #header(record: CsvRecord): Columns {
    const names = Array.from({ length: record.fieldCount }, (_, index) => record.field(index).trim().toLowerCase());
    const columns = Object.fromEntries(COLUMNS.map((name) => [name, names.indexOf(name)])) as Columns;
    const missing = COLUMNS.filter((name) => columns[name] === -1);
    if (missing.length > 0)
      throw this.#invalid(`the header lacks ${missing.join(", ").toUpperCase()}; give NOTEEVENTS.csv of MIMIC-III`);
    return columns;
  }

  #note(record: CsvRecord, columns: Columns): Note {
    const rowId = record.field(columns.row_id).trim();
    if (rowId === "") throw this.#invalid(`record ${record.number}: field ROW_ID is blank`);
    const skip = skipReason(record.field(columns.category), record.field(columns.iserror), this.#filter);
    if (skip !== undefined) return { rowId, skip, text: "" };
    return { rowId, text: record.field(columns.text) };
  }

  #readError(error: unknown): MediloraError {
    const code = (error as { code?: unknown } | null)?.code;
    if (typeof code === "string" && code.startsWith("Z_"))
      return this.#invalid("is a damaged or cut gzip file; download it again");
    return fileError(error, this.#path, "read");
  }

  #invalid(problem: string): MediloraError {
    return new MediloraError("DATA_INVALID", `${this.#path}: ${problem}.`);
  }
}

/** `whole` once the last byte was seen: what stands behind the end of gzip data, such as a tape's padding, is not read. */
interface FileHash {
  sha256: Hash;
  whole: boolean;
}

/** The bytes of the file, unpacked where they are gzip and without a byte order mark; `hash` sees them as they lie. */
async function openPlain(path: string, hash: FileHash): Promise<AsyncIterable<Buffer>> {
  const file = hashed(createReadStream(path, { highWaterMark: PIECE }), hash);
  const first = await file.next();
  const start: Buffer = first.done ? Buffer.alloc(0) : first.value;
  checkNotUtf16(path, start);
  const whole = chain(start, file);
  if (start[0] !== 0x1f || start[1] !== 0x8b) return withoutMark(whole);
  const unpacked = createGunzip({ chunkSize: PIECE });
  // The reader of `unpacked` gets the error; the callback only keeps it from being thrown a second time.
  pipeline(Readable.from(whole), unpacked, () => {});
  return withoutMark(unpacked as AsyncIterable<Buffer>);
}

async function* hashed(stream: AsyncIterable<Buffer>, hash: FileHash): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    hash.sha256.update(chunk);
    yield chunk;
  }
  hash.whole = true;
}

async function* chain(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

async function* withoutMark(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let first = true;
  for await (const chunk of chunks) {
    yield first && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? chunk.subarray(3) : chunk;
    first = false;
  }
}
