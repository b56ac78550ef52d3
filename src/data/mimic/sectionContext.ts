import type { Header } from "./headers.js";
import { BEFORE_FINDINGS, type HeaderName, OPERATION_PARTS, REPORT_PARTS, STUDIES } from "./sectionNames.js";

/** Sections in whose items and sentences names of other sections occur: "2. Diabetes: better. Medications: see below." */
const ITEMISED: ReadonlySet<HeaderName> = new Set(["hospital_course", "assessment_and_plan", "discharge_instructions"]);
/** In a course or plan a disease ("PE: heparin") or a word more often than a header. */
const AMBIGUOUS: ReadonlySet<string> = new Set(["pe", "all", "sh", "data"]);
/** An item of a list at the start of a line, or a numbered one within it. */
const ITEM = /(?:^|\n) *(?:[#*\u2022=-]|\d{1,2}[.)])|[ :] \d{1,2}[.)] +[A-Z]/;

/**
 * Tells headers that begin a section from those that are a field or a part of the section that they stand in:
 *
 * 1. Inside imaging, studies ("CT ABDOMEN") and parts of their reports ("IMPRESSION") begin nothing.
 * 2. A header behind a number or sign, in a section whose own header has no such mark, is an item of that section when it is
 *    a hospital course, a plan or instructions, or when it has the name of that section. A discharge diagnosis and its like
 *    always end a hospital course.
 * 3. Inside a hospital course, a plan or instructions studies begin nothing. Of headers of one word those in the middle of a
 *    line begin a section only in capitals and before the first item of a list; those at its start in capitals, alone on
 *    their line, behind a blank line, or before the first item. Instructions have none that is not in capitals. "Plan"
 *    and its like begin a new one in an assessment without items.
 */
export class SectionContext {
  #header: Header | undefined;
  #items = false;
  #seenTo = 0;
  #operation = false;

  constructor(private readonly text: string) {}

  /**
   * Headers from here on stand in the section of this one.
   * @returns the name that the header has in its place
   */
  enter(header: Header): HeaderName {
    this.#operation ||= OPERATION_PARTS.has(header.spelling);
    const isReport = !this.#operation && BEFORE_FINDINGS.has(this.#header?.spelling ?? "");
    const name = header.spelling === "findings" && !isReport ? "other" : header.name;
    this.#header = { ...header, name };
    this.#items = false;
    this.#seenTo = header.end;
    return name;
  }

  /** True for what begins no section of its own. */
  isPart(header: Header): boolean {
    const around = this.#header;
    if (around === undefined) return false;
    const { name, spelling, mark } = header;
    const isStudy = STUDIES.has(spelling);
    if (around.name === "imaging" && (isStudy || REPORT_PARTS.has(spelling))) return true;
    const isItem = mark !== undefined && mark !== around.mark;
    if (isItem && around.mark === undefined && around.name === name && name !== "other") return true;
    if (!ITEMISED.has(around.name)) return false;
    if (around.name === "hospital_course" && name.startsWith("discharge_")) return false;
    if (isItem || isStudy || AMBIGUOUS.has(spelling)) return true;
    return !spelling.includes(" ") && this.#isField(header, around.name);
  }

  #isField(header: Header, around: HeaderName): boolean {
    const items = this.#itemsBefore(header.start);
    if (!header.first) return items || (!header.upper && header.name !== around);
    if (header.upper) return false;
    if (around === "discharge_instructions") return true;
    return items && !header.alone && !this.#behindBlankLine(header.start);
  }

  /** Each character of the section is looked at once, however many headers it has. */
  #itemsBefore(at: number): boolean {
    this.#items ||= ITEM.test(this.text.slice(this.#seenTo, at));
    this.#seenTo = at;
    return this.#items;
  }

  #behindBlankLine(at: number): boolean {
    return /\n *\n *$/.test(this.text.slice(Math.max(0, at - 8), at));
  }
}
