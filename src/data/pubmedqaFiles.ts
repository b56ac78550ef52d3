import type { Tokenizer } from "../chat/tokenizeRow.js";
import type { AtomicWriter } from "../util/atomicFile.js";
import { sha256File } from "../util/hash.js";
import type { LineWriter } from "./lineWriter.js";
import type { ManifestOutput } from "./manifest.js";
import { droppedPath } from "./prepareRows.js";
import type { PubMedQALabel, PubMedQARecord } from "./pubmedqa.js";
import { RowMeter, type RowSizes } from "./rowMeter.js";
import type { ChatRow } from "./rows.js";

/** Rows to train on, or records held out, whose sizes are those of the rows that they would make. */
export interface PreparedFile extends ManifestOutput, RowSizes {
  kind: "train" | "eval";
  tokens?: number;
  labels: Record<PubMedQALabel, number>;
}

/** What the writing pass writes to; whoever opens the files disposes of them. */
export interface OpenFiles {
  rows: LineWriter;
  dropped: LineWriter;
  /** Undefined without a hold-out. */
  held: AtomicWriter | undefined;
}

/** Writes the files of a prepared PubMedQA, apart from the manifest, and measures them. */
export class PubMedQAFiles {
  readonly #files: OpenFiles;
  readonly #meters: Record<PreparedFile["kind"], RowMeter>;

  constructor(files: OpenFiles, tokenizer: Tokenizer | undefined) {
    this.#files = files;
    this.#meters = { train: new RowMeter(tokenizer), eval: new RowMeter(tokenizer) };
  }

  get heldOut(): number {
    return this.#meters.eval.rows;
  }

  /** @param row what the record is, or would be, trained as */
  async add(kind: PreparedFile["kind"], record: PubMedQARecord, row: ChatRow): Promise<void> {
    if (kind === "train") await this.#files.rows.write(row);
    else await this.#files.held?.write(`${this.heldOut === 0 ? "{" : ","}\n${publishedEntry(record)}`);
    this.#meters[kind].add(row);
  }

  /** Gives the files their names, the rows last, and describes them. */
  async commit(output: string, evalOutput: string | undefined): Promise<[...PreparedFile[], ManifestOutput]> {
    const { rows, dropped, held } = this.#files;
    await held?.write("\n}\n");
    await dropped.commit();
    await held?.commit();
    await rows.commit();
    const files = [await this.#describe("train", output)];
    if (evalOutput !== undefined) files.push(await this.#describe("eval", evalOutput));
    const path = droppedPath(output);
    return [...files, { kind: "dropped", path, sha256: await sha256File(path), rows: dropped.lines }];
  }

  async #describe(kind: PreparedFile["kind"], path: string): Promise<PreparedFile> {
    const { sizes } = this.#meters[kind];
    const labels = { yes: 0, no: 0, maybe: 0, ...sizes.labels };
    return { kind, path, sha256: await sha256File(path), ...sizes, labels };
  }
}

function publishedEntry(record: PubMedQARecord): string {
  const fields = {
    QUESTION: record.question,
    CONTEXTS: record.contexts,
    final_decision: record.label,
    LONG_ANSWER: record.longAnswer,
  };
  return `${JSON.stringify(record.id)}: ${JSON.stringify(fields)}`;
}
