import { HEADERS, type HeaderName, LAST_WORDS, STRONG_WORDS, STUDIES, WORD_SIGNS } from "./sectionNames.js";

/** A header in a note: offsets of its first character and of the first one behind it. */
export interface Header {
  name: HeaderName;
  /** Its words in lower case, one space between them. */
  spelling: string;
  /** At the sign or number in front of its words, where there is one. */
  start: number;
  end: number;
  /** What stands in front of it at the start of its line: `number` as in "3. HPI", `sign` as in "# HPI" or "** HPI **". */
  mark: "number" | "sign" | undefined;
  /** It stands first on its line, a mark aside. */
  first: boolean;
  /** All of its letters are capitals. */
  upper: boolean;
  /** Nothing follows on its line. */
  alone: boolean;
}

/** A header as far as its words tell. */
type Words = Pick<Header, "name" | "spelling" | "start" | "end">;

/** Where a line begins to say something. */
interface LineStart {
  /** Behind the blanks. */
  first: number;
  /** Behind the mark too. */
  words: number;
}

const MAX_WORDS = 9;
/** Characters that a header may take before its colon; bounds the work at each colon. */
const MAX_LENGTH = 90;
const MAX_PARENTHESIS = 40;
const MAX_ALONE = 60;
const MARK = /(?:\d{1,2}[.)]|[#*=_>\u2022-]{1,4}) */y;
/** "--", "**" and the like behind a header that is set between them. */
const CLOSING = / {0,3}[*=_#-]{1,4} {0,3}(?=\n|$)/y;
/** The first line of the tables in notes of intensive care; its colon is that of the time. */
const FLOWSHEET = "Flowsheet Data as of";

/**
 * The headers of a note, in order.
 *
 * With a colon: at the start of a line in any case; inside it in capitals, or with a capital behind the end of a sentence
 * or two blanks. Without one: alone on a line, in capitals at its start before two blanks, or before a dash. At the start
 * of a line a number or signs (`#`, `-`, `*`, `=`, `_`, `>`) may stand before it, and signs behind it: `3. HPI`, `** HPI **`;
 * a single word in small letters then needs to be one that seldom is anything else.
 */
export function* findHeaders(text: string): Generator<Header> {
  // Each colon is searched for once, also where a million lines have none.
  let colon = nextColon(text, 0);
  let start = 0;
  while (start <= text.length) {
    const feed = text.indexOf("\n", start);
    const end = feed === -1 ? text.length : feed;
    const line = lineStart(text, start, end);
    const bare = headerWithoutColon(text, line.words, end);
    if (bare !== undefined) yield complete(text, bare, line, end);
    for (; colon < end; colon = nextColon(text, colon + 1)) {
      const found = headerBefore(text, colon);
      if (found !== undefined && isHeader(text, found, line)) yield complete(text, found, line, end);
    }
    start = end + 1;
  }
}

/** What a line without a colon says of itself: it is nothing but a header, or begins with one. */
export function headerLine(line: string): "whole" | "start" | undefined {
  const header = headerWithoutColon(line, lineStart(line, 0, line.length).words, line.length);
  return header && (header.end === line.length ? "whole" : "start");
}

function nextColon(text: string, from: number): number {
  const colon = text.indexOf(":", from);
  return colon === -1 ? Number.POSITIVE_INFINITY : colon;
}

function lineStart(text: string, start: number, end: number): LineStart {
  const first = skipSpaces(text, start, end);
  // Nearly all lines begin with a letter.
  if (isLetter(text.charCodeAt(first))) return { first, words: first };
  MARK.lastIndex = first;
  return { first, words: MARK.test(text) ? MARK.lastIndex : first };
}

function complete(text: string, header: Words, line: LineStart, lineEnd: number): Header {
  const { name, spelling, start } = header;
  const words = text.slice(start, header.end);
  const first = start === line.words;
  const marked = first && line.words > line.first;
  const end = marked ? endOfSigns(text, header.end) : header.end;
  const alone = skipSpaces(text, end, lineEnd) >= lineEnd;
  const upper = words === words.toUpperCase();
  const mark = !marked ? undefined : isDigit(text.charCodeAt(line.first)) ? "number" : "sign";
  return { name, spelling, start: marked ? line.first : start, end, mark, first, upper, alone };
}

function endOfSigns(text: string, end: number): number {
  CLOSING.lastIndex = end;
  return CLOSING.test(text) ? CLOSING.lastIndex : end;
}

function headerWithoutColon(text: string, first: number, end: number): Words | undefined {
  if (!isUpper(text.charCodeAt(first))) return undefined;
  if (text.startsWith(FLOWSHEET, first))
    return { name: "other", spelling: FLOWSHEET.toLowerCase(), start: first, end: first + FLOWSHEET.length };
  if (end - first <= MAX_ALONE) {
    const line = text.slice(first, endBeforeSigns(text, first, end));
    const spelling = line.toLowerCase();
    const name = line.endsWith(":") ? undefined : HEADERS.get(spelling);
    // "EGD" alone on its line is what was done, not the title of its report.
    const isTitle = name !== undefined && !STUDIES.has(spelling) && isPlain(line, spelling);
    if (isTitle) return { name, spelling, start: first, end };
  }
  const start = text.slice(first, Math.min(end, first + MAX_ALONE));
  // The searches for two blanks or a dash spare most lines the expressions.
  const mayBeCapitals = !(text.charCodeAt(first + 1) >= 0x61) && start.includes("  ");
  const capitals = mayBeCapitals ? /^([A-Z][A-Z &/-]*[A-Z]) {2,}/.exec(start) : null;
  const match = capitals ?? (start.includes(" -") ? /^([A-Z][A-Za-z &/]{1,40}?) {1,2}-{1,2} (?=.)/.exec(start) : null);
  if (match === null) return undefined;
  const words = match[1] as string;
  const spelling = words.toLowerCase();
  const name = HEADERS.get(spelling);
  if (name === undefined || !isPlain(words, spelling)) return undefined;
  return { name, spelling, start: first, end: first + match[0].length };
}

/** Without the blanks and signs that close a line. */
function endBeforeSigns(text: string, first: number, end: number): number {
  let at = end;
  while (at > first && " *=_#-".includes(text.charAt(at - 1))) at -= 1;
  return at;
}

/** Whether words may be a header without a colon: capitals, several words, or one that seldom begins a sentence. */
function isPlain(words: string, spelling: string): boolean {
  return words === words.toUpperCase() || STRONG_WORDS.has(spelling) || words.includes(" ");
}

/** The longest known header whose last word ends at the colon. */
function headerBefore(text: string, colon: number): Words | undefined {
  const limit = Math.max(0, colon - MAX_LENGTH);
  let at = withoutParenthesis(text, skipSpacesBack(text, colon, limit), limit);
  let spelling = "";
  let found: Words | undefined;
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
function isHeader(text: string, { start, end, spelling }: Words, line: LineStart): boolean {
  // "24 Hour Events" begins with a digit.
  const capital = isUpper(text.charCodeAt(start)) || isDigit(text.charCodeAt(start));
  if (start === line.first) return capital || endsBefore(text, start);
  if (!capital) return false;
  const severalWords = spelling.includes(" ");
  const words = text.slice(start, end);
  const upper = words === words.toUpperCase();
  if (start === line.words) return upper || severalWords || STRONG_WORDS.has(spelling);
  const before = text[start - 1] ?? "\n";
  if (before === "\n") return true;
  if (!/[\s.,;:!?)\]*]/.test(before)) return false;
  const apart = before !== " " || /[\s.,;:!?)\]*]/.test(text[start - 2] ?? "\n");
  return upper ? apart || severalWords : apart && (severalWords || STRONG_WORDS.has(spelling));
}

/** Whether the line above a line ended its sentence, so that a header in small letters may begin here. */
function endsBefore(text: string, lineStart: number): boolean {
  const above = text.slice(Math.max(0, lineStart - 8), lineStart).trimEnd();
  return above === "" || /[.:;!?)]$/.test(above) || /\n *\n *$/.test(text.slice(Math.max(0, lineStart - 8), lineStart));
}

/** Steps over "(per old records)" or a placeholder at the end of a header. */
function withoutParenthesis(text: string, end: number, limit: number): number {
  const close = text[end - 1];
  if (close !== ")" && close !== "]") return end;
  const from = Math.max(limit, end - MAX_PARENTHESIS);
  const open = text.slice(from, end).lastIndexOf(close === ")" ? "(" : "[");
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

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || isUpper(code);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isWordCode(code: number): boolean {
  if (isLetter(code) || isDigit(code)) return true;
  return WORD_SIGNS.includes(String.fromCharCode(code));
}
