import type { TextRule } from "./text/rule.js";

const MAX_HEADING = 100;
const MAX_ENTRY = 600;
/** Lines that an entry may go on for, below its first one. */
const MAX_WRAPPED = 2;
/** Level of a heading that is no Markdown. */
const PLAIN = 7;

const MARKDOWN_HEADING = /^(#{1,6}) +\S/;
const NUMBERED_HEADING = /^\d{1,2}(?:\.\d{1,2}){0,4}\.? +[A-Z]/;
/** A line in bold print. */
const BOLD_HEADING = /^\*\*[^*]{1,90}\*\*:?$/;
const REFERENCES =
  /^(?:#{1,6} +)?\*{0,2}(?:\d{1,2}(?:\.\d{1,2})?\.? +)?(?:references?|bibliography|reference list|literature cited|works cited|list of references|cited references)(?: and notes)? *:?\*{0,2}:?$/i;
const YEAR = /(?:^|[^\d])(?:19|20)\d\d(?!\d)/;
/** What cites: "et al", an identifier, or `volume(issue):`, `;volume(`, `: page-page`. */
const CITED =
  /\bet al\b|\bdoi\b|\bpmid\b|https?:|\d *\(\d{1,4}\) *:|; *\d{1,4} *(?:\(|:)|: *\d{1,5}-\d{1,5}(?!\d| *(?:%|[a-z]))/i;
const NUMBER_START = /^(?:\[\d{1,3}\]|\d{1,3}[.)])(?= )/;
/** A surname with initials, perhaps behind a number or bullet, that ends as in a list of authors. */
const AUTHOR_START =
  /^(?:(?:\[\d{1,3}\]|\d{1,3}[.)]|[-*•]) +)?\p{Lu}[\p{L}'-]{1,30},? +(?:\p{Lu}\.? ?){1,3}(?:[,.]| et al\b)/u;
/** Pages, a year, an identifier or an address are the last of an entry; a sentence that cites goes on, or closes a bracket. */
const ENTRY_END = /(?:\d{1,5}(?:[-–]\d{1,5})?|\b(?:doi|https?):? *\S{3,100})\.?$/i;

/**
 * Drops lists of references. Below a Markdown heading such as `## References` or `## Bibliography`: everything to the next
 * heading of the same level or above. Below such a heading without Markdown, or in bold: the entries that follow it and
 * their wrapped lines, so that a line "References" in a list of contents takes nothing with it. Elsewhere: two or more lines
 * in a row of which each is an entry by its authors with initials, its year, its journal's numbers or identifier, and its
 * end; a recommendation that cites stays. Headings other than the list's own stay. Idempotent.
 */
export const references: TextRule = { name: "guidelines/references@3", apply: dropReferences };

function dropReferences(text: string): string {
  const lines = text.split("\n");
  const trimmed = lines.map((line) => (line.length > MAX_ENTRY ? line : line.trim()));
  const kept: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const end = isReferencesHeading(trimmed[at] as string) ? sectionEnd(trimmed, at) : runEnd(trimmed, at);
    if (end === at) kept.push(lines[at] as string);
    at = Math.max(end, at + 1);
  }
  return kept.join("\n");
}

/** The line behind a list of references; the heading's own one when no list follows. */
function sectionEnd(lines: readonly string[], heading: number): number {
  const level = headingLevel(lines[heading] as string);
  if (level === undefined) return plainSectionEnd(lines, heading);
  let at = heading + 1;
  while (at < lines.length && (headingLevel(lines[at] as string) ?? PLAIN) > level) at += 1;
  return at;
}

function plainSectionEnd(lines: readonly string[], heading: number): number {
  let end = heading;
  let wrapped = MAX_WRAPPED;
  for (let at = heading + 1; at < lines.length; at++) {
    const line = lines[at] as string;
    if (line === "") {
      wrapped = MAX_WRAPPED;
      continue;
    }
    if (isReferencesHeading(line) || endsPlainSection(line)) break;
    if (isListed(line)) wrapped = 0;
    else if (wrapped === MAX_WRAPPED || NUMBER_START.test(line) || line.length > MAX_ENTRY) break;
    else wrapped += 1;
    end = at + 1;
  }
  return end;
}

function endsPlainSection(line: string): boolean {
  if (headingLevel(line) !== undefined || BOLD_HEADING.test(line) || isCapitals(line)) return true;
  if (line.length > MAX_HEADING || isListed(line)) return false;
  return NUMBERED_HEADING.test(line) && !/[.,;]$/.test(line);
}

/** Behind entries in a row outside of a section, blank lines between them or not; `start` when there are none or one. */
function runEnd(lines: readonly string[], start: number): number {
  let end = start;
  let entries = 0;
  for (let at = start; at < lines.length; at++) {
    const line = lines[at] as string;
    if (line === "" && entries > 0) continue;
    if (!isEntry(line)) break;
    entries += 1;
    end = at + 1;
  }
  return entries > 1 ? end : start;
}

function isReferencesHeading(line: string): boolean {
  return line.length <= MAX_HEADING && REFERENCES.test(line);
}

function headingLevel(line: string): number | undefined {
  return line.length <= MAX_HEADING * 2 ? MARKDOWN_HEADING.exec(line)?.[1]?.length : undefined;
}

function isCapitals(line: string): boolean {
  return line.length <= MAX_HEADING && /[A-Z]{3}/.test(line) && line === line.toUpperCase() && !/\d/.test(line);
}

/** An entry, as far as a line below the heading of a list must be one. */
function isListed(line: string): boolean {
  if (line.length > MAX_ENTRY) return false;
  return AUTHOR_START.test(line) || (NUMBER_START.test(line) && (YEAR.test(line) || CITED.test(line)));
}

/** An entry wherever it stands. */
function isEntry(line: string): boolean {
  if (line.length > MAX_ENTRY) return false;
  return AUTHOR_START.test(line) && YEAR.test(line) && CITED.test(line) && ENTRY_END.test(line);
}
