import { MediloraError } from "../errors.js";

/**
 * Checks what the types cannot for callers in plain JavaScript: that an options object is one, and that the texts in it
 * that a call cannot do without, such as paths, are there.
 * @param call name of the function, for the message
 * @throws MediloraError `ARGUMENT_INVALID` that names what is missing
 */
export function requireTexts<Options extends object>(
  call: string,
  options: Options,
  names: ReadonlyArray<keyof Options & string>,
): void {
  const given: unknown = options;
  if (typeof given !== "object" || given === null)
    throw new MediloraError("ARGUMENT_INVALID", `${call} needs an object with ${names.join(", ")}.`);
  const missing = names.filter((name) => typeof options[name] !== "string" || options[name] === "");
  if (missing.length > 0)
    throw new MediloraError("ARGUMENT_INVALID", `${call} needs ${missing.join(", ")}: a text that is not empty each.`);
}
