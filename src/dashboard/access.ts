import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Names under which this computer knows itself; the port may be another one behind an SSH tunnel. */
const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;

/** 256 bits, as a segment of a path. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/**
 * Whether a request was made to this computer by a name of its own. A page of a foreign site whose name was made to
 * resolve to 127.0.0.1 (DNS rebinding) shows by its name.
 */
export function isLoopback({ headers }: Pick<IncomingMessage, "headers">): boolean {
  return headers.host !== undefined && LOOPBACK_HOST.test(headers.host);
}

/** Whether the token is the right one, in a time that does not tell how much of it is. */
export function isToken(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** What every answer carries: nothing is kept, framed, guessed or told to other sites. */
export const SECURITY_HEADERS = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

/** Scripts and styles that carry the nonce, connections to this server, and nothing else. */
export function contentSecurityPolicy(nonce: string): string {
  return (
    `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  );
}
