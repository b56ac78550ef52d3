import type { TextRule } from "../text/rule.js";
import { headerLine } from "./headers.js";
import { isListItem } from "./lists.js";

/** Notes are wrapped at 70 to 80 columns, at the last blank before: a shorter line was ended on purpose. */
const WRAPPED_LENGTH = 50;
/** The same, where the next line goes on in lower case. */
const WRAPPED_LENGTH_BEFORE_LOWER = 40;

/** "Name: value" in up to five words and a parenthesis, or in capitals; a date or a clock time, as rows of results have it. */
const LABEL_LINE =
  /^ *(?:[A-Z][\w/&.-]{0,30}(?: [\w/&.-]{1,30}){0,4}(?: \([^()\n]{1,40}\))? ?:|[A-Z][A-Z &/,-]{1,70}:|(?:\[\*\*\d[^\]\n]{0,20}\] *)?\d{1,2}:\d\d)/;
const STARTS_LOWER = /^ *(?:[a-z]|\((?!\d{1,2}\) +[A-Z]))/;
const ENDS_OPEN = /[A-Za-z0-9,]$/;
const CUT_WORD = /[A-Za-z0-9][-/]$/;

/**
 * Joins lines that a column limit has cut: a line goes behind the one before when that one has at least 50 characters, or
 * 40 and an open end (a letter, digit or comma) and this one goes on in lower case. Blank lines, headers, list items,
 * `Label: value` lines and rows of results begin anew. A word cut at its hyphen or slash is joined without a blank.
 * Expects {@link lists}; comes before what makes lines shorter.
 */
export const wraps: TextRule = { name: "mimic/wraps@3", apply: joinWrapped };

function joinWrapped(text: string): string {
  const parts: string[] = [];
  let before = "";
  for (const raw of text.split("\n")) {
    const line = raw.trimEnd();
    const separator = parts.length === 0 ? "" : separatorBetween(before, line);
    parts.push(separator, separator === "\n" || parts.length === 0 ? line : line.trimStart());
    before = line;
  }
  return parts.join("");
}

function separatorBetween(before: string, line: string): string {
  if (line === "" || before.length < WRAPPED_LENGTH_BEFORE_LOWER || headerLine(before) === "whole") return "\n";
  const long = before.length >= WRAPPED_LENGTH;
  const goesOn = STARTS_LOWER.test(line) ? long || ENDS_OPEN.test(before) : long && !beginsAnew(line);
  if (!goesOn) return "\n";
  return CUT_WORD.test(before) ? "" : " ";
}

function beginsAnew(line: string): boolean {
  return isListItem(line) || LABEL_LINE.test(line) || headerLine(line) !== undefined;
}
