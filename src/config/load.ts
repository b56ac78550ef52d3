import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { fromAxolotl } from "./axolotl.js";
import { configError, describeIssues, isKeys, type Keys, requireKeys, withoutEmpty } from "./issues.js";
import { LORA_MODULES, PRESETS, type TrainConfig, trainConfigSchema } from "./schema.js";
import { readYaml } from "./yaml.js";

type Parsed = z.output<typeof trainConfigSchema>;

/** How a training configuration is read. */
export interface ParseOptions {
  /** Folder that relative paths start from; the working directory by default. */
  baseDir?: string;
  /** Name of the configuration in messages; "the configuration" by default. */
  source?: string;
  /** Gets what is worth knowing about a configuration that is right all the same, such as keys that change nothing. */
  onNote?: (note: string) => void;
}

/**
 * Reads and checks a YAML training configuration. Relative paths in it start from the file's own folder.
 * @throws MediloraError `FILE_NOT_FOUND` or `FILE_READ`; `CONFIG_INVALID` for a YAML error (with line and column) or, all
 *   at once, the problems that {@link parseTrainConfig} lists
 */
export async function loadTrainConfig(path: string, options: Pick<ParseOptions, "onNote"> = {}): Promise<TrainConfig> {
  return parseTrainConfig(await readYaml(path), { ...options, baseDir: dirname(path), source: path });
}

/**
 * Checks a training configuration and completes it: preset, defaults, aliases, absolute paths.
 *
 * A key with the value null or undefined counts as not written. Keys of Axolotl that have no counterpart are told apart:
 * those that change nothing here pass with a note, the others are problems that say what to use instead. A result can be
 * parsed again and stays as it is.
 * @throws MediloraError `CONFIG_INVALID`: lists every problem with its path, what is expected and what was found; an
 *   unknown key comes with the nearest known one
 */
export function parseTrainConfig(object: unknown, options: ParseOptions = {}): TrainConfig {
  const { baseDir = ".", source = "the configuration" } = options;
  const { written, notes, problems: foreign } = fromAxolotl(withoutEmpty(requireKeys(object, source)));
  if (isKeys(written.model_config)) written.model_config = withoutEmpty(written.model_config);
  const result = trainConfigSchema.safeParse({ ...presetOf(written), ...written });
  const own = result.success ? crossCheck(result.data) : describeIssues(result.error, written, trainConfigSchema);
  const problems = [...foreign, ...own];
  if (!result.success || problems.length > 0) throw configError(source, problems);
  for (const note of notes) options.onNote?.(note);
  return resolveConfig(result.data, baseDir);
}

function presetOf({ preset }: Keys): Keys {
  return typeof preset === "string" && Object.hasOwn(PRESETS, preset) ? PRESETS[preset as keyof typeof PRESETS] : {};
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
