import { createReadStream } from "node:fs";
import { extname } from "node:path";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { fileError } from "../../errors.js";
import { recordError } from "./record.js";

/** The extension that tells the format, in lower case: that of `rows.csv.gz` is ".csv". */
export function formatExtension(path: string): string {
  const extension = extname(path).toLowerCase();
  return extension === ".gz" ? extname(path.slice(0, -extension.length)).toLowerCase() : extension;
}

/**
 * The bytes of a file in pieces, unpacked where it is gzip, whatever its name.
 * @throws MediloraError `DATA_INVALID` for a gzip file that is damaged or cut short; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readBytes(path: string): AsyncGenerator<Buffer> {
  try {
    yield* (await startsAsGzip(path)) ? unpacked(path) : (createReadStream(path) as AsyncIterable<Buffer>);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code?.startsWith("Z_")) throw recordError(path, "the gzip file is damaged or cut short; get it again");
    throw fileError(error, path, "read");
  }
}

async function startsAsGzip(path: string): Promise<boolean> {
  for await (const head of createReadStream(path, { end: 1 }) as AsyncIterable<Buffer>)
    return head[0] === 0x1f && head[1] === 0x8b;
  return false;
}

function unpacked(path: string): AsyncIterable<Buffer> {
  const gunzip = createGunzip();
  // The error arrives through the iteration; the callback only keeps it from being thrown as unhandled.
  pipeline(createReadStream(path), gunzip, () => {});
  return gunzip;
}
