import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { fileError, MediloraError } from "../errors.js";

/**
 * Size and times of a regular file, also behind a link. Opening a FIFO would wait for a writer, where no signal ends it.
 * @throws MediloraError `FILE_NOT_FOUND`; `FILE_READ` also for a folder, a FIFO or a device
 */
export async function regularFile(path: string): Promise<Stats> {
  const info = await stat(path).catch((error: unknown) => Promise.reject(fileError(error, path, "read")));
  if (info.isFile()) return info;
  const what = info.isDirectory() ? "is a folder. Name a file." : "is not a regular file. Check the path.";
  throw new MediloraError("FILE_READ", `${path} ${what}`);
}
