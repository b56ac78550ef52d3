import { fileError, MediloraError } from "../errors.js";
import { type NativeTokenizer, openTokenizer } from "../native/tokenizer.js";
import { sha256File } from "../util/hash.js";
import { LineWriter } from "./lineWriter.js";
import { type ManifestCounts, type ManifestOutput, repeatedIds } from "./manifest.js";
import { RowMeter } from "./rowMeter.js";
import { UniqueIds } from "./uniqueIds.js";

/** What was done to one document; it holds no text of it. */
export interface DocumentRecord {
  id: string;
  /** `used`, or the reason why it was left out. */
  outcome: string;
  /** UTF-16 units before the first and after the last rule; left out where the text was not read. */
  charactersIn?: number;
  charactersOut?: number;
  /** Names of the sections that were kept, in order. */
  sections?: string[];
  /** Characters taken out (or, if negative, put in) by rule; rules that changed nothing are left out. */
  removed?: Record<string, number>;
}

/** Where the records of an output's documents stand. */
export function documentsPath(output: string): string {
  return `${output}.documents.jsonl`;
}

/**
 * The two files that a preparation of documents writes beside its manifest: completion rows, and a record of each document
 * in `<output>.documents.jsonl`. It counts what comes in and goes out.
 */
export class DocumentWriter implements AsyncDisposable {
  readonly counts: ManifestCounts = { read: 0, used: 0, skipped: {} };
  readonly #rows: LineWriter;
  readonly #records: LineWriter;
  readonly #tokenizer: NativeTokenizer | undefined;
  readonly #meter: RowMeter;
  readonly #ids = new UniqueIds();

  private constructor(
    readonly output: string,
    files: { rows: LineWriter; records: LineWriter },
    tokenizer: NativeTokenizer | undefined,
  ) {
    this.#rows = files.rows;
    this.#records = files.records;
    this.#tokenizer = tokenizer;
    this.#meter = new RowMeter(tokenizer);
  }

  /**
   * @param model a GGUF model whose tokenizer counts the tokens of the rows
   * @throws MediloraError `FILE_WRITE` or `DISK_FULL`, here and in the methods that write; with `model` what opening its
   *   tokenizer throws
   */
  static async open(output: string, model?: string): Promise<DocumentWriter> {
    const tokenizer = model === undefined ? undefined : await openTokenizer(model);
    let rows: LineWriter | undefined;
    try {
      rows = await LineWriter.open(output);
      return new DocumentWriter(output, { rows, records: await LineWriter.open(documentsPath(output)) }, tokenizer);
    } catch (error) {
      await rows?.[Symbol.asyncDispose]();
      tokenizer?.dispose();
      throw fileError(error, documentsPath(output), "write");
    }
  }

  /** The id under which a document is written: its own, made unique ({@link UniqueIds}). Call it once a document. */
  uniqueId(id: string): string {
    return this.#ids.take(id);
  }

  /** Writes a row without a record: a document of several rows has one record, by {@link record}. */
  row(id: string, text: string): Promise<void> | undefined {
    const row = { id, text };
    this.#meter.add(row);
    return this.#rows.write(row);
  }

  record(record: DocumentRecord): Promise<void> | undefined {
    const { counts } = this;
    const { outcome } = record;
    counts.read += 1;
    if (outcome === "used") counts.used += 1;
    else counts.skipped[outcome] = (counts.skipped[outcome] ?? 0) + 1;
    return this.#records.write(record);
  }

  /**
   * Gives both files their names; the rows come last, so that they never stand without their records.
   * @throws MediloraError `DATA_EMPTY` when no document was used
   */
  async commit(empty: string): Promise<ManifestOutput[]> {
    if (this.counts.used === 0) throw new MediloraError("DATA_EMPTY", empty);
    Object.assign(this.counts, repeatedIds(this.#ids));
    const records = documentsPath(this.output);
    const { tokens } = this.#meter.sizes;
    await this.#records.commit();
    await this.#rows.commit();
    const train = { kind: "train", path: this.output, sha256: await sha256File(this.output), rows: this.#rows.lines };
    return [
      tokens === undefined ? train : { ...train, tokens },
      { kind: "documents", path: records, sha256: await sha256File(records), rows: this.#records.lines },
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rows[Symbol.asyncDispose]();
    await this.#records[Symbol.asyncDispose]();
    this.#tokenizer?.dispose();
  }
}
