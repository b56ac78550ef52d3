import { readFile, stat } from "node:fs/promises";
import { isObject } from "../data/formats/record.js";
import { fileError, MediloraError } from "../errors.js";
import { parseStrictJson } from "../util/strictJson.js";
import { matchesModules, patternKeys } from "./peftPatterns.js";
import { shown } from "./safetensors.js";

/** Bytes; a pattern for every module of a large model takes a few tens of thousands. */
const SIZE_LIMIT = 1 << 20;

type ModuleRule = string | string[];

/** What `adapter_config.json` says of a LoRA adapter that GGUF can carry. */
export interface PeftConfig {
  path: string;
  r: number;
  loraAlpha: number;
  useRslora: boolean;
  rankPattern: Record<string, number>;
  alphaPattern: Record<string, number>;
  targetModules: ModuleRule | null;
  excludeModules: ModuleRule | null;
  layersToTransform: number[] | null;
  baseModel: string | null;
}

/** Rank and scale of one module: y = W x + scale B A x. */
export interface ModuleScale {
  rank: number;
  scale: number;
}

/** Keys that say how the adapter was trained or is found again, not what it computes. */
const NEUTRAL = new Set([
  ..."auto_mapping base_model_name_or_path revision inference_mode lora_dropout peft_version runtime_config".split(" "),
  // Of how A and B began; those that change the base too are told by init_lora_weights.
  ..."loftq_config eva_config corda_config lora_ga_config megatron_core qalora_group_size".split(" "),
  // Of how the layer to adapt is stored, where it is no linear one. A and B are stored alike.
  "fan_in_fan_out",
]);

/** Keys that are read below. */
const READ = new Set(
  "peft_type task_type r lora_alpha use_rslora rank_pattern alpha_pattern target_modules exclude_modules layers_to_transform layers_pattern bias init_lora_weights".split(
    " ",
  ),
);

/** Keys that change what the adapter computes, beyond W + s B A. */
const REFUSED = new Map(
  Object.entries({
    modules_to_save: "whole modules are saved with it (modules_to_save)",
    use_dora: "it is a DoRA adapter (use_dora)",
    layer_replication: "it repeats layers (layer_replication)",
    trainable_token_indices: "it trains single tokens (trainable_token_indices)",
    target_parameters: "it adapts bare parameters (target_parameters)",
    lora_bias: "its B has biases (lora_bias)",
    use_qalora: "it is a QALoRA adapter (use_qalora)",
    use_bdlora: "it is a block-diagonal adapter (use_bdlora)",
    alora_invocation_tokens: "it is an activated LoRA (alora_invocation_tokens)",
    megatron_config: "it is of Megatron's parallel layers (megatron_config)",
    arrow_config: "it routes between adapters (arrow_config)",
  }),
);

/**
 * Reads and checks `adapter_config.json`.
 * @throws MediloraError `ADAPTER_INVALID` naming the key for what is malformed or cannot be carried to GGUF;
 *         `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function readPeftConfig(path: string): Promise<PeftConfig> {
  const config = await readObject(path);
  const refuse = (what: string): never => {
    throw new MediloraError("ADAPTER_INVALID", `${path}: the adapter cannot become a GGUF one: ${what}.`);
  };
  checkKind(config, refuse);
  checkKeys(config, refuse);
  const { r, lora_alpha: loraAlpha, use_rslora: useRslora = false, base_model_name_or_path: baseModel } = config;
  if (!isRank(r)) return refuse("r is no positive whole number");
  if (!isAlpha(loraAlpha)) return refuse("lora_alpha is no number other than 0");
  if (typeof useRslora !== "boolean") return refuse("use_rslora is neither true nor false");
  return {
    path,
    r,
    loraAlpha,
    useRslora,
    rankPattern:
      readPattern(config.rank_pattern, isRank) ?? refuse("rank_pattern maps no names to positive whole numbers"),
    alphaPattern:
      readPattern(config.alpha_pattern, isAlpha) ?? refuse("alpha_pattern maps no names to numbers other than 0"),
    targetModules: readRule(config.target_modules, () => refuse("target_modules is no text or list of texts")),
    excludeModules: readRule(config.exclude_modules, () => refuse("exclude_modules is no text or list of texts")),
    layersToTransform: readLayers(config.layers_to_transform, () =>
      refuse("layers_to_transform is no layer or list of them"),
    ),
    baseModel: typeof baseModel === "string" ? baseModel : null,
  };
}

/** Rank and scale of modules (named as in the model), by PEFT's rules. @throws as {@link patternKeys} */
export function moduleScales(config: PeftConfig, modules: readonly string[]): Map<string, ModuleScale> {
  const rankKeys = patternKeys(Object.keys(config.rankPattern), modules);
  const alphaKeys = patternKeys(Object.keys(config.alphaPattern), modules);
  return new Map(
    modules.map((module) => {
      const rank = entryOf(config.rankPattern, rankKeys.get(module)) ?? config.r;
      const alpha = entryOf(config.alphaPattern, alphaKeys.get(module)) ?? config.loraAlpha;
      return [module, { rank, scale: alpha / (config.useRslora ? Math.sqrt(rank) : rank) }];
    }),
  );
}

