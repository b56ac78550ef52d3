import type { TextRule } from "../text/rule.js";
import { isRange, type PlaceholderKind, placeholderKind } from "./placeholderKinds.js";
import { placeholderSpans } from "./placeholderSpans.js";

/** Characters before a placeholder that are read to fit the sentence; a bound, so that the work stays linear. */
const LOOK_BACK = 24;

/** Characters behind a placeholder that are read for the same. */
const LOOK_AHEAD = 24;

/** A title at the end of what stands before a placeholder. */
const TITLE = /(?:^|[^A-Za-z])(Mr\.? (?:and|&) Mrs|Mrs?|Ms|Miss|Drs?|Doctor|Prof(?:essor)?)\.? ?$/i;
/** Words that a date or a place leaves hanging. */
const PREPOSITION =
  /(^|[^A-Za-z])(?:on|in|at|from|to|until|till|since|by|dated|near|as of|of|between|through|before|after)(?: the)?[ \n]?$/i;
/** Words that a name leaves hanging. */
const PREPOSITION_OF_NAME = /(^|[^A-Za-z])(?:with|by|to|from|for|per|named|and|or)[ \n]?$/i;
/** Words that a telephone number leaves hanging. */
const PREPOSITION_OF_NUMBER = /(^|[^A-Za-z])(?:at|via|by|is)[ \n]?$/i;
const PATIENT = /(?:^|[^A-Za-z])(?:pt\.? ?|(?:patient|baby (?:girl|boy)|infant|newborn)[, (]{0,3})$/i;
const DETERMINER = /(?:^|[^A-Za-z])(?:the|a|an|this|that|our|your|his|her|their|another|outside) ?$/i;
const RELATIVE =
  /(?:^|[^A-Za-z])(?:wife|husband|spouse|partner|son|daughter|mother|father|brother|sister|niece|nephew|friend)[ ,:(]*$/i;
/** Verbs that need somebody behind them. */
const VERB =
  /(?:^|[^A-Za-z])(?:saw|sees?|seeing|paged|paging|called|calling|notified|informed|contacted|consulted|told|updated|asked)[ \n]$/i;
/** The article that stood in front of a number of years. */
const ARTICLE = /(^|[^A-Za-z])([Aa]) ?$/;
const SENTENCE_START = /(?:^|[.!?:]["')]? {1,2}|(?:^|\n) *[-#+] ?|(?:[^a-z,]|^)\n)$/;
const LETTER_OR_DIGIT = /[A-Za-z0-9]/;
const BETWEEN_PLACEHOLDERS = /^[ ,\n]{0,3}$/;
/** Between two dates, or the two names of an eponym. */
const BETWEEN_DATES = /^[ \n]{0,2}(?:[-\u2013/]{1,2}|to|and|until|through|thru|or)[ \n]{0,2}$/i;
const BETWEEN_NAMES = /^[-/]$/;
/** What is counted behind a range. */
const COUNTED =
  /^[ \n]?(?:days?|weeks?|wks?|months?|mos?|years?|yrs?|hours?|hrs?|minutes?|mins?|times|tablets?|tabs?|pills?|doses?|units?|puffs?|drinks?|beers?|glasses|packs?|cigarettes|ppd|liters?|episodes?|pillows?|blocks?|stairs|flights|pounds|lbs?)(?![A-Za-z])/i;
/** A dose or route; a hospital behind it was "BID", which the de-identification took for one. */
const DOSE =
  /(?:\d ?(?:mg|mcg|g|gm|ml|cc|meq|units?|puffs?|tabs?|tablets?|caps?|capsules?|drops?|gtts?)|(?:^|[^A-Za-z])(?:po|iv|sc|sq|im|pr|sl|ih|neb))[.,]? ?$/i;
/** What a place or hospital is only the name of. */
const NAMED_PLACE = /^ (?:assisted|nursing|rehab|clinic|facility|home|shelter|area|center|house|prison)(?![a-z])/i;
const NAMED_HOSPITAL = /^ (?:hosp(?:ital)?|medical center|med ctr)(?![a-z])/i;

/**
 * Takes out MIMIC-III's `[** ... **]` placeholders so that the sentence still reads.
 *
 * A hospital behind a dose or route goes: it was "BID". A patient's name, or Mr, Mrs, Ms with a name, becomes "the patient"; Dr with a name "the physician"; hospitals, wards and
 * units "the hospital", "the ward", "the unit"; "a [**Age over 90**] year old" is "an over 90 year old"; a range in front of
 * what it counts is "several", as its numbers are made up. Dates, places, other names and numbers go, and with them the
 * preposition and the empty brackets that they would leave. A marker without its counterpart goes alone. Neither `[**` nor
 * `**]` is left in the result, so the rule is idempotent.
 * @see Johnson et al. 2016, MIMIC-III, on its de-identification
 */
export const placeholders: TextRule = { name: "mimic/placeholders@4", apply: removePlaceholders };

function removePlaceholders(text: string): string {
  if (!text.includes("[**") && !text.includes("**]")) return text;
  const sentence = new Sentence();
  let at = 0;
  let before: PlaceholderKind | undefined;
  for (const { start, end, content } of placeholderSpans(text)) {
    const between = text.slice(at, start);
    const kind = content === undefined ? undefined : placeholderKind(content);
    // First and last name are one person.
    if (!sameThing(before, kind, between)) {
      sentence.copy(between);
      const behind = text.slice(end, end + LOOK_AHEAD);
      if (kind === undefined) sentence.separate();
      else if (isRange(content ?? "") && COUNTED.test(behind)) sentence.say("several");
      else sentence.replace(kind, behind);
    }
    before = kind;
    at = end;
  }
  sentence.copy(text.slice(at));
  return sentence.finish();
}

function sameThing(one: PlaceholderKind | undefined, other: PlaceholderKind | undefined, between: string): boolean {
  if (one === undefined || other === undefined) return false;
  const isName = (kind: PlaceholderKind) => kind === "name" || kind === "patient";
  const names = isName(one) && isName(other);
  if (one !== other && !names) return false;
  if (BETWEEN_PLACEHOLDERS.test(between)) return true;
  return one === "date" ? BETWEEN_DATES.test(between) : names && BETWEEN_NAMES.test(between);
}

/** The result as it grows. Only its last characters, and the first of what is copied next, are looked at or changed. */
class Sentence {
  readonly #parts: string[] = [];
  /** The last characters, not yet in `#parts`. */
  #tail = "";
  /** What stands at the end: copied text, a word for a placeholder, or the gap that one left. */
  #end: "text" | "word" | "gap" = "text";
  /** The gap is that of a person's name, and what stands before it may say who that is. */
  #gapOfName: "name" | "apposition" | undefined;
  #atSentenceStart = false;

  copy(text: string): void {
    if (text === "") return;
    if (this.#end === "gap") this.#append(this.#closeGap(text));
    else if (this.#end === "word" && LETTER_OR_DIGIT.test(text.charAt(0))) this.#append(` ${text}`);
    else this.#append(text);
    this.#end = "text";
  }

  /** In place of a marker without counterpart: its neighbours must not make a new one. */
  separate(): void {
    this.#append(" ");
  }

  /** @param behind the text that follows, as far as it matters */
  replace(kind: PlaceholderKind, behind: string): void {
    this.#gapOfName = kind === "name" || kind === "patient" ? "name" : undefined;
    if (kind === "age") this.#tail = this.#tail.replace(ARTICLE, "$1$2n ");
    const word = this.#wordFor(kind, behind);
    if (word !== "") {
      this.say(word);
      return;
    }
    this.#dropLeadIn(kind, behind);
    this.#end = "gap";
  }

  say(word: string): void {
    const space = /[A-Za-z.,]$/.test(this.#tail) ? " " : "";
    this.#append(`${space}${SENTENCE_START.test(this.#tail) ? capitalised(word) : word}`);
    this.#end = "word";
  }

  finish(): string {
    if (this.#end === "gap") this.#tail = this.#tail.replace(/[,;] ?$/, "");
    this.#parts.push(this.#tail);
    return this.#parts.join("");
  }

  /** What to say for a placeholder; takes a title off the tail where the word stands for it too. */
  #wordFor(kind: PlaceholderKind, behind: string): string {
    if (kind === "age") return "over 90";
    if (kind === "hospital" && this.#tail.endsWith("(") && behind.startsWith(")")) return "";
    if (kind === "hospital" && DOSE.test(this.#tail)) return "";
    if (kind === "hospital" && NAMED_HOSPITAL.test(behind)) return DETERMINER.test(this.#tail) ? "" : "the";
    if (kind === "hospital" || kind === "ward" || kind === "unit")
      return DETERMINER.test(this.#tail) ? kind : `the ${kind}`;
    return kind === "patient" || kind === "name" ? this.#person(kind) : "";
  }

  #person(kind: "patient" | "name"): string {
    const title = TITLE.exec(this.#tail)?.[1];
    if (title === undefined) {
      if (RELATIVE.test(this.#tail) || PATIENT.test(this.#tail)) return this.#apposition();
      if (kind === "patient") return "the patient";
      return VERB.test(this.#tail) ? "someone" : "";
    }
    this.#cut(this.#tail.lastIndexOf(title));
    if (/^drs/i.test(title)) return "the physicians";
    if (/^[dp]/i.test(title)) return "the physician";
    if (title.includes(" ")) return "the family";
    return RELATIVE.test(this.#tail) ? this.#apposition() : "the patient";
  }

  /** A name behind the word for its bearer: nothing, and no comma before it. */
  #apposition(): string {
    if (/, ?$/.test(this.#tail)) this.#gapOfName = "apposition";
    this.#tail = this.#tail.replace(/[ ,]{1,3}$/, "");
    return "";
  }

  /** Takes off what would lead to nothing. */
  #dropLeadIn(kind: PlaceholderKind, behind: string): void {
    const preposition = kind === "place" && NAMED_PLACE.test(behind) ? null : leadIn(kind).exec(this.#tail);
    if (preposition) this.#cut(preposition.index + (preposition[1] ?? "").length);
    // "#" in front of a number; at the start of a line it is that of an item.
    const number = /[^\n ] ?(# ?)$/.exec(this.#tail)?.[1];
    if (number !== undefined) this.#cut(this.#tail.length - number.length);
    this.#atSentenceStart = SENTENCE_START.test(this.#tail) && !PATIENT.test(this.#tail);
  }

  /** The text behind a gap, without the second blank, the empty brackets and the punctuation that hangs in the air. */
  #closeGap(behind: string): string {
    let text = behind;
    if (this.#atSentenceStart) return capitalised(text.replace(/^[ ,;:]{1,3}/, ""));
    if (/(?:\(|\[)$/.test(this.#tail) && text.startsWith(this.#tail.endsWith("(") ? ")" : "]")) {
      this.#cut(this.#tail.length - 1);
      return this.#closeGap(text.slice(1));
    }
    if (text.startsWith("\n")) this.#tail = this.#tail.replace(/[,;] ?$/, "");
    // The commas around a name go with it; of those around anything else one is left.
    const commaBefore = this.#gapOfName === "apposition" || (this.#gapOfName === "name" && /, ?$/.test(this.#tail));
    if (commaBefore && /^, [a-z]/.test(text)) {
      this.#tail = this.#tail.replace(/, ?$/, "");
      text = text.slice(1);
    } else if (/[,;] ?$/.test(this.#tail)) text = text.replace(/^ ?,/, "");
    if (this.#tail.endsWith(" ") && /^[ ,.;:)\n]/.test(text)) this.#cut(this.#tail.length - 1);
    // The gap may have brought together what makes a marker.
    return this.#tail.endsWith("[") || this.#tail.endsWith("*") ? ` ${text}` : text;
  }

  #append(text: string): void {
    const whole = this.#tail + text;
    const cut = Math.max(0, whole.length - LOOK_BACK);
    this.#parts.push(whole.slice(0, cut));
    this.#tail = whole.slice(cut);
  }

  #cut(length: number): void {
    this.#tail = this.#tail.slice(0, length);
  }
}

function leadIn(kind: PlaceholderKind): RegExp {
  if (kind === "date" || kind === "place") return PREPOSITION;
  return kind === "other" ? PREPOSITION_OF_NUMBER : PREPOSITION_OF_NAME;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
