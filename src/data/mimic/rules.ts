import { blanks } from "../text/blanks.js";
import { characters } from "../text/characters.js";
import { applyRules, type TextRule } from "../text/rule.js";
import { brackets } from "./brackets.js";
import { fields } from "./fields.js";
import { lists } from "./lists.js";
import { placeholders } from "./placeholders.js";
import { rulers } from "./rulers.js";
import type { SectionName } from "./sectionNames.js";
import { findSections, isKept, mergeSections, SECTIONS_RULE } from "./sections.js";
import { wraps } from "./wraps.js";

/** Names of the sections to keep; `whole` keeps all of a note, for those without headers. */
export type KeptSections = ReadonlySet<SectionName> | "whole";

/**
 * What comes before the sections are cut out. Lines are joined while they have the length that they were wrapped at, and
 * headers are found in text without placeholders.
 */
const BEFORE: readonly TextRule[] = [characters, fields, rulers, lists, wraps, placeholders, brackets];
const AFTER: readonly TextRule[] = [blanks];

export const MIMIC_RULES: readonly TextRule[] = [...BEFORE, ...AFTER];

export interface CleanNote {
  /** Empty when the note has none of the sections. */
  text: string;
  /** Kept sections in the note's order; empty with `whole`. */
  sections: SectionName[];
}

/** Names of the rules that {@link cleanNote} applies, in order. */
export function mimicRuleNames(kept: KeptSections): string[] {
  const names = (rules: readonly TextRule[]) => rules.map(({ name }) => name);
  return [...names(BEFORE), ...(kept === "whole" ? [] : [SECTIONS_RULE]), ...names(AFTER)];
}

/**
 * Cleans one note of MIMIC-III.
 * @param onStep called after each rule with its name and the text as it is then
 */
export function cleanNote(text: string, kept: KeptSections, onStep?: (rule: string, text: string) => void): CleanNote {
  const step = ({ name }: TextRule, after: string) => onStep?.(name, after);
  let current = applyRules(text, BEFORE, step);
  const sections: SectionName[] = [];
  if (kept !== "whole") {
    const found = findSections(current);
    for (const { name } of found) if (isKept(name, kept)) sections.push(name);
    current = mergeSections(current, found, kept);
    onStep?.(SECTIONS_RULE, current);
  }
  return { text: applyRules(current, AFTER, step), sections };
}

/** A note before, after each rule, and after, to read. It holds the note's text. */
export function explainNote(text: string, kept: KeptSections): string {
  const steps = [`== the note: ${text.length} characters\n${text}`];
  let before = text;
  const { text: result } = cleanNote(text, kept, (name, after) => {
    steps.push(after === before ? `== ${name}: no change` : `== ${name}: ${after.length} characters\n${after}`);
    before = after;
  });
  return [...steps, `== the result: ${result.length} characters\n${result}`].join("\n\n");
}
