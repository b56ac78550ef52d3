import type { MediloraError } from "../../errors.js";
import { parseObject } from "./jsonl.js";
import { recordError, type SourceRecord } from "./record.js";
import { MAX_RECORD_BYTES, readText } from "./text.js";

export interface ReadJsonOptions {
  /** The field of the outer object whose array holds the records; without it the file is one array. */
  at?: string;
}

/**
 * Reads the objects of a JSON array, one at a time: `[{...}, ...]`, or with `at: "questions"`
 * `{"questions": [{...}, ...], ...}`. Memory holds one object, however long the file is.
 * @throws MediloraError `DATA_INVALID` with file and row; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readJsonArray(path: string, options: ReadJsonOptions = {}): AsyncGenerator<SourceRecord> {
  const splitter = new ArraySplitter(path, options.at);
  let row = 0;
  for await (const text of readText(path))
    for (const element of splitter.push(text)) {
      row += 1;
      const where = `${path}, row ${row}`;
      yield { where, row, value: parseObject(element, where) };
    }
  splitter.end();
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The white space of JSON: space, tab, line feed, carriage return. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

/** Cuts JSON text at the commas of one array; what stands between them goes to JSON.parse, which checks it. */
class ArraySplitter {
  readonly #path: string;
  readonly #at: string | undefined;
  /** Nesting at which the elements of the wanted array stand; 0 outside of it. */
  #elementDepth = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #found = false;
  #rows = 0;
  /** The string last begun at nesting 1, quotes included: perhaps the name of a field. */
  #name = "";
  #field = "";
  #pending = "";

  constructor(path: string, at: string | undefined) {
    this.#path = path;
    this.#at = at;
  }

  *push(text: string): Generator<string> {
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (this.#inString) {
        this.#stepInString(text, i, code);
      } else if (this.#elementDepth > 0 && this.#endsElement(code)) {
        const element = this.#pending + text.slice(start, i);
        this.#pending = "";
        start = i + 1;
        if (code === CLOSE_ARRAY) this.#elementDepth = 0;
        if (code === COMMA || this.#rows > 0 || element.trim() !== "") {
          this.#rows += 1;
          yield element;
        }
        if (code === CLOSE_ARRAY) this.#depth -= 1;
      } else {
        const before = this.#elementDepth;
        this.#step(code);
        if (this.#elementDepth !== before) start = i + 1;
      }
    }
    if (this.#elementDepth > 0) this.#pending += text.slice(start);
    if (this.#pending.length > MAX_RECORD_BYTES) throw this.#malformed("is too long for one record");
  }

  end(): void {
    if (this.#depth > 0 || this.#inString) throw this.#malformed("the file ends early");
    if (!this.#found)
      throw recordError(
        this.#path,
        this.#at === undefined ? "is not a JSON array" : `has no field ${this.#at} that holds an array`,
      );
  }

  #stepInString(text: string, i: number, code: number): void {
    if (this.#depth === 1 && this.#elementDepth === 0 && this.#name.length < 200) this.#name += text[i];
    if (this.#escaped) this.#escaped = false;
    else if (code === BACKSLASH) this.#escaped = true;
    else if (code === QUOTE) this.#inString = false;
  }

  #endsElement(code: number): boolean {
    return this.#depth === this.#elementDepth && (code === COMMA || code === CLOSE_ARRAY);
  }

  #step(code: number): void {
    // JSON.parse never sees what stands outside of the records; a file that was written twice would look whole.
    if (this.#depth === 0 && !isBlank(code)) this.#checkOutside(code);
    if (code === QUOTE) {
      this.#inString = true;
      this.#name = '"';
    } else if (code === COLON && this.#depth === 1) {
      this.#field = this.#name;
    } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      this.#open(code);
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
      this.#depth -= 1;
      if (this.#depth < this.#elementDepth || this.#depth < 0)
        throw this.#malformed("a bracket closes what it did not open");
    }
  }

  #checkOutside(code: number): void {
    if (this.#found) throw this.#malformed("there is text after the end of the JSON");
    if (code !== OPEN_ARRAY && code !== OPEN_OBJECT)
      throw recordError(this.#path, "is neither a JSON array nor a JSON object");
  }

  #open(code: number): void {
    const wanted =
      this.#at === undefined ? this.#depth === 0 : this.#depth === 1 && this.#field === JSON.stringify(this.#at);
    this.#depth += 1;
    if (!wanted || code !== OPEN_ARRAY) return;
    if (this.#found) throw recordError(this.#path, `has the field ${this.#at} twice`);
    this.#found = true;
    this.#elementDepth = this.#depth;
  }

  #malformed(problem: string): MediloraError {
    return recordError(`${this.#path}, row ${this.#rows + 1}`, problem);
  }
}
