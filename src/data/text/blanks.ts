import type { TextRule } from "./rule.js";

const SPACE = 0x20;
const LINE_FEED = 0x0a;
/** The first blank of the text, of several, at the end, or in front of punctuation: all others stay as they are. */
const TO_REPAIR = /^[ \n]|[ \n](?=[ \n,.:;]|$)/g;

/**
 * Runs of spaces become one, lines lose their edges, runs of blank lines become one blank line, and no space stands in
 * front of a comma, full stop, semicolon or colon that ends a word (".5" keeps its space). Expects {@link characters}.
 * Idempotent.
 */
export const blanks: TextRule = { name: "text/blanks@1", apply: repairBlanks };

function repairBlanks(text: string): string {
  // Joined once at the end: a string that grows piece by piece is a tree, which each later reader would have to flatten.
  const parts: string[] = [];
  let copied = 0;
  TO_REPAIR.lastIndex = 0;
  while (TO_REPAIR.test(text)) {
    const at = TO_REPAIR.lastIndex - 1;
    const { end, feeds } = blankRun(text, at);
    const blank = at === 0 || end === text.length ? "" : blankFor(text, end, feeds);
    if (end - at !== blank.length || feeds !== blank.length - (blank === " " ? 1 : 0)) {
      parts.push(text.slice(copied, at), blank);
      copied = end;
    }
    TO_REPAIR.lastIndex = end;
  }
  if (parts.length === 0) return text;
  parts.push(text.slice(copied));
  return parts.join("");
}

function blankRun(text: string, start: number): { end: number; feeds: number } {
  let end = start;
  let feeds = 0;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === LINE_FEED) feeds += 1;
    else if (code !== SPACE) break;
  }
  return { end, feeds };
}

function blankFor(text: string, end: number, feeds: number): string {
  if (feeds > 0) return feeds === 1 ? "\n" : "\n\n";
  return isPunctuation(text.charCodeAt(end)) && endsWord(text, end + 1) ? "" : " ";
}

function endsWord(text: string, at: number): boolean {
  if (at === text.length) return true;
  const code = text.charCodeAt(at);
  return code === SPACE || code === LINE_FEED || isPunctuation(code);
}

/** , . : ; */
function isPunctuation(code: number): boolean {
  return code === 0x2c || code === 0x2e || code === 0x3a || code === 0x3b;
}
