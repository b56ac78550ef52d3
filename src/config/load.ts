import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { fileError, MediloraError } from "../errors.js";
import {
  chatmlDatasetSchema,
  completionDatasetSchema,
  LORA_MODULES,
  modelConfigSchema,
  PRESETS,
  type TrainConfig,
  trainConfigSchema,
} from "./schema.js";
import { suggest } from "./suggest.js";

type Parsed = z.output<typeof trainConfigSchema>;
type Keys = Record<string, unknown>;

export interface ParseOptions {
  /** Folder that relative paths start from; the working directory by default. */
  baseDir?: string;
  /** Name of the configuration in messages; "the configuration" by default. */
  source?: string;
}

/**
 * Reads and checks a YAML training configuration. Relative paths in it start from the file's own folder.
 * @throws MediloraError `FILE_NOT_FOUND` or `FILE_READ`; `CONFIG_INVALID` for a YAML error (with line and column) or, all
 *   at once, the problems that {@link parseTrainConfig} lists
 */
export async function loadTrainConfig(path: string): Promise<TrainConfig> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw fileError(error, path, "read");
  });
  return parseTrainConfig(parseYaml(text, path), { baseDir: dirname(path), source: path });
}

function parseYaml(text: string, source: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const error = document.errors[0];
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new MediloraError(
      "CONFIG_INVALID",
      `${source} is no valid YAML at line ${line}, column ${col}: ${error.message}`,
    );
  }
  try {
    return document.toJS();
  } catch (cause) {
    // An alias without its anchor, or aliases that multiply without end.
    throw new MediloraError("CONFIG_INVALID", `${source} has YAML aliases that cannot be resolved. Write them out.`, {
      cause,
    });
  }
}

/**
 * Checks a training configuration and completes it: preset, defaults, aliases, absolute paths.
 *
 * A key with the value null or undefined counts as not written. A result can be parsed again and stays as it is.
 * @throws MediloraError `CONFIG_INVALID`: lists every problem with its path, what is expected and what was found; an
 *   unknown key comes with the nearest known one
 */
export function parseTrainConfig(object: unknown, options: ParseOptions = {}): TrainConfig {
  const { baseDir = ".", source = "the configuration" } = options;
  if (!isKeys(object))
    throw new MediloraError("CONFIG_INVALID", `${source} must hold keys and values; it is ${describe(object)}.`);
  const written = withoutEmpty(object);
  const result = trainConfigSchema.safeParse({ ...presetOf(written), ...written });
  const problems = result.success
    ? crossCheck(result.data)
    : result.error.issues.flatMap((issue) => describeIssue(issue, written));
  if (!result.success || problems.length > 0) throw configError(source, problems);
  return resolveConfig(result.data, baseDir);
}

function presetOf({ preset }: Keys): Keys {
  return typeof preset === "string" && Object.hasOwn(PRESETS, preset) ? PRESETS[preset as keyof typeof PRESETS] : {};
}

function configError(source: string, problems: string[]): MediloraError {
  const heading = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new MediloraError(
    "CONFIG_INVALID",
    `${source} has ${heading}:\n${problems.map((one) => `- ${one}`).join("\n")}`,
  );
}

function resolveConfig(parsed: Parsed, baseDir: string): TrainConfig {
  const absolute = (path: string) => resolve(baseDir, path);
  const config: TrainConfig = {
    ...parsed,
    optimizer: parsed.optimizer.endsWith("8bit") ? "adamw_8bit" : "adamw_torch",
    lora_target_modules: parsed.lora_target_linear ? [...LORA_MODULES] : parsed.lora_target_modules,
    datasets: parsed.datasets.map((dataset) =>
      dataset.type === "chatml"
        ? { ...dataset, path: absolute(dataset.path), label_span: dataset.label_span ?? parsed.label_span }
        : { ...dataset, path: absolute(dataset.path) },
    ),
    output_dir: absolute(parsed.output_dir),
  };
  for (const key of ["base_model", "tokenizer_model", "lora_model_dir"] as const)
    if (config[key] !== undefined) config[key] = absolute(config[key]);
  if (typeof config.resume_from_checkpoint === "string" && config.resume_from_checkpoint !== "auto")
    config.resume_from_checkpoint = absolute(config.resume_from_checkpoint);
  return config;
}

/** What no key can say alone: the problems between several keys. */
function crossCheck(config: Parsed): string[] {
  const { max_steps: maxSteps, warmup_steps: warmup } = config;
  const problems = config.adapter === "none" ? checkFullTraining(config) : checkAdapter(config);
  if (config.model_config) problems.push(...checkModelShape(config.model_config, config.sequence_len));
  if (new Set(config.lora_target_modules).size !== config.lora_target_modules.length)
    problems.push("lora_target_modules: a module is named twice. Name each once.");
  if (maxSteps !== undefined && warmup >= maxSteps)
    problems.push(
      `warmup_steps: ${warmup} steps of warm-up do not end within max_steps (${maxSteps}). Set warmup_steps below it.`,
    );
  for (const key of ["eval_steps", "early_stopping_patience", "load_best_model_at_end"] as const)
    if (config[key] && config.val_set_size === 0)
      problems.push(`${key}: there is nothing to validate on. Set val_set_size above 0, or remove ${key}.`);
  return problems;
}

