import { suggest } from "../config/suggest.js";
import { MediloraError } from "../errors.js";
import { IDENTIFIER_RULES, type IdentifierRule, identifierRuleId } from "./identifierRules.js";
import { checkNamedOnce, type FileSource, fileSource } from "./manifest.js";
import { type ProgressOptions, ProgressReport } from "./progress.js";
import { checkNotEmpty, readRows } from "./rows.js";
import { rowTexts } from "./textRow.js";

/** Stands with every report. */
export const IDENTIFIER_NOTICE =
  "This is not a de-identification tool. It finds what has the form of some identifiers; it misses others, such as names " +
  "without a title, and takes harmless text for them. A report without matches does not mean that the text is " +
  "de-identified.";

export interface IdentifierMatch {
  file: string;
  /** Id of the row. */
  row: string;
  /** Name of the rule. */
  rule: string;
  /** The text that was found: it may identify a person. */
  text: string;
}

export interface IdentifierOptions extends ProgressOptions {
  /** Files of training rows. */
  inputs: readonly string[];
  /** Gets each match with its text. */
  onMatch?: (match: IdentifierMatch) => void;
}

export interface RuleCount {
  /** `<name>@<version>`. */
  rule: string;
  matches: number;
  /** Rows with at least one match. */
  rows: number;
}

export interface IdentifierReport {
  notice: string;
  files: FileSource[];
  rows: number;
  /** Every rule, also those without a match. */
  rules: RuleCount[];
}

/**
 * Counts what looks like identifiers in training rows, rule by rule. The report holds no text of the data. Memory holds
 * one row.
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_EMPTY` for a file without rows, of which nothing can be said,
 *   and what {@link readRows} throws
 */
export async function scanIdentifiers(options: IdentifierOptions): Promise<IdentifierReport> {
  const { inputs, onMatch } = options;
  if (inputs.length === 0) throw new MediloraError("ARGUMENT_INVALID", "inputs is empty: name at least one file.");
  checkNamedOnce(inputs);
  const counts = IDENTIFIER_RULES.map((rule) => ({ rule: identifierRuleId(rule), matches: 0, rows: 0 }));
  const progress = new ProgressReport("read", options);
  for (const file of inputs) {
    const before = progress.rows;
    for await (const row of readRows(file)) {
      progress.add();
      const texts = rowTexts(row);
      for (const [index, rule] of IDENTIFIER_RULES.entries()) {
        const found = texts.flatMap((text) => findIdentifiers(rule, text));
        const count = counts[index] as RuleCount;
        count.matches += found.length;
        if (found.length > 0) count.rows += 1;
        for (const text of found) onMatch?.({ file, row: row.id, rule: rule.name, text });
      }
    }
    checkNotEmpty(file, progress.rows - before);
  }
  progress.end();
  return {
    notice: IDENTIFIER_NOTICE,
    files: await Promise.all(inputs.map(fileSource)),
    rows: progress.rows,
    rules: counts,
  };
}

/**
 * The parts of a text that a rule finds, in their order. Of parts that overlap, which several patterns found, the first and
 * longest counts. Takes time proportional to the text, but for sorting what was found.
 */
export function findIdentifiers(rule: IdentifierRule, text: string): string[] {
  const matches = rule.patterns
    .flatMap((pattern) => [...text.matchAll(pattern)].filter((match) => rule.accepts?.(match) ?? true))
    .sort((a, b) => a.index - b.index || b[0].length - a[0].length);
  let end = 0;
  return matches.flatMap(({ 0: found, index }) => {
    if (index < end) return [];
    end = index + found.length;
    return [found];
  });
}

/**
 * Refuses data in which one of the named rules has a match.
 * @param names of rules, or `all`
 * @throws MediloraError `DATA_INVALID` with the counts by rule, without text; `ARGUMENT_INVALID` for an unknown name
 */
export function failOnIdentifiers(report: IdentifierReport, names: readonly string[]): void {
  const wanted = checkRuleNames(names);
  const found = report.rules.filter(({ rule, matches }) => matches > 0 && wanted.includes(rule));
  if (found.length === 0) return;
  const list = found.map(({ rule, matches, rows }) => `${rule}: ${matches} in ${rows} rows`).join("; ");
  throw new MediloraError("DATA_INVALID", `Possible identifiers found (${list}). Remove them, or fail on other rules.`);
}

/**
 * The rules that are meant, as `<name>@<version>`.
 * @throws MediloraError `ARGUMENT_INVALID` for an unknown name, with the one that was probably meant
 */
export function checkRuleNames(names: readonly string[]): string[] {
  const known = IDENTIFIER_RULES.map(({ name }) => name);
  for (const name of names) {
    if (name === "all" || known.includes(name)) continue;
    const near = suggest(name, known);
    const hint = near === undefined ? `Known rules: all, ${known.join(", ")}.` : `Did you mean ${near}?`;
    throw new MediloraError("ARGUMENT_INVALID", `There is no identifier rule ${name}. ${hint}`);
  }
  return IDENTIFIER_RULES.filter(({ name }) => names.includes("all") || names.includes(name)).map(identifierRuleId);
}
