import { mkdir } from "node:fs/promises";
import { fileError } from "../errors.js";

/**
 * A folder and those above it, where they are not there yet.
 * @param mode of new ones; the system's default when left out
 * @throws MediloraError `FILE_WRITE`, `DISK_FULL`
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  await mkdir(path, { recursive: true, ...(mode !== undefined && { mode }) }).catch((error: unknown) => {
    throw fileError(error, path, "write");
  });
}
