import { MediloraError } from "../errors.js";
import { AtomicWriter } from "../util/atomicFile.js";
import { sha256File } from "../util/hash.js";
import { SeededRandom } from "../util/random.js";
import { parseObject } from "./formats/jsonl.js";
import { recordError } from "./formats/record.js";
import { checkDistinctFiles, fileSource, type Manifest, type ManifestOutput, writeManifest } from "./manifest.js";
import { type ProgressOptions, ProgressReport } from "./progress.js";
import { isChatRow, readRowLines } from "./rows.js";

export interface SubsetOptions extends ProgressOptions {
  /** Training rows. */
  input: string;
  /** The chosen rows, in the file's order and as they stand in it; the manifest goes beside it. */
  output: string;
  /** Rows to choose. */
  size: number;
  /**
   * Keeps the shares of the values of a field, `true` those of `label`; a row without the field counts as one of value "".
   * Default false.
   */
  stratify?: boolean | string;
  /** Gets the other rows: with it, the subset is a split. */
  rest?: string;
  /** 0 to 2^32 - 1, default 0. */
  seed?: number;
}

/**
 * Writes a subset of a file of rows for studies of data size, or splits the file in two.
 *
 * Subsets nest: with the same input and seed, the rows of a smaller size are among those of a larger one, also
 * stratified. Memory holds a label number and a rank a row.
 * @throws MediloraError `ARGUMENT_INVALID` also for a size above the file's rows, and for a named field that no row has;
 *   `DATA_INVALID` for a field that is neither string, number nor boolean; `ABORTED`, `DISK_FULL`, `FILE_WRITE`,
 *   and what {@link readRows} throws
 */
export async function subsetRows(options: SubsetOptions): Promise<Manifest> {
  const { input, output, size, stratify = false, rest, seed = 0 } = options;
  if (!Number.isSafeInteger(size) || size < 1)
    throw new MediloraError("ARGUMENT_INVALID", "size must be a whole number of rows from 1 on.");
  if (!Number.isSafeInteger(seed) || seed < 0 || seed > 2 ** 32 - 1)
    throw new MediloraError("ARGUMENT_INVALID", "seed must be a whole number from 0 to 4294967295.");
  checkDistinctFiles([input], rest === undefined ? [output] : [output, rest]);
  const source = await fileSource(input);
  const field = stratify === true ? "label" : stratify;
  const labels = await readLabels(options, field);
  if (size > labels.length)
    throw new MediloraError("ARGUMENT_INVALID", `size is ${size}, but ${input} has ${labels.length} rows. Lower it.`);
  if (typeof stratify === "string" && labels.every((label) => label === ""))
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `No row of ${input} has the field ${stratify}. Name another to stratify.`,
    );
  const chosen = chooseSubset(labels, size, seed);
  const outputs = await writeSubset(options, chosen);
  return writeManifest<Manifest>(output, {
    source,
    rules: {
      subset: `${field === false ? "simple" : "sainte-lague"}/xoshiro128**@1`,
      ...(field === false ? {} : { stratify: field }),
    },
    seed,
    counts: { read: labels.length, used: size, skipped: { "not-chosen": labels.length - size } },
    outputs,
  });
}

/**
 * Indexes of `size` items with the labels' shares kept by Webster's method (Sainte-Lague): the j-th item of a label with
 * n items, in a seeded order, stands at (j + 1/2) / n, and the first `size` of all are taken; ties go to the label that
 * sorts first. A larger size keeps what a smaller one has, which largest remainders do not promise.
 * @param labels one an item
 */
export function chooseSubset(labels: readonly string[], size: number, seed: number): Set<number> {
  const groups = new Map<string, number[]>();
  labels.forEach((label, index) => {
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [index]);
    else group.push(index);
  });
  const random = new SeededRandom(seed);
  const names = [...groups.keys()].sort();
  const ranked = names.flatMap((name, order) => {
    const group = random.shuffle(groups.get(name) as number[]);
    return group.map((index, j) => ({ index, order, place: (2 * j + 1) / (2 * group.length) }));
  });
  ranked.sort((a, b) => a.place - b.place || a.order - b.order);
  return new Set(ranked.slice(0, size).map(({ index }) => index));
}

async function readLabels(options: SubsetOptions, field: string | false): Promise<string[]> {
  const progress = new ProgressReport("read", options);
  const labels: string[] = [];
  for await (const { row, line } of readRowLines(options.input)) {
    progress.add();
    if (field === false) labels.push("");
    else if (field === "label") labels.push((isChatRow(row) ? row.label : undefined) ?? "");
    else labels.push(fieldValue(line, field, `${options.input}, row ${labels.length + 1}`));
  }
  progress.end();
  return labels;
}

/** Rows carry fields that training does not know, such as the source of each. */
function fieldValue(line: string, field: string, where: string): string {
  const fields = parseObject(line.replace(/^\uFEFF/, ""), where);
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (value === undefined || value === null) return "";
  if (typeof value === "object")
    throw recordError(where, `field ${field} must be a string, a number or a boolean to stratify by it`);
  return String(value);
}

async function writeSubset(options: SubsetOptions, chosen: ReadonlySet<number>): Promise<ManifestOutput[]> {
  const { input, output, rest } = options;
  const progress = new ProgressReport("write", options);
  await using subset = await AtomicWriter.open(output);
  await using others = rest === undefined ? undefined : await AtomicWriter.open(rest);
  for await (const { line } of readRowLines(input)) {
    const file = chosen.has(progress.rows) ? subset : others;
    progress.add();
    await file?.write(`${line}\n`);
  }
  progress.end();
  await others?.commit();
  await subset.commit();
  const files = [{ kind: "subset", path: output, rows: chosen.size }];
  if (rest !== undefined) files.push({ kind: "rest", path: rest, rows: progress.rows - chosen.size });
  return Promise.all(files.map(async (file) => ({ ...file, sha256: await sha256File(file.path) })));
}
