/** What a placeholder of MIMIC-III stands for, as far as the sentence around it needs to know. */
export type PlaceholderKind = "age" | "date" | "patient" | "name" | "hospital" | "ward" | "unit" | "place" | "other";

/**
 * Tried in this order: "Hospital Ward Name" is a ward and no name, "Holiday" a date, "Street Address(2)" a place, "Name10 (NameIs)" a
 * name. MIMIC-III calls the patient's own names "Known firstname" and "Known lastname".
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
  ["date", ["date", "month", "day", "year", "holiday"]],
];

/** `5-7`: a day of a month, or a range of numbers that the de-identification took for one. Its numbers are made up. */
const RANGE = /^\d{1,2}-\d{1,2}$/;
const NUMERIC_DATE = /^[\d\s/-]+$/;

/** @param content between `[**` and `**]` */
export function placeholderKind(content: string): PlaceholderKind {
  if (NUMERIC_DATE.test(content)) return "date";
  const text = content.toLowerCase();
  return KINDS.find(([, words]) => words.some((word) => text.includes(word)))?.[0] ?? "other";
}

export function isRange(content: string): boolean {
  return RANGE.test(content.trim());
}
