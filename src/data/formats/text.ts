import { readBytes } from "./bytes.js";
import { recordError } from "./record.js";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

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

/** UTF-16 with a byte order mark, as some databases and spreadsheets export it: what reads bytes would call it broken. */
export function checkNotUtf16(path: string, start: Uint8Array): void {
  const [first, second] = start;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    throw recordError(path, "is UTF-16; convert the file to UTF-8");
}

/** What ends a line: a line feed, or also a carriage return with or without a line feed behind it. */
export type LineEnds = "lf" | "cr";

/**
 * The lines of a UTF-8 file, or one packed by gzip, without their line ends, counted from 1. Memory holds one line.
 * @throws MediloraError `DATA_INVALID` with the line for bytes that are not UTF-8 and for a line above
 *   {@link MAX_RECORD_BYTES}; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readLines(path: string, ends: LineEnds = "lf"): AsyncGenerator<{ line: number; text: string }> {
  let parts: Buffer[] = [];
  let size = 0;
  let line = 1;
  let behindReturn = false;
  const take = () => {
    const text = decodeLine(Buffer.concat(parts), `${path}, line ${line}`);
    parts = [];
    size = 0;
    return { line: line++, text };
  };
  for await (const chunk of readBytes(path)) {
    // The line feed of a pair that two chunks share.
    let start = behindReturn && chunk[0] === LINE_FEED ? 1 : 0;
    for (const { end, next } of lineEnds(chunk, start, ends)) {
      parts.push(chunk.subarray(start, end));
      yield take();
      start = next;
    }
    behindReturn = ends === "cr" && chunk[chunk.length - 1] === CARRIAGE_RETURN;
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

/** Ends of the lines of a chunk, and where the next ones start. Each byte is searched once for either sign. */
function* lineEnds(chunk: Buffer, from: number, ends: LineEnds): Generator<{ end: number; next: number }> {
  const find = (sign: number, start: number) => {
    const found = chunk.indexOf(sign, start);
    return found === -1 ? chunk.length : found;
  };
  let feed = find(LINE_FEED, from);
  let carriage = ends === "cr" ? find(CARRIAGE_RETURN, from) : chunk.length;
  while (feed < chunk.length || carriage < chunk.length) {
    const end = Math.min(feed, carriage);
    const next = end === carriage && feed === end + 1 ? end + 2 : end + 1;
    yield { end, next };
    if (feed < next) feed = find(LINE_FEED, next);
    if (carriage < next) carriage = find(CARRIAGE_RETURN, next);
  }
}

function decodeLine(bytes: Buffer, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw recordError(where, "is not UTF-8; convert the file to UTF-8");
  }
}