function entryOf(pattern: Record<string, number>, key: string | undefined): number | undefined {
  return key === undefined ? undefined : pattern[key];
}

/** The first module that PEFT would not adapt under this configuration, so that it would leave out its tensors. */
export function firstUntargeted(config: PeftConfig, modules: readonly string[]): string | undefined {
  const { targetModules, excludeModules, layersToTransform } = config;
  const targeted =
    targetModules === null || targetModules === "all-linear"
      ? modules.map((module) => targetModules === null || module !== "lm_head")
      : matchesModules(targetModules, modules);
  const excluded = matchesModules(excludeModules ?? [], modules);
  const layerOf = (module: string) => Number(/\.layers\.(\d+)\./.exec(module)?.[1] ?? -1);
  // PEFT asks for the layer only where target_modules does not give a module's whole name.
  const isAnyLayer = (module: string) => Array.isArray(targetModules) && targetModules.includes(module);
  return modules.find(
    (module, i) =>
      !targeted[i] || excluded[i] || (layersToTransform?.includes(layerOf(module)) === false && !isAnyLayer(module)),
  );
}

async function readObject(path: string): Promise<Record<string, unknown>> {
  try {
    if ((await stat(path)).size > SIZE_LIMIT)
      throw new MediloraError("ADAPTER_INVALID", `${path} is larger than ${SIZE_LIMIT} bytes. Check the file.`);
    const config = parseStrictJson(await readFile(path, "utf8"));
    if (isObject(config)) return config;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw fileError(error, path, "read");
  }
  throw new MediloraError("ADAPTER_INVALID", `${path} is no JSON object with distinct keys. Save the adapter again.`);
}

function checkKind(config: Record<string, unknown>, refuse: (what: string) => never): void {
  const { peft_type: type, task_type: task, bias = "none", init_lora_weights: init = true } = config;
  if (type !== "LORA") refuse(`peft_type is ${typeof type === "string" ? shown(type) : "no text"}, only LORA can`);
  if (task !== undefined && task !== null && task !== "CAUSAL_LM")
    refuse(
      `task_type is ${typeof task === "string" ? shown(task) : "no text"}, only CAUSAL_LM can: others add a head such as score`,
    );
  if (bias !== "none") refuse("biases are trained with it (bias is not none)");
  // PiSSA, OLoRA and others take a part out of the base when they begin, so that the adapter is not one of that base.
  if (![true, false, "gaussian", "orthogonal", "eva"].includes(init as never))
    refuse("init_lora_weights changed the base's weights. Let PEFT convert it to plain LoRA when saving");
}

function checkKeys(config: Record<string, unknown>, refuse: (what: string) => never): void {
  for (const [key, value] of Object.entries(config)) {
    if (NEUTRAL.has(key) || READ.has(key) || isUnset(value)) continue;
    refuse(REFUSED.get(key) ?? `${shown(key)} is unknown, and could change what the adapter computes`);
  }
  const pattern = config.layers_pattern;
  if (!isUnset(pattern) && pattern !== "layers" && String(pattern) !== "layers") refuse("layers_pattern is not layers");
}

/** What PEFT writes for an option that is not used. */
function isUnset(value: unknown): boolean {
  return value === null || value === undefined || value === false || (typeof value === "object" && isEmpty(value));
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

function isRank(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isAlpha(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value !== 0;
}

function readPattern(value: unknown, isGood: (entry: unknown) => entry is number): Record<string, number> | undefined {
  if (isUnset(value)) return {};
  return isObject(value) && Object.values(value).every(isGood) ? (value as Record<string, number>) : undefined;
}

function readRule(value: unknown, refuse: () => never): ModuleRule | null {
  if (value === null || value === undefined || typeof value === "string") return value ?? null;
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value;
  return refuse();
}

function readLayers(value: unknown, refuse: () => never): number[] | null {
  if (isUnset(value)) return null;
  const layers: unknown[] = Array.isArray(value) ? value : [value];
  return layers.every((layer) => Number.isSafeInteger(layer)) ? (layers as number[]) : refuse();
}
