import type { TextRule } from "./text/rule.js";

/** Longer lines are paragraphs, which may well mention a copyright. */
const MAX_BOILERPLATE = 200;
/** Characters of text between two page numbers, at least: rows of a table have fewer. */
const MIN_PAGE = 200;
const MIN_PAGES = 3;
/** Characters around a citation mark that tell whether it is one. */
const AROUND = 24;

const STARTS = [
  "all rights reserved|copyright|©|licen[sc]ed under|creative commons|isbn\\b|issn\\b|page \\d+ of \\d+",
  "(?:date )?last (?:updated|reviewed|modified) *:|last (?:updated|reviewed|modified) (?:on )?[\\w ,]{0,20}\\d{4}",
  "(?:published(?: date| online)?|date of issue|how to cite|suggested citation) *:",
  "(?:conflicts?|declarations?) of interest *:|competing interests *:|funding(?: sources?)? *:",
  "received *: *[^\\n]{0,40}accepted *:|correspond(?:ence|ing author)(?: to)? *:",
  "(?:this|our) (?:web)?site uses cookies|we(?: and our partners)? use cookies (?:to|on|and|for)\\b",
  "by (?:clicking|continuing|using)\\b[^\\n]{0,120}\\bcookies\\b",
];
const BOILERPLATE_START = new RegExp(`^[-*• ]{0,4}(?:${STARTS.join("|")})`, "i");
const WHOLE = [
  "cookies?(?: (?:policy|settings|preferences|notice))?|(?:accept|reject|manage)(?: all)? cookies|we use cookies",
  "(?:accept|reject|decline) all|manage preferences|was this (?:page|article) helpful\\?|menu|tweet|print|email this page",
  "home(?: *[>»›/] *[\\w ,&'-]{1,60}){1,6}|share (?:on|via) [\\w ]{1,20}",
  "(?:(?:doi|pmid|pmcid) *:? *)?10\\.\\d{4,9}/\\S{1,120}|(?:doi|pmid|pmcid) *:? *[\\w.]{3,20}",
  "skip to (?:main )?content|(?:back|go) to (?:the )?top|print this page|share this(?: page| article)?",
  "follow us(?: on [\\w, ]{1,40})?|sign up(?: for [\\w' ]{0,30}newsletter)?|subscribe(?: now| to [\\w' ]{0,30}newsletter)?",
  "click here(?: to [\\w ]{1,40})?|download (?:the )?(?:full )?pdf|full text pdf|view larger(?: image)?|open in new tab",
  "read more|advertisement|log ?in(?: to [\\w ]{1,30})?|terms of use|terms and conditions|privacy policy|disclaimer",
];
const BOILERPLATE_LINE = new RegExp(`^[-*• ]{0,4}(?:${WHOLE.join("|")})[ .:!>»]{0,4}$`, "i");
const BARE_LINK = /^(?:https?:\/\/|www\.)\S+$/i;
const MARKED_PAGE_NUMBER = /^page +\d{1,4}$|^- ?\d{1,4} ?-$/i;

/**
 * Drops lines of up to 200 characters that are of a web page's or a publisher's frame: those that begin with a copyright,
 * "Last updated: ", "Page 3 of 90", a banner about cookies or a citation of itself, those that are nothing but "Back to
 * top", "Cookie settings" and the like, bare links, DOIs and PubMed numbers, and marked page numbers (`- 4 -`). A sentence
 * that only begins like one ("Cookies raise ...") stays, and so do headings. Idempotent.
 */
export const boilerplate: TextRule = {
  name: "guidelines/boilerplate@3",
  apply: (text) =>
    text
      .split("\n")
      .filter((line) => !isBoilerplate(line))
      .join("\n"),
};

function isBoilerplate(line: string): boolean {
  if (line.length > MAX_BOILERPLATE) return false;
  const trimmed = line.trim();
  return [BOILERPLATE_START, BOILERPLATE_LINE, BARE_LINK, MARKED_PAGE_NUMBER].some((form) => form.test(trimmed));
}

