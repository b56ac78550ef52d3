import { open } from "node:fs/promises";
import { fileError, MediloraError } from "../errors.js";

/** What the files of a kind begin with. */
const BEGINNINGS = { report: "<!doctype html>", CSV: '"model",', requests: '{"task":"' } as const;

export type OutputKind = keyof typeof BEGINNINGS;

/**
 * Refuses to replace a file that is no earlier output of the same kind: a path mixed up on the command line would cost a
 * model, the data or the results. A file that is absent or empty may be written.
 * @throws MediloraError `ARGUMENT_INVALID`, `FILE_READ`
 */
export async function checkReplaceable(path: string, kind: OutputKind): Promise<void> {
  const beginning = Buffer.from(BEGINNINGS[kind]);
  const found = await firstBytes(path, beginning.length);
  if (found.length === 0 || found.equals(beginning)) return;
  throw new MediloraError(
    "ARGUMENT_INVALID",
    `${path} exists and is no ${kind} file of medilora, so it is left alone. Name another file, or remove it.`,
  );
}

/** None where there is no regular file: whoever writes says what else is wrong with the path. */
async function firstBytes(path: string, length: number): Promise<Buffer> {
  try {
    const handle = await open(path, "r");
    try {
      if (!(await handle.stat()).isFile()) return Buffer.alloc(0);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw fileError(error, path, "read");
  }
}
