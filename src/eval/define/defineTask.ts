import { configError, describeIssues, requireKeys, withoutEmpty } from "../../config/issues.js";
import type { LikelihoodTask } from "../loglikelihood/task.js";
import type { GenerationTask } from "../task.js";
import { isBuiltIn } from "../tasks/index.js";
import { checkExtraction } from "./extraction.js";
import { type DefinedQuestion, generationTask } from "./generation.js";
import { likelihoodTask } from "./likelihood.js";
import { type GenerationDefinition, type LikelihoodDefinition, type ParsedTask, taskSchema } from "./schema.js";
import { parseTemplate } from "./template.js";

/** A checked benchmark of one's own, ready for {@link evaluate} or {@link evaluateLikelihood}. */
export type DefinedTask = GenerationTask<DefinedQuestion> | LikelihoodTask;

/**
 * A benchmark of one's own from one declarative object, for {@link evaluate} or {@link evaluateLikelihood}. Its file is
 * JSON, JSON lines, CSV or Parquet. Templates are literal text with `{{field}}` (a path may have dots); nothing in them is
 * run. The hash of the definition is part of what a result and an answers file belong to.
 * @throws MediloraError `CONFIG_INVALID`: lists every problem with its key; an unknown key comes with the nearest known one
 */
export function defineTask(definition: GenerationDefinition): GenerationTask<DefinedQuestion>;
export function defineTask(definition: LikelihoodDefinition): LikelihoodTask;
export function defineTask(definition: GenerationDefinition | LikelihoodDefinition): DefinedTask {
  return taskOf(parseDefinition(definition, "the task"));
}

/** The task of a definition that was checked. */
export function taskOf(definition: ParsedTask): DefinedTask {
  return definition.kind === "generation" ? generationTask(definition) : likelihoodTask(definition);
}

/**
 * Checks a definition and fills in its defaults.
 * @param source its name in messages
 * @throws MediloraError as {@link defineTask}
 */
export function parseDefinition(definition: unknown, source: string): ParsedTask {
  const written = withoutEmpty(requireKeys(definition, source));
  const result = taskSchema.safeParse(written);
  const problems = result.success ? crossCheck(result.data) : describeIssues(result.error, written, taskSchema);
  if (!result.success || problems.length > 0) throw configError(source, problems);
  return result.data;
}

/** What no key can say alone. */
function crossCheck(task: ParsedTask): string[] {
  const problems = [...checkTemplates(task), ...checkChoices(task)];
  if (isBuiltIn(task.name)) problems.push("name: is that of a built-in benchmark. Choose another one.");
  if (task.gold.first !== 0 && task.gold.as !== "index") problems.push("gold.first: is only for as: index. Remove it.");
  if (task.kind === "generation") return [...problems, ...checkExtraction(task)];
  if (task.metrics !== undefined && new Set(task.metrics).size !== task.metrics.length)
    problems.push("metrics: one is named twice. Name each once.");
  return problems;
}

function checkTemplates({ prompt, choice_line: line, choices }: ParsedTask): string[] {
  const problems: string[] = [];
  for (const [key, text] of [
    ["prompt", prompt],
    ["choice_line", line],
  ] as const) {
    const parsed = parseTemplate(text);
    if ("problem" in parsed) problems.push(`${key}: ${parsed.problem}. Write {{field}} for a field.`);
    else if (key === "choice_line" && parsed.names.some((name) => name !== "letter" && name !== "text"))
      problems.push("choice_line: holds only {{letter}} and {{text}}.");
    else if (key === "prompt" && parsed.names.length === 0 && choices === undefined)
      problems.push("prompt: holds no {{field}}, so all questions would be the same.");
  }
  return problems;
}

function checkChoices({ choices }: ParsedTask): string[] {
  if (choices === undefined) return [];
  const { field, fields, fixed } = choices;
  const given = [field, fields, fixed].filter((source) => source !== undefined).length;
  const problems = given === 1 ? [] : ["choices: needs exactly one of field, fields, fixed."];
  if (fixed !== undefined && new Set(fixed).size !== fixed.length)
    problems.push("choices.fixed: one stands twice. Name each once.");
  return problems;
}
