import { HEADERS, type HeaderName, LAST_WORDS, STRONG_WORDS, WORD_SIGNS } from "./sectionNames.js";

/** A header in a note: offsets of its first character and of the first one behind it. */
export interface Header {
  name: HeaderName;
  /** Its words in lower case, one space between them. */
  spelling: string;
  start: number;
  end: number;
}

const MAX_WORDS = 9;
/** Characters that a header may take before its colon; bounds the work at each colon. */
const MAX_LENGTH = 90;
const MAX_PARENTHESIS = 40;
const MAX_ALONE = 60;

/**
 * The headers of a note, in order.
 *
 * With a colon: at the start of a line in any case; inside it in capitals, or with a capital behind the end of a sentence
 * or two blanks. Without one: alone on a line, or in capitals at its start before two blanks or a dash.
 */
export function* findHeaders(text: string): Generator<Header> {
  // Each colon is searched for once, also where a million lines have none.
  let colon = nextColon(text, 0);
  let start = 0;
  while (start <= text.length) {
    const feed = text.indexOf("\n", start);
    const end = feed === -1 ? text.length : feed;
    const first = skipSpaces(text, start, end);
    const bare = headerWithoutColon(text, first, end);
    if (bare !== undefined) yield bare;
    for (; colon < end; colon = nextColon(text, colon + 1)) {
      const found = headerBefore(text, colon);
      if (found !== undefined && isHeader(text, found, first)) yield found;
    }
    start = end + 1;
  }
}

/** True for a line that is a header alone, without a colon. */
export function isHeaderLine(line: string): boolean {
  const header = headerWithoutColon(line, skipSpaces(line, 0, line.length), line.length);
  return header !== undefined && header.end === line.length;
}

function nextColon(text: string, from: number): number {
  const colon = text.indexOf(":", from);
  return colon === -1 ? Number.POSITIVE_INFINITY : colon;
}

function headerWithoutColon(text: string, first: number, end: number): Header | undefined {
  if (!isUpper(text.charCodeAt(first))) return undefined;
  if (end - first <= MAX_ALONE) {
    const line = text.slice(first, end).trimEnd();
    const spelling = line.toLowerCase();
    const name = line.endsWith(":") ? undefined : HEADERS.get(spelling);
    const plain =
      name !== undefined && (line === line.toUpperCase() || STRONG_WORDS.has(spelling) || line.includes(" "));
    if (plain) return { name, spelling, start: first, end };
  }
  if (!isUpper(text.charCodeAt(first + 1))) return undefined;
  const start = text.slice(first, Math.min(end, first + MAX_ALONE));
  const match = /^([A-Z][A-Z &/-]*[A-Z])(?: {2,}| -{1,2} )/.exec(start);
  const spelling = match?.[1]?.toLowerCase();
  const name = spelling === undefined ? undefined : HEADERS.get(spelling);
  if (match === null || spelling === undefined || name === undefined) return undefined;
  return { name, spelling, start: first, end: first + match[0].length };
}

/** The longest known header whose last word ends at the colon. */
function headerBefore(text: string, colon: number): Header | undefined {
  const limit = Math.max(0, colon - MAX_LENGTH);
  let at = withoutParenthesis(text, skipSpacesBack(text, colon, limit), limit);
  let spelling = "";
  let found: Header | undefined;
  for (let words = 0; words < MAX_WORDS; words++) {
    const wordStart = wordStartBefore(text, at, limit);
    if (wordStart === at) break;
    const word = text.slice(wordStart, at).toLowerCase();
    if (words === 0 && !LAST_WORDS.has(word)) break;
    spelling = words === 0 ? word : `${word} ${spelling}`;
    const name = HEADERS.get(spelling);
    if (name !== undefined) found = { name, spelling, start: wordStart, end: colon + 1 };
    at = blankBefore(text, wordStart, limit);
    if (at === wordStart) break;
  }
  return found;
}

/** Whether what has a header's words also stands like one. */
function isHeader(text: string, { start, end, spelling }: Header, first: number): boolean {
  const capital = isUpper(text.charCodeAt(start));
  if (start === first) return capital || endsBefore(text, start);
  if (!capital) return false;
  const before = text[start - 1] ?? "\n";
  if (before === "\n") return true;
  if (!/[\s.,;:!?)\]*]/.test(before)) return false;
  const apart = before !== " " || /[\s.,;:!?)\]*]/.test(text[start - 2] ?? "\n");
  const severalWords = spelling.includes(" ");
  const words = text.slice(start, end);
  if (words === words.toUpperCase()) return apart || severalWords;
  return apart && (severalWords || STRONG_WORDS.has(spelling));
}

/** Whether the line above a line ended its sentence, so that a header in small letters may begin here. */
function endsBefore(text: string, lineStart: number): boolean {
  const above = text.slice(Math.max(0, lineStart - 8), lineStart).trimEnd();
  return above === "" || /[.:;!?)]$/.test(above) || /\n *\n *$/.test(text.slice(Math.max(0, lineStart - 8), lineStart));
}

/** Steps over "(per old records)" at the end of a header. */
function withoutParenthesis(text: string, end: number, limit: number): number {
  if (text[end - 1] !== ")") return end;
  const from = Math.max(limit, end - MAX_PARENTHESIS);
  const open = text.slice(from, end).lastIndexOf("(");
  return open === -1 ? end : skipSpacesBack(text, from + open, limit);
}

function wordStartBefore(text: string, end: number, limit: number): number {
  let at = end;
  while (at > limit && isWordCode(text.charCodeAt(at - 1))) at -= 1;
  return at;
}

/** Over spaces and at most one line feed: a header may be wrapped. */
function blankBefore(text: string, end: number, limit: number): number {
  const at = skipSpacesBack(text, end, limit);
  return text[at - 1] === "\n" && at > limit ? skipSpacesBack(text, at - 1, limit) : at;
}

function skipSpacesBack(text: string, end: number, limit: number): number {
  let at = end;
  while (at > limit && text.charCodeAt(at - 1) === 0x20) at -= 1;
  return at;
}

function skipSpaces(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && text.charCodeAt(at) === 0x20) at += 1;
  return at;
}

function isUpper(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}

function isWordCode(code: number): boolean {
  if ((code >= 0x61 && code <= 0x7a) || isUpper(code) || (code >= 0x30 && code <= 0x39)) return true;
  return WORD_SIGNS.includes(String.fromCharCode(code));
}
