import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { fileError, MediloraError } from "../errors.js";

/**
 * SHA-256 of a file's bytes as 64 lower-case hex digits, read in pieces, so that model files of any size do.
 * @throws MediloraError `FILE_NOT_FOUND` or `FILE_READ`; `ABORTED`
 */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, ...(signal && { signal }) }))
      hash.update(chunk as Buffer);
  } catch (error) {
    if (signal?.aborted) throw new MediloraError("ABORTED", "Stopped on request.", { cause: signal.reason });
    throw fileError(error, path, "read");
  }
  return hash.digest("hex");
}

/** SHA-256 of an array's bytes as they lie in memory, as 64 lower-case hex digits. */
export function sha256Bytes(bytes: NodeJS.ArrayBufferView): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** SHA-256 of the text's UTF-8 bytes as 64 lower-case hex digits. */
export function sha256Text(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
