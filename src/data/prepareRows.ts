import { MediloraError } from "../errors.js";
import { openTokenizer } from "../native/tokenizer.js";
import { sha256File } from "../util/hash.js";
import { LineWriter } from "./lineWriter.js";
import {
  checkDistinctFiles,
  checkNamedOnce,
  type FileSource,
  fileSource,
  type Manifest,
  type ManifestCounts,
  type ManifestOutput,
  repeatedIds,
  tokenizerSource,
  writeManifest,
} from "./manifest.js";
import { type ProgressOptions, ProgressReport } from "./progress.js";
import { RowMeter, type RowSizes } from "./rowMeter.js";
import type { SourceItem } from "./textRow.js";
import { UniqueIds } from "./uniqueIds.js";

export interface PrepareRowsOptions extends ProgressOptions {
  /** Read one after the other, in this order. */
  inputs: readonly string[];
  /** Training rows, JSON lines. Beside it stand `<output>.dropped.jsonl` and `<output>.manifest.json`. */
  output: string;
  /** Writes only the first so many rows. */
  limit?: number;
  /** A GGUF model whose tokenizer counts the tokens. */
  model?: string;
}

/** A source in which each record gives one row or none. */
export interface RowSource {
  /** Named rules with their versions. */
  rules: Record<string, string | string[]>;
  items(path: string): AsyncIterable<SourceItem>;
}

export interface RowsManifest extends Manifest {
  source: FileSource[];
  outputs: [ManifestOutput & RowSizes, ManifestOutput];
}

/** Where the list of dropped records of an output stands. */
export function droppedPath(output: string): string {
  return `${output}.dropped.jsonl`;
}

/**
 * Turns the records of files into training rows, one at a time. Memory holds a record, and the ids of all rows, which
 * are made unique: a repeated id gets `#2`, `#3`, ... behind it.
 *
 * `<output>.dropped.jsonl` lists each record that gave no row, `{id, input, reason}`, without its text. All files have
 * mode 0600 and appear only when they are complete.
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_EMPTY` when no record gives a row, `DISK_FULL`,
 *   `FILE_WRITE`, what the source throws, and with `model` what opening its tokenizer throws
 */
export async function prepareRows(source: RowSource, options: PrepareRowsOptions): Promise<RowsManifest> {
  const { inputs, output, model } = options;
  checkRowsOptions(options);
  const sources = await Promise.all(inputs.map(fileSource));
  await using tokenizer = model === undefined ? undefined : await openTokenizer(model);
  const written = await writeRows(source, options, new RowMeter(tokenizer));
  const { counts, sizes } = written;
  return writeManifest<RowsManifest>(output, {
    source: sources,
    rules: source.rules,
    ...(await tokenizerSource(model)),
    counts,
    outputs: [
      { kind: "train", path: output, sha256: await sha256File(output), ...sizes },
      {
        kind: "dropped",
        path: droppedPath(output),
        sha256: await sha256File(droppedPath(output)),
        rows: counts.read - counts.used,
      },
    ],
  });
}

function checkRowsOptions({ inputs, output, limit, model }: PrepareRowsOptions): void {
  if (inputs.length === 0) throw new MediloraError("ARGUMENT_INVALID", "inputs is empty: name at least one file.");
  checkNamedOnce(inputs);
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1))
    throw new MediloraError("ARGUMENT_INVALID", "limit must be a whole number from 1 on.");
  checkDistinctFiles([...inputs, ...(model === undefined ? [] : [model])], [output, droppedPath(output)]);
}

interface Written {
  counts: ManifestCounts;
  sizes: RowSizes;
}

async function writeRows(source: RowSource, options: PrepareRowsOptions, meter: RowMeter): Promise<Written> {
  const { inputs, output, limit = Number.MAX_SAFE_INTEGER } = options;
  const progress = new ProgressReport("read", options);
  const skipped = new Map<string, number>();
  const ids = new UniqueIds();
  await using rows = await LineWriter.open(output);
  await using dropped = await LineWriter.open(droppedPath(output));
  for (const input of inputs)
    for await (const item of source.items(input)) {
      progress.add();
      const reason = "skipped" in item ? item.skipped : meter.rows === limit ? "over-limit" : undefined;
      if (reason !== undefined) {
        skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
        await dropped.write({ id: item.id, input, reason });
      } else if ("row" in item) {
        const row = { ...item.row, id: ids.take(item.row.id) };
        meter.add(row);
        await rows.write(row);
      }
    }
  progress.end();
  const sizes = meter.sizes;
  if (sizes.rows === 0) throw noRows(progress.rows, skipped);
  await dropped.commit();
  await rows.commit();
  const counts = { read: progress.rows, used: sizes.rows, skipped: Object.fromEntries(skipped), ...repeatedIds(ids) };
  return { counts, sizes };
}

function noRows(read: number, skipped: ReadonlyMap<string, number>): MediloraError {
  const reasons = [...skipped].map(([reason, count]) => `${count} ${reason}`).join(", ");
  return new MediloraError(
    "DATA_EMPTY",
    `None of the ${read} records gives a row${reasons === "" ? "" : ` (${reasons})`}. Check that the file is what the source expects.`,
  );
}
