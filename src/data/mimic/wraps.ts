import type { TextRule } from "../text/rule.js";
import { isListItem } from "./lists.js";

/** Notes are wrapped at 70 to 80 columns; a line shorter than this was ended on purpose. */
const WRAPPED_LENGTH = 50;

/** "Name: value" at the start of a line, in words that begin with a capital; a clock time, as in tables of results. */
const LABEL_LINE = /^ *(?:[A-Z][\w/&.-]{0,30}(?: [\w/&.-]{1,30}){0,3} ?:|\d{1,2}:\d\d)/;
const STARTS_LOWER = /^ *[a-z(]/;
const ENDS_OPEN = /[A-Za-z0-9,]$/;
const CUT_WORD = /[A-Za-z0-9][-/]$/;

/**
 * Joins lines that a column limit has cut: a line goes behind the one before when that one has at least 50 characters, or
 * ends open (a letter, digit or comma) and this one goes on in lower case. Blank lines, list items, `Label: value` lines
 * and rows of results that start with a time begin anew. A word cut at its hyphen or slash is joined without a blank.
 */
export const wraps: TextRule = { name: "mimic/wraps@1", apply: joinWrapped };

function joinWrapped(text: string): string {
  const parts: string[] = [];
  let before = "";
  let first = true;
  for (const raw of text.split("\n")) {
    const line = raw.trimEnd();
    if (!first) parts.push(separator(before, line));
    parts.push(before !== "" && parts.at(-1) !== "\n" ? line.trimStart() : line);
    before = line;
    first = false;
  }
  return parts.join("");
}

function separator(before: string, line: string): string {
  if (before === "" || line === "" || before.endsWith(":")) return "\n";
  const goesOn = before.length >= WRAPPED_LENGTH || (STARTS_LOWER.test(line) && ENDS_OPEN.test(before));
  if (!goesOn || isListItem(line) || LABEL_LINE.test(line)) return "\n";
  return CUT_WORD.test(before) ? "" : " ";
}
