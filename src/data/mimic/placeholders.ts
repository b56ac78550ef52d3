import type { TextRule } from "../text/rule.js";
import { type PlaceholderKind, placeholderKind } from "./placeholderKinds.js";
import { placeholderSpans } from "./placeholderSpans.js";

/** Characters before a placeholder that are read to fit the sentence; a bound, so that the work stays linear. */
const LOOK_BACK = 40;

/** A title at the end of what stands before a placeholder. */
const TITLE = /(?:^|[^A-Za-z])(Mrs?|Ms|Miss|Drs?|Doctor|Prof(?:essor)?)\.? ?$/i;
/** Words that a date or a place leaves hanging. */
const PREPOSITION = /(^|[^A-Za-z])(?:on|in|at|from|to|until|till|since|by|dated|near|of)(?: the)?[ \n]?$/i;
/** Words that a name leaves hanging. */
const PREPOSITION_OF_NAME = /(^|[^A-Za-z])(?:with|by|to|from|for|per|named|and|or)[ \n]?$/i;
const PATIENT = /(?:^|[^A-Za-z])(?:patient|pt)\.? ?$/i;
const DETERMINER = /(?:^|[^A-Za-z])(?:the|a|an|this|that|our|your|his|her|their|another|outside) ?$/i;
const RELATIVE =
  /(?:^|[^A-Za-z])(?:wife|husband|spouse|partner|son|daughter|mother|father|brother|sister|niece|nephew|friend)[ ,:(]*$/i;
/** The article that stood in front of a number of years. */
const ARTICLE = /(^|[^A-Za-z])([Aa]) ?$/;
const SENTENCE_START = /(?:^|[.!?:]["')]? {1,2}|\n)$/;
const LETTER_OR_DIGIT = /[A-Za-z0-9]/;
const BETWEEN_PLACEHOLDERS = /^[ ,\n]{0,3}$/;

/**
 * Takes out MIMIC-III's `[** ... **]` placeholders so that the sentence still reads.
 *
 * A patient's name, or Mr, Mrs, Ms with a name, becomes "the patient"; Dr with a name "the physician"; hospitals and wards
 * "the hospital", "the ward"; "a [**Age over 90**] year old" is "an over 90 year old". Dates, places, other names and numbers go, and with them the
 * preposition and the empty brackets that they would leave. A marker without its counterpart goes alone. Neither `[**` nor
 * `**]` is left in the result, so the rule is idempotent.
 * @see Johnson et al. 2016, MIMIC-III, on its de-identification
 */
export const placeholders: TextRule = { name: "mimic/placeholders@2", apply: removePlaceholders };

function removePlaceholders(text: string): string {
  if (!text.includes("[**") && !text.includes("**]")) return text;
  const sentence = new Sentence();
  let at = 0;
  let before: PlaceholderKind | undefined;
  for (const { start, end, content } of placeholderSpans(text)) {
    const between = text.slice(at, start);
    const kind = content === undefined ? undefined : placeholderKind(content);
    // First and last name are one person.
    const sameAsBefore = sameThing(before, kind) && BETWEEN_PLACEHOLDERS.test(between);
    if (!sameAsBefore) {
      sentence.copy(between);
      if (kind === undefined) sentence.separate();
      else sentence.replace(kind);
    }
    before = kind;
    at = end;
  }
  sentence.copy(text.slice(at));
  return sentence.finish();
}

function sameThing(one: PlaceholderKind | undefined, other: PlaceholderKind | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  const isName = (kind: PlaceholderKind) => kind === "name" || kind === "patient";
  return one === other || (isName(one) && isName(other));
}

/** The result as it grows. Only its last characters, and the first of what is copied next, are looked at or changed. */
class Sentence {
  readonly #parts: string[] = [];
  /** The last characters, not yet in `#parts`. */
  #tail = "";
  /** What stands at the end: copied text, a word for a placeholder, or the gap that one left. */
  #end: "text" | "word" | "gap" = "text";
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

  replace(kind: PlaceholderKind): void {
    if (kind === "age") this.#tail = this.#tail.replace(ARTICLE, "$1$2n ");
    const word = this.#wordFor(kind);
    if (word === "") {
      this.#dropLeadIn(kind);
      this.#end = "gap";
      return;
    }
    const space = /[A-Za-z.,]$/.test(this.#tail) ? " " : "";
    this.#append(`${space}${SENTENCE_START.test(this.#tail) ? capitalised(word) : word}`);
    this.#end = "word";
  }

  finish(): string {
    this.#parts.push(this.#tail);
    return this.#parts.join("");
  }

  /** What to say for a placeholder; takes a title off the tail where the word stands for it too. */
  #wordFor(kind: PlaceholderKind): string {
    if (kind === "age") return "over 90";
    if (kind === "hospital" || kind === "ward") return DETERMINER.test(this.#tail) ? kind : `the ${kind}`;
    if (kind !== "patient" && kind !== "name") return "";
    const title = TITLE.exec(this.#tail)?.[1];
    if (title === undefined && (kind === "name" || PATIENT.test(this.#tail))) return "";
    if (title !== undefined) this.#cut(this.#tail.lastIndexOf(title));
    if (title !== undefined && /^[dp]/i.test(title)) return "the physician";
    if (!RELATIVE.test(this.#tail)) return "the patient";
    this.#tail = this.#tail.replace(/[ ,]{1,3}$/, "");
    return "";
  }

  /** Takes off what would lead to nothing. */
  #dropLeadIn(kind: PlaceholderKind): void {
    if (kind !== "other") {
      const preposition = (kind === "date" || kind === "place" ? PREPOSITION : PREPOSITION_OF_NAME).exec(this.#tail);
      if (preposition) this.#cut(preposition.index + (preposition[1] ?? "").length);
    }
    if (this.#tail.endsWith("#")) this.#cut(this.#tail.length - 1);
    this.#atSentenceStart = SENTENCE_START.test(this.#tail);
  }

  /** The text behind a gap, without the second blank, the empty brackets and the punctuation that hangs in the air. */
  #closeGap(behind: string): string {
    let text = behind;
    if (this.#atSentenceStart) return capitalised(text.replace(/^[ ,;:]{1,3}/, ""));
    if (/(?:\(|\[)$/.test(this.#tail) && text.startsWith(this.#tail.endsWith("(") ? ")" : "]")) {
      this.#cut(this.#tail.length - 1);
      return this.#closeGap(text.slice(1));
    }
    // Of the two commas around what went, one is left.
    if (/[,;] ?$/.test(this.#tail)) text = text.replace(/^ ?,/, "");
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

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
