import { createContext, Script } from "node:vm";
import { MediloraError } from "../errors.js";

/** Milliseconds that all names may take; they take microseconds, unless a pattern backtracks without end. */
const TIME_LIMIT = 1000;

// In a context, since only there a running regular expression can be stopped.
const SEARCH = new Script("names.map((name) => patterns.findIndex((pattern) => pattern.test(name)))");

/**
 * The key of a `rank_pattern` or `alpha_pattern` that PEFT takes for each module: the first one that, as a regular
 * expression, matches the module's name or an end of it that follows a dot.
 * @returns by module; one that no key matches is absent
 * @throws MediloraError `ADAPTER_INVALID` for a key that is no such expression or takes too long
 * @see https://github.com/huggingface/peft: get_pattern_key
 */
export function patternKeys(keys: readonly string[], modules: readonly string[]): Map<string, string> {
  const found = firstMatches(
    keys.map((key) => compile(`^(?:.*\\.)?(?:${key})$`)),
    modules,
  );
  const pairs = modules.map((module, i) => [module, keys[found[i] as number]] as const);
  return new Map(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** What PEFT takes for the names of modules: one regular expression for the whole name, or names and ends of names. */
export function matchesModules(rule: string | readonly string[], modules: readonly string[]): boolean[] {
  if (typeof rule === "string") return firstMatches([compile(`^(?:${rule})$`)], modules).map((index) => index === 0);
  return modules.map((module) => rule.some((name) => module === name || module.endsWith(`.${name}`)));
}

function compile(source: string): RegExp {
  try {
    // With "u", an escape that only Python knows is an error instead of another meaning.
    return new RegExp(source, "u");
  } catch {
    throw invalid("is no regular expression that JavaScript reads");
  }
}

function firstMatches(patterns: RegExp[], names: readonly string[]): number[] {
  try {
    return SEARCH.runInContext(createContext({ patterns, names }), { timeout: TIME_LIMIT }) as number[];
  } catch {
    throw invalid("takes too long to match");
  }
}

function invalid(what: string): MediloraError {
  return new MediloraError(
    "ADAPTER_INVALID",
    `A module pattern of adapter_config.json ${what}. Name the modules in plain words instead.`,
  );
}
