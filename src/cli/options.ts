import { InvalidArgumentError } from "commander";

/** A parser of whole numbers from `min` to `max` for commander. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** A parser of finite numbers. */
export function decimalNumber(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number.");
}

/** Gathers an option that may be given several times, each value parsed by `parse`. */
export function gather<T>(parse: (text: string) => T): (text: string, earlier: T[] | undefined) => T[] {
  return (text, earlier = []) => [...earlier, parse(text)];
}

export interface AdapterFlag {
  path: string;
  scale?: number;
}

/** A decimal number, as a part of regular expressions. */
export const SCALE = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;

/** `file` or `file:scale`: a colon before a number, so that other colons may stand in a path. */
export function parseAdapter(text: string): AdapterFlag {
  const match = new RegExp(`^(.+):(${SCALE})$`).exec(text);
  if (match === null) return { path: text };
  return { path: match[1] as string, scale: Number(match[2]) };
}

export const SEED_MAX = 2 ** 32 - 1;
