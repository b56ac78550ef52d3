import type { TextRule } from "./rule.js";

// Control characters, blanks other than the plain space, zero-width characters and the soft hyphen. Controls are what
// this rule is about.
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const ODD = /\r\n?|[\x00-\x09\x0b-\x1f\x7f-\xa0\xad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: tab, vertical tab and form feed stand for blank space
const BLANK = /[\x09\x0b\x0c\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]/;

/**
 * Line ends become `\n`, tabs and the many Unicode blanks a space; other controls and zero-width characters vanish.
 * Idempotent.
 */
export const characters: TextRule = {
  name: "text/characters@1",
  apply: (text) => text.replace(ODD, replacement),
};

function replacement(odd: string): string {
  if (odd.startsWith("\r") || odd === "\u0085" || odd === "\u2028" || odd === "\u2029") return "\n";
  return BLANK.test(odd) ? " " : "";
}
