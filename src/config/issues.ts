import { z } from "zod";
import { MediloraError } from "../errors.js";
import { suggest } from "./suggest.js";

export type Keys = Record<string, unknown>;

/** All problems of a file in one error. */
export function configError(source: string, problems: readonly string[]): MediloraError {
  const heading = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new MediloraError(
    "CONFIG_INVALID",
    `${source} has ${heading}:\n${problems.map((one) => `- ${one}`).join("\n")}`,
  );
}

/** One line for each problem: the key's path, what is expected and what was found; an unknown key with the nearest one. */
export function describeIssues(error: z.ZodError, input: unknown, schema: z.ZodType): string[] {
  return error.issues.flatMap((issue) => describeIssue(issue, input, schema));
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown, schema: z.ZodType): string[] {
  const where = pathText(issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => describeUnknownKey(key, { path: issue.path, input, schema }));
  const got = valueAt(input, issue.path);
  if (got === undefined || got === null) return [`${where}: is missing.${helpOf(issue.path, input, schema)}`];
  const allowed = allowedTexts(issue, input, schema);
  const near = typeof got === "string" ? suggest(got, allowed) : undefined;
  const hint = near === undefined ? "" : ` Did you mean ${near}?`;
  return [`${where}: expected ${expectedText(issue, allowed)}, got ${describe(got)}.${hint}`];
}

function expectedText(issue: z.core.$ZodIssue, allowed: readonly string[]): string {
  const noun = ({ array: "list elements", string: "characters" } as Record<string, string>)[
    "origin" in issue ? String(issue.origin) : ""
  ];
  switch (issue.code) {
    case "invalid_type":
      return expectedType(issue.expected);
    case "invalid_value":
      return allowed.join(" or ");
    case "too_small":
      return `${issue.inclusive ? "at least" : "more than"} ${issue.minimum}${noun ? ` ${noun}` : ""}`;
    case "too_big":
      return `${issue.inclusive ? "at most" : "less than"} ${issue.maximum}${noun ? ` ${noun}` : ""}`;
    case "invalid_union":
      return allowed.length > 0
        ? allowed.join(" or ")
        : issue.errors.map(([first]) => (first ? expectedText(first, literals(first)) : "another value")).join(" or ");
    default:
      return "another value";
  }
}

function expectedType(name: string): string {
  const names: Record<string, string> = {
    int: "an integer",
    number: "a finite number",
    string: "a text",
    boolean: "true or false",
    array: "a list",
    object: "keys and values",
    record: "keys and values",
  };
  return names[name] ?? name;
}

function literals(issue: z.core.$ZodIssue): string[] {
  return issue.code === "invalid_value" ? issue.values.map(String) : [];
}

function allowedTexts(issue: z.core.$ZodIssue, input: unknown, schema: z.ZodType): string[] {
  if (issue.code !== "invalid_union" || !("discriminator" in issue)) return literals(issue);
  const union = schemaAt(schema, issue.path.slice(0, -1), input);
  return union instanceof z.ZodDiscriminatedUnion ? optionsOf(union).map(([value]) => value) : [];
}

interface UnknownKey {
  path: PropertyKey[];
  input: unknown;
  schema: z.ZodType;
}

function describeUnknownKey(key: string, { path, input, schema }: UnknownKey): string {
  const where = pathText([...path, key.slice(0, 80)]);
  const at = schemaAt(schema, path, input);
  if (at instanceof z.ZodDiscriminatedUnion) {
    const owners = optionsOf(at).filter(([, option]) => Object.hasOwn(option.shape, key));
    if (owners.length > 0)
      return `${where}: is only for ${discriminatorOf(at)}: ${owners.map(([value]) => value).join(" or ")}. Remove it.`;
  }
  const near = suggest(key, knownKeys(at, valueAt(input, path)));
  return `${where}: is no known key. ${near === undefined ? "Remove it." : `Did you mean ${near}?`}`;
}

function knownKeys(schema: z.ZodType | undefined, value: unknown): string[] {
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const option = optionFor(schema, value);
    const options = option === undefined ? optionsOf(schema).map(([, each]) => each) : [option];
    return [...new Set(options.flatMap(({ shape }) => Object.keys(shape)))];
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function helpOf(path: PropertyKey[], input: unknown, schema: z.ZodType): string {
  const [key] = path.slice(-1);
  const parent = schemaAt(schema, path.slice(0, -1), input);
  const object =
    parent instanceof z.ZodDiscriminatedUnion ? optionFor(parent, valueAt(input, path.slice(0, -1))) : parent;
  const field = object instanceof z.ZodObject ? (object.shape[String(key)] as z.ZodType | undefined) : undefined;
  return field?.description ? ` ${field.description}` : "";
}

/** The schema of the value at a path; of several kinds of it the union. */
function schemaAt(schema: z.ZodType, path: PropertyKey[], input: unknown): z.ZodType | undefined {
  let at: z.ZodType | undefined = unwrapped(schema);
  let value = input;
  for (const part of path) {
    const object: z.ZodType | undefined = at instanceof z.ZodDiscriminatedUnion ? optionFor(at, value) : at;
    if (object instanceof z.ZodObject) at = object.shape[String(part)] as z.ZodType | undefined;
    else if (object instanceof z.ZodArray) at = object.element as z.ZodType;
    else if (object instanceof z.ZodRecord) at = object.valueType as z.ZodType;
    else return undefined;
    at = at && unwrapped(at);
    value = (value as Keys | undefined | null)?.[part as string];
  }
  return at;
}

function unwrapped(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return unwrapped(schema.unwrap() as z.ZodType);
  return schema;
}

type Union = z.ZodDiscriminatedUnion;

function discriminatorOf(union: Union): string {
  return union.def.discriminator;
}

function optionsOf(union: Union): Array<[value: string, option: z.ZodObject]> {
  return (union.options as z.ZodObject[]).map((option) => [
    String((option.shape[discriminatorOf(union)] as z.ZodLiteral).value),
    option,
  ]);
}

function optionFor(union: Union, value: unknown): z.ZodObject | undefined {
  const wanted = (value as Keys | undefined | null)?.[discriminatorOf(union)];
  return optionsOf(union).find(([name]) => name === wanted)?.[1];
}

function pathText(path: PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

function valueAt(input: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>((value, part) => (value as Keys | undefined | null)?.[part as string], input);
}

/** Kind of a value, and the value itself where it is a number, a boolean or one short word. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return "empty";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string")
    return /^[\w.-]{1,40}$/.test(value) ? `"${value}"` : `a text of ${value.length} characters`;
  if (typeof value === "object") return "keys and values";
  return String(value);
}

export function isKeys(value: unknown): value is Keys {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws MediloraError `CONFIG_INVALID` for anything but keys and values */
export function requireKeys(value: unknown, source: string): Keys {
  if (isKeys(value)) return value;
  throw new MediloraError("CONFIG_INVALID", `${source} must hold keys and values; it is ${describe(value)}.`);
}

/** `key:` with nothing behind it, as configuration templates have, means the default. */
export function withoutEmpty(object: Keys): Keys {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null && value !== undefined));
}