/**
 * Drops lines of one whole number that are page numbers by their sequence: three or more such lines, each one more than
 * the one before, with 200 characters or more between two. A number alone may be a dose or a score.
 */
export const pageNumbers: TextRule = { name: "guidelines/page-numbers@1", apply: dropPageNumbers };

function dropPageNumbers(text: string): string {
  const lines = text.split("\n");
  const dropped = new Set<number>();
  let run: number[] = [];
  let size = 0;
  const endRun = () => {
    if (run.length >= MIN_PAGES) for (const line of run) dropped.add(line);
    run = [];
  };
  for (const [index, line] of lines.entries()) {
    if (line.length > 20 || !/^\d{1,4}$/.test(line.trim())) {
      size += line.length;
      continue;
    }
    const before = run.at(-1);
    if (before === undefined || size < MIN_PAGE || Number(line) !== Number(lines[before]) + 1) endRun();
    run.push(index);
    size = 0;
  }
  endRun();
  return dropped.size === 0 ? text : lines.filter((_, index) => !dropped.has(index)).join("\n");
}

/** One mark, or several with commas between. */
const CITATION_MARK =
  / ?\^?\[ ?\d{1,3}(?:[-–, ]{1,2}\d{1,3}){0,20} ?\](?:,? ?\[ ?\d{1,3}(?:[-–, ]{1,2}\d{1,3}){0,20} ?\]){0,20}/g;
const ONE_NUMBER = /^ ?\^?\[ ?\d{1,3} ?\]$/;
/** A letter or closing sign: what ends in a digit, a colon or a comparison leads to a quantity. */
const BEFORE_MARK = /[\p{L})\].,;"'’”]$/u;
const UNITS =
  "percent|days?|weeks?|months?|years?|hours?|minutes?|mg|g|kg|mcg|[µμ]g|ng|ml|l|dl|mmol|mol|meq|iu|units?|mm|cm|mmhg|kpa|bpm";
/** Words that lead to a quantity or point into the list in words, and units, behind which brackets hold a range. */
const QUANTITY_BEFORE = new RegExp(
  `(?:^|[^\\p{L}])(?:doses?|of|ranges?|ranging|between|and|or|to|from|at|by|than|about|is|was|are|were|per|mean|median|average|ci|iqr|sd|ratio|scores?|levels?|grades?|stages?|class|types?|steps?|phases?|tables?|figures?|references?|refs?|${UNITS})[.,]?$`,
  "iu",
);
/** A quantity that is complete: one number behind it points into the list, a range may be that of the quantity. */
const COMPLETE_QUANTITY = new RegExp(`\\d[ -]?(?:${UNITS})(?:/(?:${UNITS}|h))?[.,]?$`, "iu");
const QUANTITY_BEHIND =
  /^ ?(?:[%‰°±×<>=/+-]|\d|(?:percent|per|mg|g|kg|mcg|[µμ]g|ng|ml|l|dl|mmol|mol|meq|iu|u|units?|mm|cm|m|mmhg|kpa|bpm|kcal|gy|h|hrs?|hours?|min|minutes?|days?|weeks?|months?|years?|times|points?|doses?|tablets?|drops?|puffs?)(?![\p{L}]))/iu;

/**
 * Takes out the numbers that point into the list of references: `[3]`, `[1, 4-6]`, `^[2]`, directly behind a word or its
 * punctuation. What may be a quantity stays: behind a number or a word such as "of", "range" or "dose", and in front of a
 * unit, a number or a percent sign.
 */
export const citationMarks: TextRule = {
  name: "guidelines/citation-marks@3",
  apply: (text) =>
    text.replace(CITATION_MARK, (mark, at: number) => {
      const before = text.slice(Math.max(0, at - AROUND), at);
      const behind = text.slice(at + mark.length, at + mark.length + AROUND);
      const leadsOn = QUANTITY_BEFORE.test(before) && !(ONE_NUMBER.test(mark) && COMPLETE_QUANTITY.test(before));
      const isQuantity = leadsOn || QUANTITY_BEHIND.test(behind);
      return BEFORE_MARK.test(before) && !isQuantity ? "" : mark;
    }),
};
