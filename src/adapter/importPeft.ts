import { stat } from "node:fs/promises";
import { join } from "node:path";
import { areDistinct } from "../data/manifest.js";
import { MediloraError } from "../errors.js";
import { callNative } from "../native/call.js";
import { readGguf } from "../native/gguf.js";
import { native } from "../native/load.js";
import type { CountProgress } from "../native/trainingBinding.js";
import { requireTexts } from "../util/arguments.js";
import { AtomicWriter } from "../util/atomicFile.js";
import { stopIfAborted } from "../util/turn.js";
import { mostCommon } from "./mostCommon.js";
import { firstUntargeted, moduleScales, type PeftConfig, readPeftConfig } from "./peftConfig.js";
import { adaptedModules } from "./peftNames.js";
import { pairTensors, type TensorPair } from "./peftTensors.js";
import { modelParts } from "./provenance.js";
import { type ElementType, SafetensorsFile, type SafetensorsTensor, shown } from "./safetensors.js";
import { allFinite, permuteHeads, scaledToFloat32 } from "./tensorBytes.js";

/** GGUF's alignment of tensors, in bytes. */
const ALIGNMENT = 32;

/** What {@link importPeftAdapter} reads and writes. */
export interface ImportPeftOptions {
  /** Folder with `adapter_config.json` and `adapter_model.safetensors`. */
  input: string;
  /** GGUF of the model that the adapter was trained on, in any quantisation. */
  base: string;
  /** The adapter as GGUF. */
  output: string;
  signal?: AbortSignal;
  /** Tensors written so far, and in all. */
  onProgress?: (progress: CountProgress) => void;
}

/** What an import or export wrote; `bytes` is the size of its tensors' file. */
export interface ConvertedAdapter {
  bytes: number;
  /** Linear layers that it adapts. */
  modules: number;
  /** alpha of the GGUF file: the scale of a layer is alpha / rank. */
  alpha: number;
  /** Smallest and largest rank. */
  ranks: [number, number];
}

/** What becomes of one tensor of the adapter. */
interface Conversion {
  source: SafetensorsTensor;
  name: string;
  type: ElementType;
  /** Heads whose rows are reordered, or 0. */
  heads: number;
  /** B is multiplied by it, where one alpha for the whole file cannot say a layer's scale. */
  factor: number;
}

/**
 * Converts a LoRA adapter of Hugging Face's PEFT to GGUF. Types are kept, and bytes too but for the order of q's and k's
 * rows in models of the Llama architecture. GGUF has one alpha for all layers; where a layer's scale is not that alpha
 * over its rank (alpha_pattern, or rslora with several ranks), its B takes up the difference, as float32.
 * @throws MediloraError `ADAPTER_INVALID` naming what cannot be carried, `ADAPTER_MISMATCH` when the base has no such
 *   layer or another shape; `ARCHITECTURE_UNSUPPORTED`, `TYPE_UNSUPPORTED`, `ARGUMENT_INVALID`, `FILE_NOT_FOUND`,
 *   `FILE_READ`, `FILE_WRITE`, `DISK_FULL`, `ABORTED`, `MODEL_INVALID`
 */
export async function importPeftAdapter(options: ImportPeftOptions): Promise<ConvertedAdapter> {
  requireTexts("importPeftAdapter()", options, ["input", "base", "output"]);
  const { input, base, output } = options;
  const weights = join(input, "adapter_model.safetensors");
  const config = await readPeftConfig(join(input, "adapter_config.json"));
  await refusePickle(input, weights);
  const description = await readGguf(base);
  if (!areDistinct([config.path, weights, ...modelParts(base, description)], [output]))
    throw new MediloraError("ARGUMENT_INVALID", `${output} is one of the inputs. Name another output.`);
  await using file = await SafetensorsFile.open(weights);
  const pairs = pairTensors(file, adaptedModules(description, base), base);
  const plan = planConversion(file, config, pairs);
  const metadata = {
    "general.type": "adapter",
    "general.architecture": String(description.metadata["general.architecture"]),
    "adapter.type": "lora",
    "adapter.lora.alpha": plan.alpha,
    ...carriedMetadata(file, config),
  };
  const bytes = await writeAdapter(file, { conversions: plan.conversions, metadata }, options);
  const ranks = pairs.map(({ a }) => a.shape[0] as number);
  return { bytes, modules: pairs.length, alpha: plan.alpha, ranks: [Math.min(...ranks), Math.max(...ranks)] };
}

