import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileError, MediloraError } from "../errors.js";
import { DocumentWriter, documentsPath } from "./documents.js";
import { readLines } from "./formats/text.js";
import {
  checkDistinctFiles,
  type FileSource,
  fileSource,
  type Manifest,
  tokenizerSource,
  writeManifest,
} from "./manifest.js";
import { type ProgressOptions, ProgressReport } from "./progress.js";
import { blanks } from "./text/blanks.js";
import { characters } from "./text/characters.js";
import { applyRules } from "./text/rule.js";
import { LineJoiner, type Strip, stripRule, unicode } from "./textbookText.js";

/** What {@link prepareTextbook} reads, strips and writes. */
export interface PrepareTextbookOptions extends ProgressOptions {
  /** Text files, one a book, or folders with such files (`*.txt`, by name). */
  inputs: readonly string[];
  /** Completion rows, JSON lines; `<output>.manifest.json` and `<output>.documents.jsonl` stand beside it. */
  output: string;
  /** Default `symbols`. */
  strip?: Strip;
  /** A GGUF model whose tokenizer counts the tokens of the rows. */
  model?: string;
}

/** How the rows of {@link prepareTextbook} came to be. */
export interface TextbookManifest extends Manifest {
  source: FileSource[];
  rules: { format: string; rows: string; clean: string[] };
  /** Lines of the books: read = empty + joined (to the following one, for being short) + stripped (for having no letter or digit) + written. */
  lines: LineCounts;
}

/** Lines by what became of them. */
export interface LineCounts {
  read: number;
  empty: number;
  joined: number;
  stripped: number;
  written: number;
}

/** A line without either is a ruler or the frame of a table; joined to its neighbour it would leave its dashes there. */
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
const SOFT_HYPHEN = "\u00ad";

/** UTF-16 units after which a row ends, at the end of its line: a whole book in one row would have to fit the memory. */
const ROW_CHARACTERS = 32_768;

/**
 * Turns textbooks into completion rows: empty lines go, a line that ends in a soft hyphen is joined to the following one, a line of fewer than five tokens goes in front of the following
 * one, then characters that are neither letters, digits nor sentence punctuation are stripped. Rows end at the first
 * line's end behind 32768 characters; their ids are `<file name>#<n>`, from 1.
 *
 * The counts are of books; a book of which nothing is left is skipped as `empty`. Memory holds a row.
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_EMPTY`, `DATA_INVALID` when a file is not UTF-8,
 *   `FILE_NOT_FOUND`, `FILE_READ`, `DISK_FULL`, `FILE_WRITE`
 */
export async function prepareTextbook(options: PrepareTextbookOptions): Promise<TextbookManifest> {
  const { output, strip = "symbols", model } = options;
  if (strip !== "symbols" && strip !== "all")
    throw new MediloraError("ARGUMENT_INVALID", "strip must be symbols or all.");
  const books = await listBooks(options.inputs);
  checkDistinctFiles(model === undefined ? books : [...books, model], [output, documentsPath(output)]);
  await using writer = await DocumentWriter.open(output, model);
  const lines: LineCounts = { read: 0, empty: 0, joined: 0, stripped: 0, written: 0 };
  const source: FileSource[] = [];
  for (const path of books) {
    source.push(await fileSource(path));
    await writeBook(path, { writer, lines, strip, progress: new ProgressReport("read", options) });
  }
  const outputs = await writer.commit("No line of the books is left. Give text files, one paragraph a line.");
  const clean = [characters.name, unicode.name, LineJoiner.rule, stripRule(strip).name, blanks.name];
  return writeManifest<TextbookManifest>(output, {
    source,
    rules: { format: "textbook/lines@3", rows: `characters/${ROW_CHARACTERS}@1`, clean },
    ...(await tokenizerSource(model)),
    counts: writer.counts,
    lines,
    outputs,
  });
}

interface BookContext {
  writer: DocumentWriter;
  lines: LineCounts;
  strip: Strip;
  progress: ProgressReport;
}

async function writeBook(path: string, { writer, lines, strip, progress }: BookContext): Promise<void> {
  const book = new BookRows(basename(path), writer, strip);
  const joiner = new LineJoiner();
  const before = { ...lines };
  // The start of a word that a soft hyphen divides at the end of its line, with what stands before it.
  let divided = "";
  for await (const { text } of readLines(path, "cr")) {
    book.charactersIn += text.length + 1;
    const whole = divided + text;
    divided = "";
    if (whole.endsWith(SOFT_HYPHEN) && whole.length < ROW_CHARACTERS) {
      lines.read += 1;
      divided = whole.slice(0, -1);
      continue;
    }
    // Some characters become a line feed only by the rule, such as U+2028.
    for (const raw of characters.apply(whole).split("\n")) {
      progress.add();
      lines.read += 1;
      const line = unicode.apply(raw);
      if (line.trim() === "") lines.empty += 1;
      else if (!LETTER_OR_DIGIT.test(line)) lines.stripped += 1;
      else await book.add(joiner.add(line));
    }
  }
  if (divided !== "") await book.add(joiner.add(unicode.apply(characters.apply(divided))));
  await book.add(joiner.end());
  await book.end();
  progress.end();
  lines.written += book.written;
  const left = lines.read - before.read - (lines.empty - before.empty) - (lines.stripped - before.stripped);
  lines.joined += left - book.written;
}

/** Gathers the lines of one book to rows. */
class BookRows {
  charactersIn = 0;
  written = 0;
  #charactersOut = 0;
  #rows = 0;
  #pending: string[] = [];
  #size = 0;

  constructor(
    private readonly name: string,
    private readonly writer: DocumentWriter,
    private readonly strip: Strip,
  ) {}

  async add(line: string | undefined): Promise<void> {
    if (line === undefined) return;
    const stripped = applyRules(line, [stripRule(this.strip), blanks]);
    this.written += 1;
    this.#pending.push(stripped);
    this.#size += stripped.length + 1;
    if (this.#size > ROW_CHARACTERS) await this.#flush();
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.writer.record({
      id: this.name,
      outcome: this.#rows === 0 ? "empty" : "used",
      charactersIn: this.charactersIn,
      charactersOut: this.#charactersOut,
    });
  }

  async #flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const text = this.#pending.join("\n");
    this.#rows += 1;
    this.#charactersOut += text.length;
    this.#pending = [];
    this.#size = 0;
    await this.writer.row(`${this.name}#${this.#rows}`, text);
  }
}

async function listBooks(inputs: readonly string[]): Promise<string[]> {
  const books: string[] = [];
  for (const input of inputs) {
    try {
      if (!(await stat(input)).isDirectory()) {
        books.push(input);
        continue;
      }
      const names = (await readdir(input)).filter((name) => name.endsWith(".txt")).sort();
      if (names.length === 0)
        throw new MediloraError("DATA_EMPTY", `${input} holds no .txt file. Name another folder.`);
      books.push(...names.map((name) => join(input, name)));
    } catch (error) {
      throw fileError(error, input, "read");
    }
  }
  if (books.length === 0) throw new MediloraError("ARGUMENT_INVALID", "Name at least one text file or folder.");
  const names = books.map((path) => basename(path));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return books;
  throw new MediloraError("ARGUMENT_INVALID", `Two books are called ${twice}; rename one, since rows are named by it.`);
}