function checkAdapter(config: Parsed): string[] {
  const problems: string[] = [];
  if (config.base_model === undefined)
    problems.push(`base_model: is missing; adapter: ${config.adapter} needs a GGUF model to fine-tune.`);
  for (const key of ["model_config", "tokenizer_model"] as const)
    if (config[key] !== undefined) problems.push(`${key}: is only for adapter: none. Remove it, or set adapter: none.`);
  return problems;
}

function checkFullTraining(config: Parsed): string[] {
  const problems: string[] = [];
  if ((config.base_model === undefined) === (config.model_config === undefined))
    problems.push(
      "adapter: none needs either base_model (to train all its weights on) or model_config (to start at random).",
    );
  if ((config.tokenizer_model === undefined) !== (config.model_config === undefined))
    problems.push("tokenizer_model: goes together with model_config. Give both or neither.");
  for (const key of loraKeys())
    if (JSON.stringify(config[key]) !== JSON.stringify(trainConfigSchema.shape[key].safeParse(undefined).data))
      problems.push(`${key}: has no effect with adapter: none. Remove it, or choose lora or qlora.`);
  return problems;
}

function loraKeys() {
  return [
    "lora_r",
    "lora_alpha",
    "peft_use_rslora",
    "lora_dropout",
    "lora_target_modules",
    "lora_target_linear",
    "lora_model_dir",
  ] as const;
}

function checkModelShape(model: NonNullable<Parsed["model_config"]>, sequenceLen: number): string[] {
  const problems: string[] = [];
  const headSize = model.hidden_size / model.num_attention_heads;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0)
    problems.push(
      `model_config.hidden_size: must be an even multiple of num_attention_heads (rotary embedding turns pairs); ${model.hidden_size} / ${model.num_attention_heads} = ${headSize}.`,
    );
  if (model.num_attention_heads % model.num_key_value_heads !== 0)
    problems.push("model_config.num_key_value_heads: must divide num_attention_heads.");
  if (sequenceLen > model.max_position_embeddings)
    problems.push(
      `sequence_len: ${sequenceLen} is more than model_config.max_position_embeddings (${model.max_position_embeddings}). Lower it, or raise the latter.`,
    );
  return problems;
}

function describeIssue(issue: z.core.$ZodIssue, input: Keys): string[] {
  const where = pathText(issue.path);
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => describeUnknownKey(key, issue.path));
  const got = valueAt(input, issue.path);
  if (got === undefined || got === null) return [`${where}: is missing.${helpOf(issue.path)}`];
  const near = typeof got === "string" ? suggest(got, allowedTexts(issue)) : undefined;
  const hint = near === undefined ? "" : ` Did you mean ${near}?`;
  return [`${where}: expected ${expectedText(issue)}, got ${describe(got)}.${hint}`];
}

function expectedText(issue: z.core.$ZodIssue): string {
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
        ? "chatml or completion"
        : issue.errors.map(([first]) => (first ? expectedText(first) : "another value")).join(" or ");
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

function allowedTexts(issue: z.core.$ZodIssue): string[] {
  if (issue.code === "invalid_value") return issue.values.map(String);
  return issue.code === "invalid_union" ? ["chatml", "completion"] : [];
}

function describeUnknownKey(key: string, path: PropertyKey[]): string {
  const known = knownKeys(path);
  const where = pathText([...path, key.slice(0, 80)]);
  if (known.includes(key)) return `${where}: is only for data of type chatml. Remove it.`;
  const near = suggest(key, known);
  return `${where}: is no known key. ${near === undefined ? "Remove it." : `Did you mean ${near}?`}`;
}

function knownKeys(path: PropertyKey[]): string[] {
  const schemas: Record<PropertyKey, z.ZodObject[]> = {
    model_config: [modelConfigSchema],
    datasets: [chatmlDatasetSchema, completionDatasetSchema],
  };
  const at = path[0] === undefined ? [trainConfigSchema] : (schemas[path[0]] ?? []);
  return [...new Set(at.flatMap((schema) => Object.keys(schema.shape)))];
}

function helpOf([key, ...rest]: PropertyKey[]): string {
  if (rest.length > 0) return "";
  const field = trainConfigSchema.shape[key as keyof typeof trainConfigSchema.shape];
  return field?.description ? ` ${field.description}` : "";
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
function describe(value: unknown): string {
  if (value === undefined || value === null) return "empty";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string")
    return /^[\w.-]{1,40}$/.test(value) ? `"${value}"` : `a text of ${value.length} characters`;
  if (typeof value === "object") return "keys and values";
  return String(value);
}

function isKeys(value: unknown): value is Keys {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `key:` with nothing behind it, as configuration templates have, means the default. */
function withoutEmpty(object: Keys): Keys {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null && value !== undefined));
}