async function refusePickle(folder: string, weights: string): Promise<void> {
  const exists = (path: string) =>
    stat(path).then(
      () => true,
      () => false,
    );
  if ((await exists(weights)) || !(await exists(join(folder, "adapter_model.bin")))) return;
  throw new MediloraError(
    "ADAPTER_INVALID",
    `${folder} holds adapter_model.bin, a pickle, which can run code when it is read. Convert it where you trust it: load it with PEFT and call save_pretrained(folder), which writes adapter_model.safetensors.`,
  );
}

/** Chooses the file's alpha, the one that most layers share, and what is left for each B. */
function planConversion(
  file: SafetensorsFile,
  config: PeftConfig,
  pairs: readonly TensorPair[],
): { alpha: number; conversions: Conversion[] } {
  const modules = pairs.map(({ layer }) => layer.module);
  const untargeted = firstUntargeted(config, modules);
  if (untargeted !== undefined)
    throw new MediloraError(
      "ADAPTER_INVALID",
      `${file.path} adapts ${untargeted}, which adapter_config.json does not (target_modules, exclude_modules, layers_to_transform). Correct one of them.`,
    );
  const scales = moduleScales(config, modules);
  const alphas = pairs.map(({ layer, a }) => {
    const { rank, scale } = scales.get(layer.module)!;
    // As floats of 32 bits: 49 * (16 / 49) is not 16, and would widen a B for nothing.
    if (a.shape[0] === rank) return Math.fround(rank * scale);
    throw new MediloraError(
      "ADAPTER_INVALID",
      `${file.path}: ${layer.module} has rank ${a.shape[0]}, but adapter_config.json says ${rank}. Correct r or rank_pattern.`,
    );
  });
  const alpha = mostCommon(alphas);
  if (!Number.isFinite(alpha) || alpha === 0)
    throw new MediloraError("ADAPTER_INVALID", `${config.path}: lora_alpha does not fit a 32-bit float. Correct it.`);
  const conversions = pairs.flatMap((pair, i) => convert(pair, alphas[i]! / alpha));
  return { alpha, conversions };
}

function convert({ layer, a, b }: TensorPair, factor: number): Conversion[] {
  const type = factor === 1 ? b.type : "F32";
  return [
    { source: a, name: `${layer.tensor}.lora_a`, type: a.type, heads: 0, factor: 1 },
    { source: b, name: `${layer.tensor}.lora_b`, type, heads: layer.permutedHeads, factor },
  ];
}

/** Where the adapter comes from: what {@link exportPeftAdapter} kept, and the base's name in PEFT. */
function carriedMetadata(file: SafetensorsFile, { baseModel }: PeftConfig): Record<string, string> {
  const own = Object.entries(file.metadata).filter(([key]) => key.startsWith("medilora."));
  const entries = baseModel === null ? own : [...own, ["medilora.peft_base_model", baseModel] as const];
  // Text of an untrusted file goes on only where it is short and plain.
  return Object.fromEntries(entries.filter((entry) => entry.every((text) => /^[\x20-\x7e]{1,500}$/.test(text))));
}

async function writeAdapter(
  file: SafetensorsFile,
  { conversions, metadata }: { conversions: Conversion[]; metadata: Record<string, string | number> },
  { output, signal, onProgress }: ImportPeftOptions,
): Promise<number> {
  const header = callNative(() =>
    native().ggufHeader({
      metadata,
      tensors: conversions.map(({ name, type, source: { shape } }) => ({
        name,
        type: type.toLowerCase() as "f32" | "f16" | "bf16",
        shape: Int32Array.from(shape.toReversed()),
      })),
    }),
  );
  await using writer = await AtomicWriter.open(output);
  await writer.write(header);
  let bytes = header.length;
  for (const [i, conversion] of conversions.entries()) {
    stopIfAborted(signal);
    const data = await convertedBytes(file, conversion);
    const padding = Buffer.alloc(-data.length & (ALIGNMENT - 1));
    await writer.write(data);
    await writer.write(padding);
    bytes += data.length + padding.length;
    onProgress?.({ done: i + 1, total: conversions.length });
  }
  await writer.commit();
  return bytes;
}

async function convertedBytes(file: SafetensorsFile, { source, type, heads, factor }: Conversion): Promise<Buffer> {
  const original = await file.read(source);
  const data = factor === 1 ? original : scaledToFloat32(source.type, original, factor);
  // NaN and infinity stay so when they are multiplied.
  if (!allFinite(type, data))
    throw new MediloraError(
      "ADAPTER_INVALID",
      `${file.path}: ${shown(source.name)} holds NaN or infinity, or numbers too large to scale. Train or save the adapter again.`,
    );
  return heads === 0 ? data : permuteHeads(data, source.shape[0] as number, { heads, to: "gguf" });
}
