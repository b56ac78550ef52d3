import { createHash } from "node:crypto";
import { MediloraError } from "../errors.js";
import { AtomicWriter } from "../util/atomicFile.js";
import { sha256File } from "../util/hash.js";
import { checkDistinctFiles, type FileSource, fileSource, type Manifest, writeManifest } from "./manifest.js";
import { MINHASH_VERSION, minHashSignature, NearDuplicateIndex } from "./minhash.js";
import { droppedPath } from "./prepareRows.js";
import { type ProgressOptions, ProgressReport } from "./progress.js";
import { isChatRow, readRowLines, readRows, type TrainingRow } from "./rows.js";

/** Of estimated Jaccard similarity over word 5-grams: one word changed in the middle of 50 leaves 41 of 51, 0.80. */
export const DEFAULT_THRESHOLD = 0.8;

export interface DedupOptions extends ProgressOptions {
  /** Training rows. Of duplicates the first one stays. */
  input: string;
  /** The rows that stay, as they stand in the input; beside it `<output>.dropped.jsonl` and the manifest. */
  output: string;
  /** Other sets of rows, such as held-out ones: what is in them is removed from the output as well. */
  against?: readonly string[];
  /** Least similarity of near duplicates, over 0 and up to 1; default {@link DEFAULT_THRESHOLD}. */
  threshold?: number;
}

/** The earlier row that a row repeats. */
export interface Duplicate {
  kind: "exact" | "near";
  /** Id of the earlier row, and the file that it stands in. */
  of: string;
  file: string;
  /** 1 for an exact duplicate, else the estimate. */
  similarity: number;
}

/**
 * Removes rows that repeat an earlier row of the same file, or a row of other files.
 *
 * Exact duplicates have the same turns, white space aside; near ones are estimated by MinHash over the text of a row, in
 * which system turns are left out, being the same everywhere. Deterministic. Memory: 1 to 1.7 KB for each row that stays
 * and each row of `against`, whatever their length: 1 to 1.7 GB for a million. `<output>.dropped.jsonl` lists each removed row with the id of
 * the row that it repeats.
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_EMPTY` when no row stays, `DISK_FULL`, `FILE_WRITE`, and
 *   what {@link readRows} throws
 */
export async function dedupRows(options: DedupOptions): Promise<Manifest> {
  const { input, output, against = [], threshold = DEFAULT_THRESHOLD } = options;
  if (!(threshold > 0 && threshold <= 1))
    throw new MediloraError("ARGUMENT_INVALID", "threshold must be a number over 0 and up to 1.");
  checkDistinctFiles([input, ...against], [output, droppedPath(output)]);
  const sources: FileSource[] = await Promise.all([input, ...against].map(fileSource));
  const finder = new DuplicateFinder(threshold);
  const reading = new ProgressReport("read", options);
  for (const path of against)
    for await (const row of readRows(path)) {
      reading.add();
      finder.check(row, path);
    }
  reading.end();
  const { read, skipped } = await writeUnique(options, finder);
  const dropped = skipped.exact + skipped.near;
  return writeManifest<Manifest>(output, {
    source: sources,
    rules: { exact: "same-turns@1", near: `${MINHASH_VERSION}, threshold ${threshold}` },
    counts: { read, used: read - dropped, skipped },
    outputs: [
      { kind: "train", path: output, sha256: await sha256File(output), rows: read - dropped },
      { kind: "dropped", path: droppedPath(output), sha256: await sha256File(droppedPath(output)), rows: dropped },
    ],
  });
}

async function writeUnique(
  options: DedupOptions,
  finder: DuplicateFinder,
): Promise<{ read: number; skipped: Record<Duplicate["kind"], number> }> {
  const { input, output } = options;
  const progress = new ProgressReport("write", options);
  const skipped = { exact: 0, near: 0 };
  await using rows = await AtomicWriter.open(output);
  await using dropped = await AtomicWriter.open(droppedPath(output));
  for await (const { row, line } of readRowLines(input)) {
    progress.add();
    const duplicate = finder.check(row, input);
    if (duplicate === undefined) {
      await rows.write(`${line}\n`);
      continue;
    }
    skipped[duplicate.kind] += 1;
    await dropped.write(`${JSON.stringify({ id: row.id, ...duplicate })}\n`);
  }
  progress.end();
  if (progress.rows === skipped.exact + skipped.near)
    throw new MediloraError(
      "DATA_EMPTY",
      `${input}: no row stays (${progress.rows} read). Check the files to compare with.`,
    );
  await dropped.commit();
  await rows.commit();
  return { read: progress.rows, skipped };
}

/** Remembers rows and tells which new one repeats one of them; only rows that repeat none are remembered. */
export class DuplicateFinder {
  readonly #exact = new Map<string, number>();
  readonly #rows: { id: string; file: string }[] = [];
  readonly #index: NearDuplicateIndex;
  /** Row of a document of the index; rows without a word are not in it. */
  readonly #indexed: number[] = [];

  /** @param threshold see {@link DedupOptions.threshold} */
  constructor(threshold: number) {
    this.#index = new NearDuplicateIndex(threshold);
  }

  /**
   * The remembered row that a row repeats; without one the row is remembered.
   * @param file where the row stands, for later reports
   */
  check(row: TrainingRow, file: string): Duplicate | undefined {
    const key = turnsKey(row);
    const same = this.#exact.get(key);
    if (same !== undefined) return this.#duplicate("exact", same, 1);
    const signature = minHashSignature(comparedText(row));
    const near = signature === undefined ? undefined : this.#index.find(signature);
    if (near !== undefined) return this.#duplicate("near", this.#indexed[near.document] as number, near.similarity);
    this.#exact.set(key, this.#rows.length);
    if (signature !== undefined) {
      this.#index.add(signature);
      this.#indexed.push(this.#rows.length);
    }
    this.#rows.push({ id: row.id, file });
    return undefined;
  }

  #duplicate(kind: Duplicate["kind"], index: number, similarity: number): Duplicate {
    const { id, file } = this.#rows[index] as { id: string; file: string };
    return { kind, of: id, file, similarity };
  }
}

function comparedText(row: TrainingRow): string {
  if (!isChatRow(row)) return row.text;
  return row.messages.flatMap(({ role, content }) => (role === "system" ? [] : [content])).join("\n");
}

/** 96 bits of SHA-256 over the turns with white space collapsed: no two rows share them by chance. */
function turnsKey(row: TrainingRow): string {
  const turns = isChatRow(row) ? row.messages.flatMap(({ role, content }) => [role, content]) : [row.text];
  const text = JSON.stringify(turns.map((turn) => turn.trim().split(/\s+/).join(" ")));
  return createHash("sha256").update(text, "utf8").digest("base64").slice(0, 16);
}
