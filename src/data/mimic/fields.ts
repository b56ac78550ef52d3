import type { TextRule } from "../text/rule.js";

// A run of underscores is bounded by what is none, and the blanks beside it by a count: the work is linear.
const BRACKETED =
  /\[ {0,3}_{2,}(?: {1,3}_+)* {0,3}\]|\{ {0,3}_{2,}(?: {1,3}_+)* {0,3}\}|\( {0,3}_{2,}(?: {1,3}_+)* {0,3}\)/g;
const EMPTY_BOX = /\[_\]|\(_\)|\{_\}/g;
/** `_x_`, `__X__`, `[_x_]`: a mark on a drawn line. */
const TICKED = /[[({]?(?<![A-Za-z0-9_])_{1,20} ?[xX\u2713\u2714] ?_{1,20}(?![A-Za-z0-9_])[\])}]?/g;
const LINE = /(?<!_)_{3,}/g;

/**
 * Blanks of a form. `[____]`, `(___)` and lines of three or more underscores beside other text hold nothing and go: left as
 * `[ ]` they would read as a box that was not ticked. `[_]` is such a box and becomes `[ ]`; a mark on a line (`_x_`) becomes
 * `[x]`, and then the blanks on the same line are boxes too. Lines of nothing but underscores are left to {@link rulers}.
 * Idempotent.
 */
export const fields: TextRule = {
  name: "mimic/fields@1",
  apply: removeFields,
};

function removeFields(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = text.indexOf("_"); at !== -1; at = text.indexOf("_", copied)) {
    const start = text.lastIndexOf("\n", at) + 1;
    const feed = text.indexOf("\n", at);
    const end = feed === -1 ? text.length : feed;
    parts.push(text.slice(copied, start), withoutFields(text.slice(start, end)));
    copied = end;
  }
  return parts.length === 0 ? text : parts.join("") + text.slice(copied);
}

function withoutFields(line: string): string {
  if (/^[_ ]*$/.test(line)) return line;
  const boxed = line.replace(EMPTY_BOX, "[ ]");
  const ticked = boxed.replace(TICKED, "[x]");
  const blank = ticked === boxed ? " " : "[ ]";
  return ticked.replace(BRACKETED, blank).replace(LINE, blank);
}
