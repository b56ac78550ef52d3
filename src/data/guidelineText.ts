import type { TextRule } from "./text/rule.js";

/** Longer lines are paragraphs, which may well mention a copyright. */
const MAX_BOILERPLATE = 200;
const MAX_HEADING = 100;
const MAX_REFERENCE = 600;

const MARKDOWN_HEADING = /^(#{1,6}) +\S/;
const NUMBERED_HEADING = /^\d{1,2}(?:\.\d{1,2}){0,4}\.? +[A-Z]/;
const REFERENCES =
  /^(?:#{1,6} +)?(?:\d{1,2}(?:\.\d{1,2})?\.? +)?(?:references?|bibliography|reference list|literature cited|works cited|list of references|cited references)(?: and notes)? *:?$/i;
const YEAR = /(?:^|[^\d])(?:19|20)\d\d(?!\d)/;
const CITED = /et al|doi|pmid|https?:|\d *\(\d{1,4}\) *:|; *\d{1,4} *(?:\(|:)|: *\d{1,5}-\d{1,5}/i;
const ENTRY_START = /^(?:\[?\d{1,3}[\].)]|[A-Z][A-Za-z'-]{1,30},? +[A-Z]{1,3}[,. ])/;

/**
 * Drops lists of references: from a heading such as "References" or "Bibliography" to the next heading (of the same level
 * or above, where both are Markdown), and anywhere lines that are entries of one (number or author in front, a year, and
 * the volume, pages, DOI or "et al."). Headings stay. Idempotent.
 */
export const references: TextRule = { name: "guidelines/references@1", apply: dropReferences };

function dropReferences(text: string): string {
  const kept: string[] = [];
  /** Level of the list's heading while inside one; 7 for a heading that is no Markdown. */
  let inside: number | undefined;
  for (const line of text.split("\n")) {
    const trimmed = line.length > MAX_REFERENCE ? line : line.trim();
    if (isReferencesHeading(trimmed)) inside = headingLevel(trimmed) ?? 7;
    else if (inside !== undefined && endsReferences(trimmed, inside)) inside = undefined;
    if (inside === undefined && !isEntry(trimmed)) kept.push(line);
  }
  return kept.join("\n");
}

function isReferencesHeading(line: string): boolean {
  return line.length <= MAX_HEADING && REFERENCES.test(line);
}

function endsReferences(line: string, level: number): boolean {
  const own = headingLevel(line);
  if (own !== undefined) return own <= level;
  if (level !== 7 || line.length > MAX_HEADING || isEntry(line)) return false;
  return (NUMBERED_HEADING.test(line) && !/[.,;]$/.test(line) && !YEAR.test(line)) || isCapitals(line);
}

function headingLevel(line: string): number | undefined {
  return line.length <= MAX_HEADING * 2 ? MARKDOWN_HEADING.exec(line)?.[1]?.length : undefined;
}

function isCapitals(line: string): boolean {
  return /[A-Z]{3}/.test(line) && line === line.toUpperCase() && !/\d/.test(line);
}

function isEntry(line: string): boolean {
  return line.length <= MAX_REFERENCE && ENTRY_START.test(line) && YEAR.test(line) && CITED.test(line);
}

const BOILERPLATE = [
  "all rights reserved|copyright|©|creative commons|terms of use|terms and conditions|privacy policy|disclaimer",
  "cookie|skip to (?:main )?content|back to top|go to top|print this page|share this|follow us|sign up|subscribe",
  "click here|download (?:the )?pdf|full text pdf|view larger|open in new tab|read more|advertisement|log ?in to",
  "page \\d+ of \\d+|isbn|issn|last (?:updated|reviewed|modified)|published (?:date|online)|date of issue",
  "(?:conflicts?|declarations?) of interest|competing interests|funding sources?|how to cite|suggested citation",
];
const BOILERPLATE_START = new RegExp(`^[-*• ]{0,4}(?:${BOILERPLATE.join("|")})`, "i");
const BARE_LINK = /^(?:https?:\/\/|www\.)\S+$/i;
const PAGE_NUMBER = /^(?:page +)?\d{1,4}$|^- ?\d{1,4} ?-$/i;

/**
 * Drops lines of up to 200 characters that begin like a web page's or a publisher's frame (copyright, cookies, "Back to
 * top", "Page 3 of 90", citations of itself), bare links and page numbers. Headings stay. Idempotent.
 */
export const boilerplate: TextRule = {
  name: "guidelines/boilerplate@1",
  apply: (text) =>
    text
      .split("\n")
      .filter((line) => !isBoilerplate(line))
      .join("\n"),
};

function isBoilerplate(line: string): boolean {
  if (line.length > MAX_BOILERPLATE) return false;
  const trimmed = line.trim();
  return BOILERPLATE_START.test(trimmed) || BARE_LINK.test(trimmed) || PAGE_NUMBER.test(trimmed);
}

const CITATION_MARK = / ?\[\d{1,3}(?:[-–, ]{1,2}\d{1,3}){0,20}\]/g;

/** Takes out the numbers that point into the list of references: `[3]`, `[1, 4-6]`. */
export const citationMarks: TextRule = {
  name: "guidelines/citation-marks@1",
  apply: (text) => text.replace(CITATION_MARK, ""),
};
