import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { MediloraError } from "../errors.js";
import { writeFileAtomic } from "../util/atomicFile.js";
import { sha256File } from "../util/hash.js";
import { packageVersion } from "../util/version.js";
import type { UniqueIds } from "./uniqueIds.js";

/** A file that was read. */
export interface FileSource {
  path: string;
  /** Of the file's bytes as they lie on the disk. */
  sha256: string;
}

/** A table that was read; no password and no user name is kept. */
export interface TableSource {
  database: string;
  table: string;
  /** Of the rows as they were read: id, tab and text, one line feed behind each, UTF-8. */
  sha256: string;
}

/** What a preparation read: a file or a table. */
export type ManifestSource = FileSource | TableSource;

/** The tokenizer that counted tokens: the model file that holds it. */
export type ManifestTokenizer = FileSource;

/** A file that a preparation wrote. */
export interface ManifestOutput {
  kind: string;
  path: string;
  sha256: string;
  rows: number;
  /** As training reads the rows, by the manifest's tokenizer; left out without one. */
  tokens?: number;
}

/** Rows read = rows used + all that was skipped, by reason. */
export interface ManifestCounts {
  read: number;
  used: number;
  skipped: Record<string, number>;
  /** Rows whose id had occurred before and got a number behind it; left out when there is none. */
  repeatedIds?: number;
}

/**
 * How the files of one `prepare` came to be: enough to make them again, and to tell whether two runs had the same data.
 * It holds no text of the data. Sources of their own shape extend this interface.
 */
export interface Manifest {
  medilora: string;
  /** ISO 8601, UTC. */
  created: string;
  source: ManifestSource | ManifestSource[];
  /** Named rules with their versions, `name@version`; the same names give the same files from the same source and seed. */
  rules: Record<string, string | string[]>;
  tokenizer?: ManifestTokenizer;
  seed?: number;
  counts: ManifestCounts;
  outputs: ManifestOutput[];
}

/** Where the manifest of an output stands. */
export function manifestPath(output: string): string {
  return `${output}.manifest.json`;
}

/** @throws MediloraError `FILE_NOT_FOUND` or `FILE_READ` */
export async function fileSource(path: string): Promise<FileSource> {
  return { path, sha256: await sha256File(path) };
}

/** The manifest's entry for the model whose tokenizer counted tokens; nothing without a model. */
export async function tokenizerSource(model: string | undefined): Promise<Pick<Manifest, "tokenizer">> {
  return model === undefined ? {} : { tokenizer: await fileSource(model) };
}

/** The manifest's count of ids that were made unique; nothing when there is none. */
export function repeatedIds({ repeated }: UniqueIds): Pick<ManifestCounts, "repeatedIds"> {
  return repeated === 0 ? {} : { repeatedIds: repeated };
}

/**
 * Completes a manifest with version and time and writes it beside its main output, atomically, mode 0600. Call it after
 * the outputs are complete: their hashes belong into it.
 * @param output the main output; the manifest goes to `<output>.manifest.json`
 * @returns the manifest as it was written
 * @throws MediloraError `DISK_FULL` or `FILE_WRITE`
 */
export async function writeManifest<M extends Manifest>(
  output: string,
  fields: Omit<M, "medilora" | "created">,
): Promise<M> {
  const manifest = { medilora: packageVersion(), created: new Date().toISOString(), ...fields } as M;
  await writeFileAtomic(manifestPath(output), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/**
 * Refuses a run whose files would overwrite one another, the manifest of the first output included. Symbolic and hard
 * links to one file are that file.
 * @param inputs  paths that are read
 * @param outputs paths that are written, the main output first
 * @throws MediloraError `ARGUMENT_INVALID`
 */
export function checkDistinctFiles(inputs: readonly string[], outputs: readonly string[]): void {
  const [main] = outputs;
  if (areDistinct(inputs, [...outputs, ...(main === undefined ? [] : [manifestPath(main)])])) return;
  throw new MediloraError(
    "ARGUMENT_INVALID",
    "The inputs, the outputs and the manifest (<output>.manifest.json) must be different files. Name another output.",
  );
}

/**
 * Refuses a report that would overwrite a file that it reports on, also through a link.
 * @param inputs paths that are read
 * @param report path of the report
 * @throws MediloraError `ARGUMENT_INVALID`
 */
export function checkReportFile(inputs: readonly string[], report: string): void {
  if (areDistinct(inputs, [report])) return;
  throw new MediloraError("ARGUMENT_INVALID", `${report} is one of the inputs. Name another file for the output.`);
}

/**
 * Refuses inputs of which two are one file, under whatever names: its rows would count twice.
 * @throws MediloraError `ARGUMENT_INVALID`
 */
export function checkNamedOnce(inputs: readonly string[]): void {
  if (new Set(inputs.map(fileIdentity)).size === inputs.length) return;
  throw new MediloraError("ARGUMENT_INVALID", "A file is named twice among the inputs. Name each once.");
}

/** Whether no file that is written is one that is read, or written twice, under whatever name. */
export function areDistinct(inputs: readonly string[], written: readonly string[]): boolean {
  const files = written.map(fileIdentity);
  const read = new Set(inputs.map(fileIdentity));
  return new Set(files).size === files.length && !files.some((file) => read.has(file));
}

/** Device and inode of a file that exists, else the path that it would get. */
function fileIdentity(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return realPath(resolve(path));
  }
}

/** With the links of the folders above resolved, as far as those exist. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(realPath(folder), basename(path));
  }
}
