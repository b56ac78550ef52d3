import type { BigIntStats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../errors.js";
import { sha256File, sha256Text } from "./hash.js";
import { splitParts } from "./splitModel.js";

/** The hash of a file, and what the file looked like when it was computed. */
interface KnownHash {
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
    const parts = splitParts(path);
    if (parts.length === 1) return this.#hash(path, found, signal);
    const hashes: string[] = [];
    for (const part of parts) hashes.push(await this.file(part, signal));
    return sha256Text(hashes.join("\n"));
  }

  /** SHA-256 of one file, also of a part of a split model. @throws MediloraError as {@link of} */
  async file(path: string, signal?: AbortSignal): Promise<string> {
    return this.#hash(path, await statOf(path), signal);
  }

  async #hash(
    path: string,
    { size, mtimeNs, ctimeNs, ino }: BigIntStats,
    signal: AbortSignal | undefined,
  ): Promise<string> {
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
async function statOf(path: string): Promise<BigIntStats> {
  return stat(path, { bigint: true }).catch((error: unknown) => Promise.reject(fileError(error, path, "read")));
}
