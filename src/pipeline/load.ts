import { basename, dirname, extname, resolve } from "node:path";
import { configError, describeIssues, isKeys, requireKeys, withoutEmpty } from "../config/issues.js";
import { readYaml } from "../config/yaml.js";
import { MediloraError } from "../errors.js";
import { findTask, isLikelihood } from "../eval/tasks/index.js";
import { type EvalStepConfig, type PipelineConfig, pipelineSchema } from "./schema.js";

/** A checked pipeline; its paths are as they were written. */
export interface Pipeline extends PipelineConfig {
  name: string;
  /** Absolute. */
  work_dir: string;
  /** Folder that relative paths start from. */
  baseDir: string;
  /** Name of the file in messages. */
  source: string;
}

/** How a pipeline's file is read. */
export interface ParsePipelineOptions {
  /** Folder that relative paths start from; the working directory by default. */
  baseDir?: string;
  /** Name of the file in messages, and of the pipeline where it has none. */
  source?: string;
}

/**
 * Reads and checks a pipeline. Relative paths start from the file's own folder.
 * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`; `CONFIG_INVALID` as {@link parsePipeline}
 */
export async function loadPipeline(path: string): Promise<Pipeline> {
  return parsePipeline(await readYaml(path), { baseDir: dirname(path), source: path });
}

/**
 * The pipeline of a call: read from a file, or as {@link parsePipeline} gave it.
 * @throws MediloraError as {@link loadPipeline}; `ARGUMENT_INVALID` for anything else
 */
export async function resolvePipeline(pipeline: Pipeline | string): Promise<Pipeline> {
  if (typeof pipeline === "string") return loadPipeline(pipeline);
  if (isKeys(pipeline) && typeof pipeline.baseDir === "string" && typeof pipeline.work_dir === "string")
    return pipeline;
  throw new MediloraError("ARGUMENT_INVALID", "Give a pipeline of parsePipeline(), or the path of a YAML file.");
}

/**
 * Checks a pipeline; the keys of its stages of training are checked when its steps are planned.
 * @throws MediloraError `CONFIG_INVALID`: lists every problem with its path; an unknown key comes with the nearest one
 */
export function parsePipeline(object: unknown, options: ParsePipelineOptions = {}): Pipeline {
  const { baseDir = ".", source = "pipeline" } = options;
  const written = withoutEmpty(requireKeys(object, source));
  const result = pipelineSchema.safeParse(written);
  if (!result.success) throw configError(source, describeIssues(result.error, written, pipelineSchema));
  const problems = crossCheck(result.data);
  if (problems.length > 0) throw configError(source, problems);
  const name = result.data.name ?? basename(source, extname(source));
  if (!NAME.test(name)) throw configError(source, [`name: ${NAME_RULE}`]);
  const workDir = resolve(baseDir, result.data.work_dir ?? `${name}-work`);
  return { ...result.data, name, work_dir: workDir, baseDir: resolve(baseDir), source };
}

/** Names become names of folders and files. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NAME_RULE = "must be up to 64 letters, digits, dots, underscores and hyphens, a letter or digit first.";

function crossCheck(config: PipelineConfig): string[] {
  const problems: string[] = [];
  const stages = config.train.map(({ name }) => name);
  for (const [key, names] of [
    ["prepare", Object.keys(config.prepare)],
    ["train", stages],
    ["eval", Object.keys(config.eval)],
  ] as const)
    for (const name of names) if (!NAME.test(name)) problems.push(`${key}: the name of each entry ${NAME_RULE}`);
  if (new Set(stages).size < stages.length) problems.push("train: two stages have one name. Give each its own.");
  for (const [i, { datasets }] of config.train.entries())
    for (const [j, dataset] of datasets.entries())
      problems.push(
        ...checkData(
          `train[${i}].datasets[${j}]`,
          { given: dataset.path, prepared: dataset.prepared, key: "path" },
          config,
        ),
      );
  for (const [name, entry] of Object.entries(config.eval)) problems.push(...checkEval(name, entry, config));
  if (config.report && Object.keys(config.eval).length === 0)
    problems.push("report: there is nothing to report without eval. Add an evaluation, or remove report.");
  return problems;
}

function checkData(
  where: string,
  { given, prepared, key }: { given: string | undefined; prepared: string | undefined; key: string },
  config: PipelineConfig,
): string[] {
  if ((given === undefined) === (prepared === undefined)) return [`${where}: needs either ${key} or prepared.`];
  if (prepared === undefined || Object.hasOwn(config.prepare, prepared)) return [];
  return [`${where}.prepared: there is no preparation of that name under prepare.`];
}

function checkEval(name: string, entry: EvalStepConfig, config: PipelineConfig): string[] {
  const where = `eval.${name}`;
  const problems = checkData(where, { given: entry.data, prepared: entry.prepared, key: "data" }, config);
  const source = entry.prepared === undefined ? undefined : config.prepare[entry.prepared];
  if (source && !(source.source === "pubmedqa" && source.eval_size !== undefined))
    problems.push(`${where}.prepared: only a preparation of pubmedqa with eval_size holds records out.`);
  if (new Set(entry.models).size < entry.models.length) problems.push(`${where}.models: a model is named twice.`);
  return [...problems, ...checkTask(where, entry)];
}

function checkTask(where: string, entry: EvalStepConfig): string[] {
  try {
    const likelihood = isLikelihood(findTask(entry.task));
    const foreign = likelihood ? (["sampler", "seed", "max_tokens"] as const) : (["shots"] as const);
    const kind = likelihood ? "scores choices" : "generates answers";
    return foreign
      .filter((key) => entry[key] !== undefined)
      .map((key) => `${where}.${key}: has no effect, since the task ${kind}. Remove it.`);
  } catch (error) {
    return [`${where}.task: ${(error as Error).message}`];
  }
}
