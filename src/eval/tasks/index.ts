import { suggest } from "../../config/suggest.js";
import { MediloraError } from "../../errors.js";
import type { GenerationTask } from "../task.js";
import { pubmedqaTask } from "./pubmedqa.js";

/** Every task that can be asked for by name. */
export const GENERATION_TASKS: readonly GenerationTask[] = [pubmedqaTask];

/** @throws MediloraError `ARGUMENT_INVALID` for an unknown name, with the one that was probably meant */
export function findTask(name: string): GenerationTask {
  const found = GENERATION_TASKS.find((task) => task.name === name);
  if (found !== undefined) return found;
  const known = GENERATION_TASKS.map((task) => task.name);
  const near = suggest(name, known);
  const hint = near === undefined ? `Known tasks: ${known.join(", ")}.` : `Did you mean ${near}?`;
  throw new MediloraError("ARGUMENT_INVALID", `There is no task of that name. ${hint}`);
}
