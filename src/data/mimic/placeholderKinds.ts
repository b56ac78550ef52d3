/** What a placeholder of MIMIC-III stands for, as far as the sentence around it needs to know. */
export type PlaceholderKind = "age" | "date" | "patient" | "name" | "hospital" | "ward" | "unit" | "place" | "other";

/**
 * Tried in this order: "Hospital Ward Name" is a ward and no name, "Street Address(2)" a place, "Name10 (NameIs)" a name.
 * MIMIC-III calls the patient's own names "Known firstname" and "Known lastname".
 */
const KINDS: ReadonlyArray<readonly [PlaceholderKind, readonly string[]]> = [
  ["age", ["age over"]],
  ["ward", ["ward"]],
  ["unit", ["unit name"]],
  ["hospital", ["hospital"]],
  ["place", ["location", "state", "country", "street", "address", "city", "town", "university", "company", "po box"]],
  ["other", ["telephone", "fax", "number", "identifier", "mail", "url", "username"]],
  ["patient", ["known"]],
  ["name", ["name", "initials", "attending", "doctor", "dictator"]],
  ["date", ["date", "month", "day", "year"]],
];

/** `5-7`: a day of a month, or a range of numbers that the de-identification took for one. Its numbers are made up. */
const RANGE = /^\d{1,2}-\d{1,2}$/;
const NUMERIC_DATE = /^[\d\s/-]+$/;

/** Kinds by what stands before the number; MIMIC-III has some hundred such names. */
const known = new Map<string, PlaceholderKind>();
const MAX_KNOWN = 1000;

/** @param content between `[**` and `**]` */
export function placeholderKind(content: string): PlaceholderKind {
  if (NUMERIC_DATE.test(content)) return "date";
  const text = withoutNumber(content).toLowerCase();
  const before = known.get(text);
  if (before !== undefined) return before;
  const kind = KINDS.find(([, words]) => words.some((word) => text.includes(word)))?.[0] ?? "other";
  // A copy: a piece of a string keeps the whole note in memory.
  if (known.size < MAX_KNOWN) known.set(` ${text}`.slice(1), kind);
  return kind;
}

function withoutNumber(content: string): string {
  let end = content.length;
  while (end > 0 && content.charCodeAt(end - 1) <= 0x39) end -= 1;
  return content.slice(0, end);
}

export function isRange(content: string): boolean {
  return RANGE.test(content.trim());
}
