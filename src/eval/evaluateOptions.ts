import { suggest } from "../config/suggest.js";
import { MediloraError } from "../errors.js";
import { requireTexts } from "../util/arguments.js";
import type { EvaluationProgress } from "./ask.js";
import type { ContaminationCheck } from "./contamination.js";
import { DEFAULT_SAMPLER, SAMPLER_PRESETS, type SamplerPreset } from "./samplers.js";
import type { EmbeddingProgress } from "./strategies/embeddings.js";
import type { EvaluationStrategy } from "./strategies/strategy.js";
import type { GenerationTask } from "./task.js";

/** What {@link evaluate} asks, of which model, and how. */
export interface EvaluateOptions {
  /** Path of a GGUF model. */
  model: string;
  /** GGUF adapters, all applied; `scale` multiplies an adapter's own alpha / r, 1 by default. */
  adapters?: ReadonlyArray<{ path: string; scale?: number }>;
  /** A task's name, or a task of one's own. */
  task: string | GenerationTask;
  /** Path of the task's data file, or of a folder that holds it under a published name. */
  data: string;
  /** Asks the first so many questions only. */
  limit?: number;
  /** Default "llama-cpp-python-2023", the paper's. */
  sampler?: SamplerPreset;
  /** Asks in another way than once and as the question stands; the result says so. */
  strategy?: EvaluationStrategy;
  /** Default 0. Each question draws by a seed of its own, derived from this one and its id. */
  seed?: number;
  /** Most tokens of an answer; default by task. */
  maxTokens?: number;
  /** Questions answered together, 1 to 256; default 32. */
  sequences?: number;
  /** KV cells of all sequences together; default: as many as the longest questions need, in half of the free memory. */
  contextSize?: number;
  /**
   * Cuts the beginning of the user's text where a prompt would leave no room for maxTokens in a sequence; system prompt
   * and template stay. Default false: such a question is an error.
   */
  truncateLeft?: boolean;
  /** Adds to the result which questions occur in training rows; see {@link checkBenchmarks}. */
  contamination?: ContaminationCheck;
  /** Default: all cores that this process may use. */
  threads?: number;
  /** JSON lines file that gets every answer as it comes, mode 0600; a second run of the same kind goes on from it. */
  answersFile?: string;
  /** Begins an answers file anew, also one of another run. Default false. */
  overwrite?: boolean;
  /** Called after each answer. What it throws stops the run. */
  onProgress?: (progress: EvaluationProgress) => void;
  /** Called after each text that is embedded, for nearest shots. What it throws stops the run. */
  onEmbedProgress?: (progress: EmbeddingProgress) => void;
  /** Stops the run; what was answered stays in the answers file. */
  signal?: AbortSignal;
}

/** The options with a default, filled in. */
export type EvaluateSettings = Required<
  Pick<EvaluateOptions, "sampler" | "seed" | "maxTokens" | "sequences" | "truncateLeft">
>;

const DEFAULT_SEQUENCES = 32;
/** llama.cpp's own limit. */
const MOST_SEQUENCES = 256;
const MOST_TOKENS = 2 ** 24;

/** @throws MediloraError `ARGUMENT_INVALID` with the option's name */
export function checkOptions(
  options: EvaluateOptions,
  { maxTokens }: Pick<GenerationTask, "maxTokens">,
): EvaluateSettings {
  const settings = {
    sampler: options.sampler ?? DEFAULT_SAMPLER,
    seed: options.seed ?? 0,
    maxTokens: (options.strategy?.chainOfThought ? undefined : options.maxTokens) ?? maxTokens,
    sequences: options.sequences ?? DEFAULT_SEQUENCES,
    truncateLeft: options.truncateLeft ?? false,
  };
  checkSampler(settings.sampler);
  checkInteger("seed", settings.seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  checkInteger("maxTokens", settings.maxTokens, 1, MOST_TOKENS);
  checkCommonOptions(options);
  return settings;
}

/**
 * What the types cannot see to for callers in plain JavaScript, before anything is read from the options.
 * @param call name of the function, for messages
 * @throws MediloraError `ARGUMENT_INVALID` naming the option
 */
export function requireOptions(
  call: string,
  options: { model: string; data: string; task: unknown; adapters?: EvaluateOptions["adapters"] },
): void {
  requireTexts(call, options, ["model", "data"]);
  const { task, adapters = [] } = options;
  if (typeof task !== "string" && (typeof task !== "object" || task === null))
    throw new MediloraError("ARGUMENT_INVALID", `${call} needs a task: a benchmark's name, or what defineTask gives.`);
  if (!Array.isArray(adapters) || adapters.some((one: unknown) => typeof Object(one).path !== "string"))
    throw new MediloraError("ARGUMENT_INVALID", "adapters must be a list of objects with a path, and perhaps a scale.");
}

/**
 * The options that every kind of evaluation takes.
 * @throws MediloraError `ARGUMENT_INVALID` with the option's name
 */
export function checkCommonOptions(
  options: Pick<EvaluateOptions, "sequences" | "limit" | "contextSize" | "adapters">,
): void {
  if (options.sequences !== undefined) checkInteger("sequences", options.sequences, 1, MOST_SEQUENCES);
  if (options.limit !== undefined) checkInteger("limit", options.limit, 1, Number.MAX_SAFE_INTEGER);
  if (options.contextSize !== undefined) checkInteger("contextSize", options.contextSize, 1, MOST_TOKENS);
  options.adapters?.forEach(({ scale = 1 }, index) => {
    if (!Number.isFinite(scale))
      throw new MediloraError("ARGUMENT_INVALID", `adapters[${index}].scale must be a finite number, as 1.`);
  });
}

/** @throws MediloraError `ARGUMENT_INVALID` for an unknown preset, with the one that was probably meant */
export function checkSampler(name: string): asserts name is SamplerPreset {
  const known = Object.keys(SAMPLER_PRESETS);
  if (known.includes(name)) return;
  const near = suggest(name, known);
  const hint = near === undefined ? `Known presets: ${known.join(", ")}.` : `Did you mean ${near}?`;
  throw new MediloraError("ARGUMENT_INVALID", `sampler is no known preset. ${hint}`);
}

/** @throws MediloraError `ARGUMENT_INVALID` naming the option */
export function checkInteger(name: string, value: number, low: number, high: number): void {
  if (Number.isSafeInteger(value) && value >= low && value <= high) return;
  throw new MediloraError("ARGUMENT_INVALID", `${name} must be an integer from ${low} to ${high}.`);
}
