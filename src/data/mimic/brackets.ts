import type { TextRule } from "../text/rule.js";

// The classes exclude every bracket, so a failed match ends where the next one begins: the work is linear.
const PAIR = /\[([^[\]{}]{0,200})\]|\{([^[\]{}]{0,200})\}/g;
const STRAY = /[[\]{}]/g;
const DIGIT = /\d/;

/**
 * Square and curly brackets of up to 200 characters: with a digit in them, such as the reference range `[3.5-5.0]`, they
 * become round ones; without, such as `[x]`, `[sic]` or `{template}`, they go with their content. Brackets without
 * counterpart in their paragraph go alone. Round brackets and comparisons (`<`, `>`) are left as they are. Idempotent.
 */
export const brackets: TextRule = {
  name: "mimic/brackets@1",
  apply: (text) => text.replace(PAIR, rounded).replace(STRAY, " "),
};

function rounded(_match: string, square: string | undefined, curly: string | undefined): string {
  const content = square ?? curly ?? "";
  if (content.includes("\n\n")) return ` ${content} `;
  return DIGIT.test(content) ? `(${content})` : " ";
}
