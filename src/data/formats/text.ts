import { readBytes } from "./bytes.js";
import { recordError } from "./record.js";

/** Longer lines and records are a file of another format; reading on would only fill the memory. */
export const MAX_RECORD_BYTES = 64 * 2 ** 20;

/**
 * The text of a UTF-8 file, or one packed by gzip, in pieces of about 64 KiB, without its byte order mark.
 * @throws MediloraError `DATA_INVALID` for bytes that are not UTF-8 or a damaged gzip file; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readText(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (chunk?: Buffer): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw recordError(path, "is not UTF-8; convert the file to UTF-8");
    }
  };
  for await (const chunk of readBytes(path)) yield decode(chunk);
  yield decode();
}

/**
 * The lines of a UTF-8 file, or one packed by gzip, without their line feeds, counted from 1. Memory holds one line.
 * @throws MediloraError `DATA_INVALID` with the line for bytes that are not UTF-8 and for a line above
 *   {@link MAX_RECORD_BYTES}; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readLines(path: string): AsyncGenerator<{ line: number; text: string }> {
  let parts: Buffer[] = [];
  let size = 0;
  let line = 1;
  const take = () => {
    const text = decodeLine(Buffer.concat(parts), `${path}, line ${line}`);
    parts = [];
    size = 0;
    return { line: line++, text };
  };
  for await (const chunk of readBytes(path)) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      parts.push(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    parts.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > MAX_RECORD_BYTES)
      throw recordError(
        `${path}, line ${line}`,
        `is longer than ${MAX_RECORD_BYTES} bytes; give a file with shorter lines`,
      );
  }
  if (size > 0) yield take();
}

function decodeLine(bytes: Buffer, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw recordError(where, "is not UTF-8; convert the file to UTF-8");
  }
}
