import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../errors.js";
import { sha256File, sha256Text } from "../util/hash.js";

/** The hash of a file, and what the file looked like when it was computed. */
export interface KnownHash {
  stamp: string;
  sha256: string;
}

/**
 * Hashes of files, kept by path. A file is read again when its size, its times or its inode differ: the time of the last
 * change of an inode also moves when another time is set back.
 */
export class FileHashes {
  constructor(readonly known: Record<string, KnownHash> = {}) {}

  /**
   * SHA-256 of a file; of a folder, over the names and hashes of all files in it; of the first part of a split model, over
   * those of all parts.
   * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`, `ABORTED`
   */
  async of(path: string, signal?: AbortSignal): Promise<string> {
    const found = await statOf(path);
    if (found.isDirectory()) return this.#folder(path, signal);
    const parts = partsOf(path);
    if (parts.length === 1) return this.#file(path, signal);
    const hashes: string[] = [];
    for (const part of parts) hashes.push(await this.#file(part, signal));
    return sha256Text(hashes.join("\n"));
  }

  async #file(path: string, signal: AbortSignal | undefined): Promise<string> {
    const { size, mtimeNs, ctimeNs, ino } = await statOf(path);
    const stamp = [size, mtimeNs, ctimeNs, ino].join(":");
    const known = this.known[path];
    if (known?.stamp === stamp) return known.sha256;
    const sha256 = await sha256File(path, signal);
    this.known[path] = { stamp, sha256 };
    return sha256;
  }

  async #folder(folder: string, signal: AbortSignal | undefined): Promise<string> {
    const lines: string[] = [];
    const names = await readdir(folder).catch((error: unknown) => Promise.reject(fileError(error, folder, "read")));
    for (const name of names.sort()) lines.push(`${name} ${await this.of(join(folder, name), signal)}`);
    return sha256Text(lines.join("\n"));
  }
}

/** Follows symbolic links; one that leads in a circle is an error of the system's. */
async function statOf(path: string) {
  return stat(path, { bigint: true }).catch((error: unknown) => Promise.reject(fileError(error, path, "read")));
}

/** All parts of a split GGUF model, of which the first one is named; else the file itself. */
function partsOf(path: string): string[] {
  const count = /-00001-of-(\d{5})\.gguf$/.exec(path)?.[1];
  if (count === undefined) return [path];
  return Array.from({ length: Number(count) }, (_, i) =>
    path.replace(/-00001-of-(\d{5})\.gguf$/, `-${String(i + 1).padStart(5, "0")}-of-$1.gguf`),
  );
}
