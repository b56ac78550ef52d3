import { suggest } from "../../config/suggest.js";
import { MediloraError } from "../../errors.js";
import type { LikelihoodTask, TaskGroup } from "../loglikelihood/task.js";
import type { GenerationTask } from "../task.js";
import { BIGBENCH_TASKS, bigbench } from "./bigbench.js";
import { GENERAL_TASKS, gpt4all } from "./generalKnowledge.js";
import { medmcqaTask } from "./medmcqa.js";
import { MEDQA_GENERATION_TASKS, MEDQA_LIKELIHOOD_TASKS } from "./medqa.js";
import { MMLU_PARENTHESES_TASKS, MMLU_TASKS, mmluMedical, mmluMedicalParentheses } from "./mmlu.js";
import { pubmedqaTask } from "./pubmedqa.js";
import { pubmedqaLikelihood } from "./pubmedqaLikelihood.js";
import { TRUTHFULQA_TASKS } from "./truthfulqa.js";

/** Tasks whose answers are generated. */
export const GENERATION_TASKS: readonly GenerationTask[] = [pubmedqaTask, ...MEDQA_GENERATION_TASKS];

/** Tasks whose choices are scored by log-likelihood, and groups of them. */
export const LIKELIHOOD_TASKS: ReadonlyArray<LikelihoodTask | TaskGroup> = [
  pubmedqaLikelihood,
  ...MEDQA_LIKELIHOOD_TASKS,
  medmcqaTask,
  mmluMedical,
  mmluMedicalParentheses,
  ...MMLU_TASKS,
  ...MMLU_PARENTHESES_TASKS,
  ...TRUTHFULQA_TASKS,
  gpt4all,
  ...GENERAL_TASKS,
  bigbench,
  ...BIGBENCH_TASKS,
];

/** True for a task, or a group of tasks, that is scored by log-likelihood. */
export function isLikelihood(task: GenerationTask | LikelihoodTask | TaskGroup): task is LikelihoodTask | TaskGroup {
  return "kind" in task;
}

/** @throws MediloraError `ARGUMENT_INVALID` for an unknown name, with the one that was probably meant */
export function findTask(name: string): GenerationTask | LikelihoodTask | TaskGroup {
  const tasks = [...GENERATION_TASKS, ...LIKELIHOOD_TASKS];
  const found = tasks.find((task) => task.name === name);
  if (found !== undefined) return found;
  const near = suggest(
    name,
    tasks.map((task) => task.name),
  );
  const known = tasks.filter((task) => !isMember(task)).map((task) => task.name);
  const hint = near === undefined ? `Known tasks: ${known.join(", ")}.` : `Did you mean ${near}?`;
  throw new MediloraError("ARGUMENT_INVALID", `There is no task of that name. ${hint}`);
}

/** True for the name of a built-in task or group, and for "all", which stands for all of them. */
export function isBuiltIn(name: string): boolean {
  return name === "all" || [...GENERATION_TASKS, ...LIKELIHOOD_TASKS].some((task) => task.name === name);
}

/** True for a task that a group holds. */
export function isMember(task: GenerationTask | LikelihoodTask | TaskGroup): boolean {
  return LIKELIHOOD_TASKS.some((group) => group.kind === "group" && group.tasks.some((member) => member === task));
}
