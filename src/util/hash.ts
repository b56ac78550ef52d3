import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { fileError } from "../errors.js";
import { regularFile } from "./regularFile.js";
import { stopIfAborted } from "./turn.js";

/** Bytes read at a time. */
const PIECE = 1 << 20;

/**
 * SHA-256 of a file's bytes as 64 lower-case hex digits, read in pieces, so that model files of any size do.
 * @throws MediloraError `FILE_NOT_FOUND`; `FILE_READ`, also for what is no regular file; `ABORTED`
 */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  // One buffer for all pieces: a stream's own, a gigabyte a second of them, wait for the garbage collector.
  const buffer = Buffer.allocUnsafe(PIECE);
  let file: FileHandle | undefined;
  try {
    await regularFile(path);
    file = await open(path, "r");
    for (;;) {
      stopIfAborted(signal);
      const { bytesRead } = await file.read(buffer, 0, PIECE, null);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } catch (error) {
    throw fileError(error, path, "read");
  } finally {
    await file?.close();
  }
}

/** SHA-256 of an array's bytes as they lie in memory, as 64 lower-case hex digits. */
export function sha256Bytes(bytes: NodeJS.ArrayBufferView): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** SHA-256 of the text's UTF-8 bytes as 64 lower-case hex digits. */
export function sha256Text(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
