/**
 * Extraction of a label from a generated answer, by named and versioned rules.
 *
 * A rule never changes under its id: a result file names the rule, and a correction gets a new version.
 */
export interface ExtractionRule {
  /** `<task>/<rule>@<version>`; printed with every result. */
  readonly id: string;
  /** The label that the response gives, or null for an invalid response. */
  extract(response: string): string | null;
}

// Spelt out instead of the `i` flag: with `u`, case folding would also let the long s of "yeſ" pass.
// A combining mark after the word makes another letter of its last one, so it ends no word either.
const PUBMEDQA_STRICT = /^\s*([yY][eE][sS]|[nN][oO]|[mM][aA][yY][bB][eE])(?![\p{L}\p{M}\p{N}_])/u;

/**
 * PubMedQA: the response, after leading white space, starts with yes, no or maybe, in any case, at a word boundary.
 *
 * Boundary: the next character is no letter, combining mark, digit (all in the Unicode sense) or underscore, or the
 * response ends there. So "Yes." and "yes-man" give yes; "nordic", "no1", "no_" and "noć" give null. Nothing
 * but white space may stand before the word: "**Yes**", "(yes)" and "Answer: yes" are invalid.
 */
export const pubmedqaStrict: ExtractionRule = {
  id: "pubmedqa/strict@1",
  extract(response) {
    return PUBMEDQA_STRICT.exec(response)?.[1]?.toLowerCase() ?? null;
  },
};

/**
 * MedQA: the first three characters of the response, after leading white space, are one of (A) (B) (C) (D), and (E)
 * with 5 options. Upper case and ASCII only; what follows does not matter.
 *
 * The id is the same for both sets: the task names the number of options.
 * @returns a rule that gives the bare letter
 */
export function medqaPrefix3(options: 4 | 5): ExtractionRule {
  const pattern = options === 5 ? /^\s*\(([A-E])\)/ : /^\s*\(([A-D])\)/;
  return {
    id: "medqa/prefix3@1",
    extract: (response) => pattern.exec(response)?.[1] ?? null,
  };
}
