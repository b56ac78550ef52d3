/** True where nobody on the way can read or change what travels: https, or http that does not leave this computer. */
export function isPrivateTransport(url: URL): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url));
}

/** True for an address of this computer itself. */
export function isLoopback({ hostname }: URL): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}
