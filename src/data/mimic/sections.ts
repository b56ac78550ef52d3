import { findHeaders } from "./headers.js";
import { SectionContext } from "./sectionContext.js";
import type { HeaderName, SectionName } from "./sectionNames.js";

/** Name and version of {@link findSections} with {@link mergeSections}. */
export const SECTIONS_RULE = "mimic/sections@2";

/** A section of a note, in UTF-16 offsets: its header starts at `start`, its text runs from `bodyStart` to `end`. */
export interface Section {
  name: HeaderName;
  start: number;
  bodyStart: number;
  end: number;
}

/** The sections of a note in order. What stands before the first header belongs to none. */
export function findSections(text: string): Section[] {
  const sections: Section[] = [];
  const context = new SectionContext(text);
  for (const header of findHeaders(text)) {
    const { start, end } = header;
    // "PHYSICAL" alone on its line was the first half of "PHYSICAL EXAMINATION:".
    const isSecondHalf = start < (sections.at(-1)?.bodyStart ?? 0);
    if (isSecondHalf) sections.pop();
    else if (context.isPart(header)) continue;
    const last = sections.at(-1);
    if (last !== undefined) last.end = start;
    sections.push({ name: context.enter(header), start, bodyStart: end, end: text.length });
  }
  return sections;
}

/**
 * The sections of these names in the note's order, with a blank line between them, each behind its header as the note has
 * it ("ADMISSION LABS:" says more than a common title would), on a line of its own. Without any, the result is empty.
 */
export function mergeSections(text: string, sections: readonly Section[], kept: ReadonlySet<SectionName>): string {
  const parts: string[] = [];
  for (const { name, start, bodyStart, end } of sections) {
    if (!isKept(name, kept)) continue;
    const body = trimBody(text.slice(bodyStart, end));
    if (body !== "") parts.push(`${heading(text.slice(start, bodyStart))}:\n${body}`);
  }
  return parts.join("\n\n");
}

export function isKept(name: HeaderName, kept: ReadonlySet<SectionName>): name is SectionName {
  return name !== "other" && kept.has(name);
}

/** On one line, also where the note wrapped it, and without the number, signs, colon or dash around it. */
function heading(header: string): string {
  return header
    .replace(/[\n ]+/g, " ")
    .replace(/^(?:\d{1,2}[.)]|[#*=_>\u2022-]{1,4}) ?/, "")
    .replace(/[: *=_#-]{1,12}$/, "");
}

/** Without the blanks and commas behind the header. */
function trimBody(body: string): string {
  let start = 0;
  while (start < body.length && " \n,;".includes(body.charAt(start))) start += 1;
  return body.slice(start, Math.max(start, trimmedEnd(body, body.length)));
}

function trimmedEnd(text: string, end: number): number {
  let at = end;
  while (at > 0 && " \n".includes(text.charAt(at - 1))) at -= 1;
  return at;
}
