import type { TextRule } from "../text/rule.js";

// The classes exclude every bracket, so a failed match ends where the next one begins: the work is linear.
const PAIR = /\[([^[\]{}]{0,200})\]|\{([^[\]{}]{0,200})\}/g;
/** In a box, ticked or not: without it, an item that was not ticked would read as one that was found. */
const TICK = " {0,3}[xX*+\\-\u2713\u2714\u2611]? {0,3}";
const BOX = new RegExp(`^${TICK}$`);
const BOXES = new RegExp(`(\\[${TICK}\\]|\\{${TICK}\\})`);
const STRAY = /[[\]{}]/g;
/** Editorial marks, and the names of fields that a template left. */
const MARK =
  /^ *(?:sic|sp\?|\?+|!+|\.{2,}|illegible|inaudible|template|placeholder|redacted|free text|(?:patient |first |last )?name|(?:insert|enter|fill in|select|choose) [^\n]*) *[.!?]? *$/i;

/**
 * Square and curly brackets of up to 200 characters become round ones: `[3.5-5.0]`, `[mmol/L]` and `[left]` say something.
 * Check boxes (`[ ]`, `[x]`, `{ }`) stay as they are, since the item behind means the opposite without its box. Editorial
 * marks and fields of a template (`[sic]`, `[illegible]`, `{Patient name}`) go with their content, and brackets without
 * counterpart in their paragraph go alone. Round brackets and comparisons (`<`, `>`) are left as they are. Idempotent.
 */
export const brackets: TextRule = {
  name: "mimic/brackets@2",
  apply: (text) => withoutStrays(text.replace(PAIR, rounded)),
};

function rounded(match: string, square: string | undefined, curly: string | undefined): string {
  const content = square ?? curly ?? "";
  if (content.includes("\n\n")) return ` ${content} `;
  if (BOX.test(content)) return match;
  return MARK.test(content) ? " " : `(${content})`;
}

function withoutStrays(text: string): string {
  if (text.search(STRAY) === -1) return text;
  const parts = text.split(BOXES);
  return parts.map((part, index) => (index % 2 === 0 ? part.replace(STRAY, " ") : part)).join("");
}
