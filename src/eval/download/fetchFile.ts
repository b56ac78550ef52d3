import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { isMediloraError, MediloraError } from "../../errors.js";
import { AtomicWriter } from "../../util/atomicFile.js";
import { makeFolder } from "../../util/folder.js";
import { isPrivateTransport } from "../../util/url.js";

export interface FetchFileOptions {
  url: string;
  /** Where the file goes; its folder is made. */
  path: string;
  /** Larger files are refused; default 512 MB. */
  maxBytes?: number;
  signal?: AbortSignal | undefined;
  /** Gets the bytes so far, and those of the whole file where the server says how many. */
  onProgress?: ((bytes: number, total: number | undefined) => void) | undefined;
}

/** A file that was fetched. */
export interface FetchedFile {
  path: string;
  url: string;
  bytes: number;
  sha256: string;
}

const MOST_REDIRECTS = 5;
const MOST_BYTES = 512 * 2 ** 20;

/**
 * Fetches a file by https, or by http from this computer. It appears under its name only when it is complete; a stop
 * leaves nothing, and the next call begins anew.
 * @throws MediloraError `NETWORK_FAILED` (no connection, a status that is no success, a connection that ended early, too
 *   many or unencrypted redirects, too large a file), `ARGUMENT_INVALID` for another kind of URL, `ABORTED`, `DISK_FULL`,
 *   `FILE_WRITE`
 */
export async function fetchFile(options: FetchFileOptions): Promise<FetchedFile> {
  const { path, signal } = options;
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
  if (url === undefined || !isPrivateTransport(url) || url.username !== "" || url.password !== "")
    throw new MediloraError("ARGUMENT_INVALID", "A file is fetched by https, without a password in the URL.");
  try {
    const response = await follow(url, signal);
    await makeFolder(dirname(path));
    return { path, url: options.url, ...(await store(response, url, options)) };
  } catch (error) {
    if (signal?.aborted) throw new MediloraError("ABORTED", "The download was stopped; the files before it are kept.");
    if (isMediloraError(error)) throw error;
    throw failed(url, `cannot be reached (${reasonOf(error)}); this computer may be offline`);
  }
}

async function follow(start: URL, signal: AbortSignal | undefined): Promise<Response> {
  let url = start;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await fetch(url, { redirect: "manual", signal: signal ?? null });
    if (response.ok) return response;
    await response.body?.cancel();
    const next = nextUrl(response, url);
    if (next === undefined) throw failed(start, `answers with status ${response.status}`);
    // A public host must neither lead into this computer nor out of https.
    if (next.protocol !== "https:" && !(start.protocol === "http:" && isPrivateTransport(next)))
      throw failed(start, "leads to an address that is not https");
    url = next;
  }
  throw failed(start, `leads on more than ${MOST_REDIRECTS} times`);
}

function nextUrl({ status, headers }: Response, from: URL): URL | undefined {
  const location = [301, 302, 303, 307, 308].includes(status) ? headers.get("location") : null;
  return location !== null && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
}

async function store(
  { body, headers }: Response,
  url: URL,
  { path, maxBytes = MOST_BYTES, onProgress }: FetchFileOptions,
): Promise<Pick<FetchedFile, "bytes" | "sha256">> {
  const announced = Number(headers.get("content-length") ?? Number.NaN);
  // Of a packed body the length is that of the packed bytes.
  const total = Number.isFinite(announced) && !headers.has("content-encoding") ? announced : undefined;
  const hash = createHash("sha256");
  let bytes = 0;
  await using writer = await AtomicWriter.open(path);
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw failed(url, `sends more than ${maxBytes} bytes`);
    hash.update(chunk);
    await writer.write(chunk);
    onProgress?.(bytes, total);
  }
  if (total !== undefined && bytes !== total) throw failed(url, `sent ${bytes} bytes of ${total}`);
  await writer.commit();
  return { bytes, sha256: hash.digest("hex") };
}

function failed({ host, pathname }: URL, problem: string): MediloraError {
  return new MediloraError(
    "NETWORK_FAILED",
    `${host}${pathname} ${problem}. Try later, or put the file there by hand (--list tells where it is published).`,
  );
}

/** The system's code of a failed connection, which undici keeps as the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } };
  return typeof cause?.code === "string" ? cause.code : "the connection ended early";
}
