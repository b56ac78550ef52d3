import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileError, MediloraError } from "../errors.js";

/** Deeper folders and larger trees are no folder of benchmarks. */
const MOST_DEPTH = 8;
const MOST_FILES = 100_000;

/** Names that several benchmarks give their files: they count in the folder itself only. */
const COMMON_NAMES = ["test.jsonl", "dev.jsonl", "dev.json", "task.json"];

/** The files of a folder and of the folders in it, to be found by the names under which they were published. */
export class DataFolder {
  readonly path: string;
  /** Relative paths with forward slashes, shallow ones first. */
  readonly #files: readonly string[];

  private constructor(path: string, files: readonly string[]) {
    this.path = path;
    this.#files = files;
  }

  /**
   * Lists a folder; hidden folders and node_modules are left out.
   * @returns undefined for a path that is a file
   * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`; `ARGUMENT_INVALID` for a tree of more than 100,000 files
   */
  static async open(path: string): Promise<DataFolder | undefined> {
    try {
      if (!(await stat(path)).isDirectory()) return undefined;
      const files: string[] = [];
      await list(path, "", files, new Set());
      return new DataFolder(
        path,
        files.sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1)),
      );
    } catch (error) {
      throw fileError(error, path, "read");
    }
  }

  /**
   * The path of the first of these names that is there: in the folder itself, else deeper, the shallowest one. A name may
   * have folders in front, which must be there too.
   * @throws MediloraError `ARGUMENT_INVALID` when two files at the same depth have that name
   */
  find(names: readonly string[]): string | undefined {
    for (const name of names) if (this.#files.includes(name)) return join(this.path, name);
    for (const name of names.filter((one) => !COMMON_NAMES.includes(one))) {
      const [first, second] = this.#files.filter((file) => file.endsWith(`/${name}`));
      if (first === undefined) continue;
      if (second === undefined || depth(second) > depth(first)) return join(this.path, first);
      throw new MediloraError(
        "ARGUMENT_INVALID",
        `${this.path} holds ${first} and ${second}. Remove one of the two, or name the file itself.`,
      );
    }
    return undefined;
  }
}

async function list(root: string, folder: string, files: string[], seen: Set<string>): Promise<void> {
  const real = await realpath(join(root, folder));
  // A link to a folder above would be followed for ever.
  if (seen.has(real)) return;
  seen.add(real);
  for (const entry of await readdir(real, { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    const kind = entry.isSymbolicLink() ? await stat(join(root, path)).catch(() => undefined) : entry;
    if (kind?.isFile()) files.push(path);
    else if (kind?.isDirectory() && isSearched(path)) await list(root, path, files, seen);
    if (files.length > MOST_FILES)
      throw new MediloraError(
        "ARGUMENT_INVALID",
        `${root} holds more than ${MOST_FILES} files. Give the folder that holds the benchmarks.`,
      );
  }
}

function isSearched(path: string): boolean {
  const name = basename(path);
  return !name.startsWith(".") && name !== "node_modules" && depth(path) < MOST_DEPTH;
}

function depth(path: string): number {
  return path.split("/").length;
}
