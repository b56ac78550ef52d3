import { RE2JS } from "re2js";
import { type ExtractionRule, medqaPrefix3, pubmedqaStrict } from "../extraction.js";
import { letterChoices } from "../tasks/lettered.js";
import type { ParsedGeneration } from "./schema.js";
import { parseTemplate, template } from "./template.js";

type Definition = Pick<ParsedGeneration, "name" | "version" | "labels" | "extract">;

/**
 * What is wrong with a rule, for the message.
 * @returns sentences that begin with the key; none for a good rule
 */
export function checkExtraction({ labels, extract }: Pick<Definition, "labels" | "extract">): string[] {
  const { rule, form, pattern } = extract;
  const problems: string[] = [];
  const folded = labels.map((label) => label.trim().toLowerCase());
  if (new Set(folded).size !== labels.length)
    problems.push("labels: two are equal but for case and blanks. Make them differ.");
  for (const [key, value, owner] of [
    ["form", form, "prefix"],
    ["pattern", pattern, "pattern"],
  ] as const) {
    if (rule === owner && value === undefined) problems.push(`extract.${key}: is missing; rule ${owner} needs it.`);
    if (rule !== owner && value !== undefined) problems.push(`extract.${key}: is only for rule ${owner}. Remove it.`);
  }
  const needed = {
    "pubmedqa/strict@1": [["yes", "no", "maybe"]],
    "medqa/prefix3@1": [letterChoices(4), letterChoices(5)],
  };
  const sets = rule in needed ? needed[rule as keyof typeof needed] : undefined;
  const own = [...labels].sort().join();
  if (sets !== undefined && !sets.some((set) => [...set].sort().join() === own))
    problems.push(`labels: rule ${rule} reads ${sets.map((set) => set.join(", ")).join(" or ")}. Use these labels.`);
  if (form !== undefined) problems.push(...checkForm(form));
  if (pattern !== undefined) problems.push(...checkPattern(pattern));
  return problems;
}

function checkForm(form: string): string[] {
  const parsed = parseTemplate(form);
  if ("problem" in parsed) return [`extract.form: ${parsed.problem}.`];
  return parsed.names.join() === "label" ? [] : ["extract.form: must hold {{label}} once, and no other {{name}}."];
}

function checkPattern(pattern: string): string[] {
  try {
    const groups = RE2JS.compile(pattern).groupCount();
    return groups === 1
      ? []
      : [`extract.pattern: must have one group, the label; it has ${groups}. Use (?: ) for others.`];
  } catch {
    return ["extract.pattern: is no regular expression of RE2 (no look-around and no back-references)."];
  }
}

/**
 * The rule of a definition that was checked. All read the beginning of an answer, after white space, in linear time:
 * - `starts_with`: a label in any case, at a word's end, the longest that fits;
 * - `prefix`: `form` with a label for `{{label}}`, as it is written, the longest label that fits;
 * - `pattern`: an RE2 expression, matched at the beginning; its group is the label, in any case;
 * - the rules of the built-in benchmarks by their ids.
 */
export function extractionOf({ name, version, labels, extract }: Definition): ExtractionRule {
  const { rule } = extract;
  if (rule === "pubmedqa/strict@1") return pubmedqaStrict;
  if (rule === "medqa/prefix3@1") return medqaPrefix3(labels.length as 4 | 5);
  const read = { starts_with: startsWith, prefix, pattern }[rule](labels, extract);
  return { id: `${name}/${rule}@${version}`, extract: (response) => read(response.trimStart()) };
}

type Reader = (response: string) => string | null;

const WORD_GOES_ON = /^[\p{L}\p{M}\p{N}_]/u;

function startsWith(labels: readonly string[]): Reader {
  const candidates = longestFirst(labels);
  return (response) =>
    candidates.find(
      (label) =>
        equalsFolded(response.slice(0, label.length), label) && !WORD_GOES_ON.test(response.slice(label.length)),
    ) ?? null;
}

function prefix(labels: readonly string[], { form }: Definition["extract"]): Reader {
  const { render } = template(form as string);
  const beginnings = longestFirst(labels).map((label) => ({ label, text: render(() => label) }));
  return (response) => beginnings.find(({ text }) => response.startsWith(text))?.label ?? null;
}

function pattern(labels: readonly string[], { pattern: source }: Definition["extract"]): Reader {
  const expression = RE2JS.compile(source as string);
  return (response) => {
    const matcher = expression.matcher(response);
    const found = matcher.lookingAt() ? matcher.group(1)?.trim() : undefined;
    return found === undefined ? null : (labels.find((label) => equalsFolded(found, label.trim())) ?? null);
  };
}

function longestFirst(labels: readonly string[]): string[] {
  return [...labels].sort((a, b) => b.length - a.length);
}

function equalsFolded(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
