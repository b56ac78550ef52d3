import { limitMarks } from "./text/marks.js";
import type { TextRule } from "./text/rule.js";

/** What to strip: `symbols` keeps letters, digits and sentence punctuation, `all` letters and digits alone. */
export type Strip = "symbols" | "all";

/** A line with fewer blank-separated tokens goes in front of the next one. */
export const MIN_TOKENS = 5;

/** Ligatures, full-width forms, unit signs of one character and mathematical letters: their parts say the same. */
const FOLDED = /[\u2100-\u211f\u2121\u2124-\u214f\u3300-\u33ff\ufb00-\ufb06\uff01-\uff5e\u{1d400}-\u{1d7ff}]/gu;
const LOOK_ALIKES: ReadonlyArray<readonly [RegExp, string]> = [
  [/[\u2010-\u2015\u2212]/g, "-"],
  [/[\u2018\u2019\u201a\u201b\u2032\u02b9]/g, "'"],
  [/[\u201c-\u201f\u2033\u00ab\u00bb]/g, '"'],
  [/\u2026/g, "..."],
  [/\u2044/g, "/"],
  [/\u00b5/g, "\u03bc"],
  [/\u00ba(?=[CF])/g, "\u00b0"],
];

/**
 * One form for each character: composed letters (NFC), parts for ligatures and full-width forms, plain dashes, quotes and
 * dots, one micro sign (the Greek letter). Superscripts and fractions stay, since "10⁵" must not become "105".
 * Idempotent.
 */
export const unicode: TextRule = {
  name: "textbook/unicode@1",
  apply: (text) => {
    const folded = limitMarks(text)
      .replace(FOLDED, (sign) => sign.normalize("NFKC"))
      .normalize("NFC");
    return LOOK_ALIKES.reduce((result, [signs, plain]) => result.replace(signs, plain), folded);
  },
};

// The degree sign stays with the letters, since "37 °C" without it is another word; "/" and "%" are part of units. Signs of
// powers (U+207A, U+207B) are part of a number: "10⁻⁵" must not become "10⁵". Marks go with the sign that bears them.
const SYMBOLS = /(?:[^\p{L}\p{M}\p{N}°⁺⁻₊₋\s.,;:?!'"()/%-]\p{M}*)+/gu;
const SYMBOLS_AND_PUNCTUATION = /(?:[^\p{L}\p{M}\p{N}°⁺⁻₊₋\s]\p{M}*)+/gu;

/** The rule that strips: runs of other characters become a blank. Idempotent. */
export function stripRule(strip: Strip): TextRule {
  const signs = strip === "all" ? SYMBOLS_AND_PUNCTUATION : SYMBOLS;
  return { name: `textbook/strip-${strip}@2`, apply: (text) => text.replace(signs, " ") };
}

/** Joins short lines to the following one, a line at a time; empty lines vanish. */
export class LineJoiner {
  static readonly rule = "textbook/short-lines@1";
  #pending = "";

  /** @returns a line of at least {@link MIN_TOKENS} tokens, once there is one */
  add(line: string): string | undefined {
    const trimmed = line.trim();
    if (trimmed === "") return undefined;
    const joined = this.#pending === "" ? trimmed : `${this.#pending} ${trimmed}`;
    this.#pending = "";
    if (hasTokens(joined, MIN_TOKENS)) return joined;
    this.#pending = joined;
    return undefined;
  }

  /** The short line at the end, which has no following one. */
  end(): string | undefined {
    return this.#pending === "" ? undefined : this.#pending;
  }
}

function hasTokens(line: string, count: number): boolean {
  const token = /\S+/g;
  for (let found = 0; found < count; found++) if (token.exec(line) === null) return false;
  return true;
}
