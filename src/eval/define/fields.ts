import { at, optionalText } from "../../data/formats/mapping.js";
import { isObject, recordError, type SourceRecord } from "../../data/formats/record.js";
import { indexField } from "../tasks/choiceRecords.js";
import { letterChoices } from "../tasks/lettered.js";
import type { ParsedTask } from "./schema.js";

type Choices = NonNullable<ParsedTask["choices"]>;
type Gold = ParsedTask["gold"];

/**
 * A field's text; a list's texts are joined by spaces.
 * @throws MediloraError `DATA_INVALID` naming place and field
 */
export function fieldText(record: SourceRecord, field: string): string {
  const text = optionalText(record, field);
  if (text === undefined) throw recordError(record.where, `field ${field} is missing`);
  return text;
}

/**
 * The choices of a question.
 * @throws MediloraError `DATA_INVALID` naming place and field
 */
export function choiceTexts(record: SourceRecord, { field, fields, fixed }: Choices): string[] {
  if (fixed !== undefined) return fixed;
  const choices =
    fields === undefined ? listed(record, field as string) : fields.map((name) => fieldText(record, name));
  const most = letterChoices(Number.POSITIVE_INFINITY).length;
  if (choices.length < 2 || choices.length > most)
    throw recordError(record.where, `there are ${choices.length} choices; a question has 2 to ${most}`);
  const blank = choices.findIndex((choice) => choice.trim() === "");
  if (blank >= 0) throw recordError(record.where, `choice ${blank + 1} is blank`);
  return choices;
}

/** A list, or an object with the keys A, B, ...; CSV has either as JSON text. */
function listed(record: SourceRecord, field: string): string[] {
  const found = at(record, field);
  const value = typeof found === "string" ? parsed(found) : found;
  const letters = isObject(value) ? Object.keys(value).sort() : [];
  const items =
    isObject(value) && letters.join() === letterChoices(letters.length).join()
      ? letters.map((key) => value[key])
      : value;
  if (Array.isArray(items) && items.every((item) => typeof item === "string" || typeof item === "number"))
    return items.map(String);
  throw recordError(record.where, `field ${field} must be a list of texts, or an object {A: text, B: text, ...}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The indexes of the right answers among `targets`: one, or as many as the field's list has.
 * @throws MediloraError `DATA_INVALID` naming place and field
 */
export function goldIndexes(record: SourceRecord, gold: Gold, targets: readonly string[]): number[] {
  const value = at(record, gold.field);
  if (value === undefined || value === null) throw recordError(record.where, `field ${gold.field} is missing`);
  return (Array.isArray(value) ? value : [value]).map((one: unknown) =>
    goldIndex({ ...record, value: { [gold.field]: one } }, gold, targets),
  );
}

function goldIndex(record: SourceRecord, { field, as, first }: Gold, targets: readonly string[]): number {
  if (as === "index") return indexField(record, field, targets.length, first);
  const text = fieldText(record, field).trim();
  const names = as === "letter" ? letterChoices(targets.length) : targets.map((target) => target.trim());
  const exact = names.flatMap((name, i) => (name === text ? [i] : []));
  const folded = names.flatMap((name, i) => (name.toLowerCase() === text.toLowerCase() ? [i] : []));
  const [index] = exact.length === 1 ? exact : folded;
  if (index !== undefined && (exact.length === 1 || folded.length === 1)) return index;
  const wanted = as === "letter" ? `a letter from A to ${names.at(-1)}` : "the text of exactly one of the answers";
  throw recordError(record.where, `field ${field} must be ${wanted}`);
}
