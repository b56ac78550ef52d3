import { findHeaders } from "./headers.js";
import { type HeaderName, IMAGING_PARTS, SECTION_TITLES, type SectionName } from "./sectionNames.js";

/** Name and version of {@link findSections} with {@link mergeSections}. */
export const SECTIONS_RULE = "mimic/sections@1";

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
  for (const { name, spelling, start, end } of findHeaders(text)) {
    // "PHYSICAL" alone on its line was the first half of "PHYSICAL EXAMINATION:".
    if (start < (sections.at(-1)?.bodyStart ?? 0)) sections.pop();
    const last = sections.at(-1);
    if (last?.name === "imaging" && IMAGING_PARTS.has(spelling)) continue;
    if (last !== undefined) last.end = start;
    sections.push({ name, start, bodyStart: end, end: text.length });
  }
  return sections;
}

/**
 * The sections of these names, in the note's order, each under its title on a line of its own and with a blank line between
 * them. A section that goes straight on in another one of its name gets no second title. Without any, the result is empty.
 */
export function mergeSections(text: string, sections: readonly Section[], kept: ReadonlySet<SectionName>): string {
  const parts: string[] = [];
  let last: HeaderName | undefined;
  for (const { name, bodyStart, end } of sections) {
    if (!isKept(name, kept)) {
      last = undefined;
      continue;
    }
    const body = trimBody(text.slice(bodyStart, end));
    if (body === "") continue;
    parts.push(last === name ? body : `${SECTION_TITLES[name]}:\n${body}`);
    last = name;
  }
  return parts.join("\n\n");
}

export function isKept(name: HeaderName, kept: ReadonlySet<SectionName>): name is SectionName {
  return name !== "other" && kept.has(name);
}

/** Without the blanks and the punctuation that stood between header and text. */
function trimBody(body: string): string {
  let start = 0;
  while (start < body.length && " \n,;".includes(body.charAt(start))) start += 1;
  let end = body.length;
  while (end > start && " \n".includes(body.charAt(end - 1))) end -= 1;
  return body.slice(start, end);
}
