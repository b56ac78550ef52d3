import { type FileHandle, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileError, MediloraError } from "../errors.js";
import { removeAbandoned, temporaryName } from "./temporaryFile.js";

export interface AtomicWriteOptions {
  /** Permission bits of the new file, less the umask; 0o600 by default, since most files here may hold patient text. */
  mode?: number;
}

/**
 * A file that appears under its name only when it is complete.
 *
 * Bytes go to a temporary name in the same folder; {@link commit} syncs and renames it over the target. An existing
 * target stays untouched until then, and a failure removes the temporary file. What a killed process left behind goes when
 * the same target is written again.
 */
export class AtomicWriter implements AsyncDisposable {
  readonly path: string;
  readonly #target: string;
  readonly #temporary: string;
  #handle: FileHandle | null;

  private constructor(path: string, target: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#target = target;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /**
   * @throws MediloraError `FILE_WRITE` when the folder is missing or read-only, or when the target is no plain file
   */
  static async open(path: string, options: AtomicWriteOptions = {}): Promise<AtomicWriter> {
    try {
      const target = await replaceableTarget(path);
      await removeAbandoned(target);
      const temporary = temporaryName(target);
      return new AtomicWriter(path, target, temporary, await open(temporary, "wx", options.mode ?? 0o600));
    } catch (error) {
      throw fileError(error, path, "write");
    }
  }

  /**
   * Appends a chunk (strings as UTF-8). Await each call before the next one.
   * @throws MediloraError `DISK_FULL` or `FILE_WRITE`; the temporary file is gone then and the writer is closed
   */
  async write(chunk: string | Uint8Array): Promise<void> {
    const handle = this.#openHandle();
    try {
      // writeFile on a handle goes on from the current position and, unlike write, never stops half-way.
      await handle.writeFile(chunk);
    } catch (error) {
      throw await this.#failed(error);
    }
  }

  /**
   * Syncs the bytes to the disk and gives the file its name.
   * @throws MediloraError `DISK_FULL` or `FILE_WRITE`; the target is as it was then and the temporary file is gone
   */
  async commit(): Promise<void> {
    const handle = this.#openHandle();
    try {
      await handle.sync();
      await handle.close();
      await rename(this.#temporary, this.#target);
    } catch (error) {
      throw await this.#failed(error);
    }
    this.#handle = null;
    await syncFolder(dirname(this.#target));
  }

  /** Removes what was written. Does nothing after {@link commit} or an earlier discard. */
  async discard(): Promise<void> {
    const handle = this.#handle;
    if (handle === null) return;
    this.#handle = null;
    try {
      await handle.close();
    } finally {
      await rm(this.#temporary, { force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }

  #openHandle(): FileHandle {
    if (this.#handle !== null) return this.#handle;
    throw new MediloraError("DISPOSED", `The writer of ${this.path} is closed already. Open a new one.`);
  }

  async #failed(error: unknown): Promise<MediloraError> {
    // The first failure is what the caller must hear of; one while tidying up would only hide it.
    await this.discard().catch(() => undefined);
    return fileError(error, this.path, "write");
  }
}

/**
 * Writes a whole file at once, atomically (see {@link AtomicWriter}).
 * @throws MediloraError `DISK_FULL` or `FILE_WRITE`; an existing file is as it was then
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: AtomicWriteOptions = {},
): Promise<void> {
  await using writer = await AtomicWriter.open(path, options);
  await writer.write(data);
  await writer.commit();
}

/** Follows symbolic links, and refuses what a rename would destroy: as root, it would replace /dev/null itself. */
async function replaceableTarget(path: string): Promise<string> {
  let target: string;
  try {
    target = await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    // A link to a file that is yet to come says where it is to be, perhaps on an encrypted disk.
    const link = await readlink(path).catch(() => undefined);
    return link === undefined ? path : replaceableTarget(resolve(await realpath(dirname(path)), link));
  }
  if ((await stat(target)).isFile()) return target;
  throw new MediloraError("FILE_WRITE", `${path} exists and is not a regular file. Name a file to write to.`);
}

async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch {
    // Windows and some network file systems cannot sync a folder; the file itself is complete and synced.
  }
}
