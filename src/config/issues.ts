import type { z } from "zod";
import { MediloraError } from "../errors.js";
import { suggest } from "./suggest.js";

export type Keys = Record<string, unknown>;

/** What the messages about a schema need to know of it. */
export interface SchemaHints {
  /** Keys that may stand at a path, of whatever kind. */
  knownKeys(path: PropertyKey[]): string[];
  /** What follows "is missing.", with a blank in front of it; or nothing. */
  helpOf(path: PropertyKey[]): string;
  /** Values of the key that tells the kinds of an object apart. */
  kinds: readonly string[];
  /** What a key is for that is known and yet refused, e.g. "data of type chatml". */
  otherKind: string;
}

/** `CONFIG_INVALID` with all problems, a line each. */
export function configError(source: string, problems: string[]): MediloraError {
  const heading = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new MediloraError(
    "CONFIG_INVALID",
    `${source} has ${heading}:\n${problems.map((one) => `- ${one}`).join("\n")}`,
  );
}

/**
 * The problems that zod found, each with its path, what is expected and what kind of value stands there.
 * @param input what was checked
 */
export function describeIssues(error: z.ZodError, input: Keys, hints: SchemaHints): string[] {
  return error.issues.flatMap((issue) => describeIssue(issue, input, hints));
}

function describeIssue(issue: z.core.$ZodIssue, input: Keys, hints: SchemaHints): string[] {
  const where = pathText(issue.path);
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => describeUnknownKey(key, issue.path, hints));
  const got = valueAt(input, issue.path);
  if (got === undefined || got === null) return [`${where}: is missing.${hints.helpOf(issue.path)}`];
  const near = typeof got === "string" ? suggest(got, allowedTexts(issue, hints)) : undefined;
  const hint = near === undefined ? "" : ` Did you mean ${near}?`;
  return [`${where}: expected ${expectedText(issue, hints)}, got ${describe(got)}.${hint}`];
}

function expectedText(issue: z.core.$ZodIssue, hints: SchemaHints): string {
  const noun = ({ array: "list elements", string: "characters" } as Record<string, string>)[
    "origin" in issue ? String(issue.origin) : ""
  ];
  switch (issue.code) {
    case "invalid_type":
      return expectedType(issue.expected);
    case "invalid_value":
      return issue.values.map(String).join(" or ");
    case "too_small":
      return `${issue.inclusive ? "at least" : "more than"} ${issue.minimum}${noun ? ` ${noun}` : ""}`;
    case "too_big":
      return `${issue.inclusive ? "at most" : "less than"} ${issue.maximum}${noun ? ` ${noun}` : ""}`;
    case "invalid_union":
      return "discriminator" in issue && issue.discriminator
        ? hints.kinds.join(" or ")
        : issue.errors.map(([first]) => (first ? expectedText(first, hints) : "another value")).join(" or ");
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
  };
  return names[name] ?? name;
}

function allowedTexts(issue: z.core.$ZodIssue, { kinds }: SchemaHints): string[] {
  if (issue.code === "invalid_value") return issue.values.map(String);
  return issue.code === "invalid_union" ? [...kinds] : [];
}

function describeUnknownKey(key: string, path: PropertyKey[], hints: SchemaHints): string {
  const known = hints.knownKeys(path);
  const where = pathText([...path, key.slice(0, 80)]);
  if (known.includes(key)) return `${where}: is only for ${hints.otherKind}. Remove it.`;
  const near = suggest(key, known);
  return `${where}: is no known key. ${near === undefined ? "Remove it." : `Did you mean ${near}?`}`;
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

/** `key:` with nothing behind it, as configuration templates have, means the default. */
export function withoutEmpty(object: Keys): Keys {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null && value !== undefined));
}
