import { isUtf8 } from "node:buffer";
import { MediloraError } from "../../errors.js";

const QUOTE = 0x22;
const COMMA = 0x2c;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** A longer record is a quote that was never closed; reading on would only fill the memory. */
const MAX_RECORD_BYTES = 32 * 2 ** 20;

/** One record of a CSV file. Its fields are decoded when they are asked for: most notes are skipped by their category. */
export interface CsvRecord {
  /** From 1, the header included. */
  readonly number: number;
  readonly fieldCount: number;
  /** @throws MediloraError `DATA_INVALID` when the bytes are not UTF-8 */
  field(index: number): string;
}

/**
 * Records of an RFC 4180 file: fields may be quoted, quotes in them are doubled, and line feeds may stand in quotes. Blank
 * lines are skipped. A record is valid until the next one is asked for.
 *
 * It searches for quotes instead of stepping through bytes, so long quoted notes cost next to nothing.
 * @throws MediloraError `DATA_INVALID` with path and record number
 */
export async function* readCsv(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<CsvRecord> {
  const parser = new RecordParser(path);
  for await (const chunk of chunks) {
    parser.add(chunk);
    for (let record = parser.next(false); record !== undefined; record = parser.next(false)) yield record;
  }
  for (let record = parser.next(true); record !== undefined; record = parser.next(true)) yield record;
}

interface Field {
  start: number;
  end: number;
  /** Has doubled quotes in it. */
  doubled: boolean;
}

class RecordParser implements CsvRecord {
  number = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #fields: Field[] = [];

  constructor(private readonly path: string) {}

  get fieldCount(): number {
    return this.#fields.length;
  }

  add(chunk: Buffer): void {
    const rest = this.#bytes.subarray(this.#at);
    if (rest.length > MAX_RECORD_BYTES)
      throw this.#invalid(`is longer than ${MAX_RECORD_BYTES} bytes; a quote is probably not closed`);
    this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#at = 0;
  }

  /** The next record, or undefined when more bytes are needed. */
  next(final: boolean): CsvRecord | undefined {
    while (this.#isLineEnd(this.#at)) this.#at += 1;
    if (this.#at === this.#bytes.length) return undefined;
    const end = this.#scan(final);
    if (end === undefined) return undefined;
    this.number += 1;
    this.#at = end;
    return this;
  }

  field(index: number): string {
    const { start, end, doubled } = this.#fields[index] as Field;
    const bytes = this.#bytes.subarray(start, end);
    if (!isUtf8(bytes)) throw this.#invalid("is not UTF-8; convert the file to UTF-8", this.number);
    const text = bytes.toString("utf8");
    return doubled ? text.replaceAll('""', '"') : text;
  }

  /** Finds the fields of one record; the offset behind its line end, or undefined when the bytes end before. */
  #scan(final: boolean): number | undefined {
    this.#fields = [];
    let at = this.#at;
    for (;;) {
      const end = this.#bytes[at] === QUOTE ? this.#quoted(at) : this.#plain(at);
      const separator = this.#bytes[end ?? this.#bytes.length];
      if (end === undefined || separator === undefined) {
        if (!final) return undefined;
        if (end === undefined) throw this.#invalid("opens a quote that is never closed");
        return this.#bytes.length;
      }
      if (separator !== COMMA && !this.#isLineEnd(end))
        throw this.#invalid("has a quote in the wrong place; double the quotes inside a quoted field");
      if (separator !== COMMA) return end + 1;
      at = end + 1;
    }
  }

  /** The offset behind the closing quote; undefined when it is not there yet. */
  #quoted(open: number): number | undefined {
    const bytes = this.#bytes;
    let doubled = false;
    for (let quote = bytes.indexOf(QUOTE, open + 1); quote !== -1; quote = bytes.indexOf(QUOTE, quote + 2)) {
      if (bytes[quote + 1] !== QUOTE) {
        this.#fields.push({ start: open + 1, end: quote, doubled });
        return quote + 1;
      }
      doubled = true;
    }
    return undefined;
  }

  #plain(start: number): number {
    let end = start;
    while (
      end < this.#bytes.length &&
      this.#bytes[end] !== COMMA &&
      this.#bytes[end] !== QUOTE &&
      !this.#isLineEnd(end)
    )
      end += 1;
    this.#fields.push({ start, end, doubled: false });
    return end;
  }

  #isLineEnd(at: number): boolean {
    return this.#bytes[at] === LINE_FEED || this.#bytes[at] === CARRIAGE_RETURN;
  }

  #invalid(problem: string, number = this.number + 1): MediloraError {
    return new MediloraError("DATA_INVALID", `${this.path}, record ${number}: ${problem}.`);
  }
}
