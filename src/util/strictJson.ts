const DEPTH_LIMIT = 32;

/**
 * Parses JSON of an untrusted file.
 * @throws SyntaxError for what JSON.parse refuses, and for two things that it lets pass: a key that stands twice in an
 *         object, whose values readers choose differently, and nesting deeper than 32
 */
export function parseStrictJson(text: string): unknown {
  checkKeys(text);
  return JSON.parse(text);
}

/**
 * Text that is no JSON passes or fails here by chance; JSON.parse refuses it afterwards. A string that does not end counts
 * to the end of the text: looked for again from every quote in it, megabytes would take hours.
 */
function checkKeys(text: string): void {
  const keysOf: Array<Set<string>> = [];
  const token = /"(?:[^"\\]|\\.)*(?:"(\s*:)?|\\?$)|[{}[\]]/gs;
  for (const [found, colon] of text.matchAll(token)) {
    if (found === "{" || found === "[") keysOf.push(new Set());
    if (found === "}" || found === "]") keysOf.pop();
    if (keysOf.length > DEPTH_LIMIT) throw new SyntaxError("it is nested too deeply");
    if (colon === undefined) continue;
    const key = String(JSON.parse(found.slice(0, found.length - colon.length)));
    if (keysOf.at(-1)?.has(key)) throw new SyntaxError("a key stands in it twice");
    keysOf.at(-1)?.add(key);
  }
}
