import { open } from "node:fs/promises";
import { join } from "node:path";
import { areDistinct } from "../data/manifest.js";
import { MediloraError } from "../errors.js";
import type { GgufDescription } from "../native/binding.js";
import { readGguf } from "../native/gguf.js";
import type { CountProgress } from "../native/trainingBinding.js";
import { requireTexts } from "../util/arguments.js";
import { AtomicWriter, writeFileAtomic } from "../util/atomicFile.js";
import { makeFolder } from "../util/folder.js";
import { stopIfAborted } from "../util/turn.js";
import { type GgufPair, ggufPairs, readAlpha } from "./ggufPairs.js";
import type { ConvertedAdapter } from "./importPeft.js";
import { mostCommon } from "./mostCommon.js";
import { adaptedModules } from "./peftNames.js";
import { peftTensorName } from "./peftTensors.js";
import { ownMetadata } from "./provenance.js";
import { type ElementType, readExactly, safetensorsHeader } from "./safetensors.js";
import { allFinite, permuteHeads } from "./tensorBytes.js";

/** What {@link exportPeftAdapter} reads and writes. */
export interface ExportPeftOptions {
  /** The adapter as GGUF. */
  input: string;
  /** GGUF of the model that the adapter was trained on, in any quantisation. */
  base: string;
  /** Folder for `adapter_config.json` and `adapter_model.safetensors`; made where there is none. */
  output: string;
  /** `base_model_name_or_path` of the configuration; by default what an import kept, else null. */
  baseModel?: string;
  signal?: AbortSignal;
  /** Tensors written so far, and in all. */
  onProgress?: (progress: CountProgress) => void;
}

/** One tensor of the safetensors file and where it comes from. */
interface Part {
  name: string;
  type: ElementType;
  shape: number[];
  bytes: number;
  offset: number;
  heads: number;
}

/**
 * Converts a GGUF adapter to one that Hugging Face's PEFT loads. Types are kept, and bytes too but for the order of q's
 * and k's rows in models of the Llama architecture.
 * @throws MediloraError `ADAPTER_INVALID`, `ADAPTER_MISMATCH` when a tensor has no counterpart in the base or in PEFT, or
 *   another shape; `TYPE_UNSUPPORTED` for quantised adapters; `ARCHITECTURE_UNSUPPORTED`, `ARGUMENT_INVALID`,
 *   `FILE_NOT_FOUND`, `FILE_READ`, `FILE_WRITE`, `DISK_FULL`, `ABORTED`, `MODEL_INVALID`
 */
export async function exportPeftAdapter(options: ExportPeftOptions): Promise<ConvertedAdapter> {
  requireTexts("exportPeftAdapter()", options, ["input", "base", "output"]);
  const { input, base, output } = options;
  const adapter = await readGguf(input);
  const model = await readGguf(base);
  const alpha = readAlpha(adapter, input);
  const layers = adaptedModules(model, base);
  const pairs = ggufPairs({ path: input, adapter }, { path: base, model, layers });
  const [weights, config] = [join(output, "adapter_model.safetensors"), join(output, "adapter_config.json")];
  if (!areDistinct([input, base], [weights, config]))
    throw new MediloraError("ARGUMENT_INVALID", `A file of ${output} is one of the inputs. Name another folder.`);
  await makeFolder(output);
  const bytes = await writeWeights(weights, { pairs, adapter }, options);
  const { [BASE_KEY]: kept = null } = ownMetadata(adapter);
  const text = JSON.stringify(peftConfig(pairs, { alpha, layers, baseModel: options.baseModel ?? kept }), null, 2);
  await writeFileAtomic(config, `${text}\n`);
  const ranks = pairs.map(({ rank }) => rank);
  return { bytes, modules: pairs.length, alpha, ranks: [Math.min(...ranks), Math.max(...ranks)] };
}

/** Where an import keeps `base_model_name_or_path`. */
const BASE_KEY = "medilora.peft_base_model";

async function writeWeights(
  path: string,
  { pairs, adapter }: { pairs: readonly GgufPair[]; adapter: GgufDescription },
  { input, signal, onProgress }: ExportPeftOptions,
): Promise<number> {
  const parts = pairs.flatMap(({ layer, a, b }): Part[] => [
    { ...a, name: peftTensorName(layer.module, "A"), heads: 0 },
    { ...b, name: peftTensorName(layer.module, "B"), heads: layer.permutedHeads },
  ]);
  const { [BASE_KEY]: _, ...own } = ownMetadata(adapter);
  const header = safetensorsHeader(parts, { format: "pt", ...own });
  await using writer = await AtomicWriter.open(path);
  await writer.write(header);
  const handle = await open(input);
  try {
    for (const [i, part] of parts.entries()) {
      stopIfAborted(signal);
      const data = await readExactly(handle, input, part);
      if (!allFinite(part.type, data))
        throw new MediloraError("ADAPTER_INVALID", `${input}: ${part.name} holds NaN or infinity. Train it again.`);
      const rows = part.shape[0] as number;
      await writer.write(part.heads === 0 ? data : permuteHeads(data, rows, { heads: part.heads, to: "hf" }));
      onProgress?.({ done: i + 1, total: parts.length });
    }
  } finally {
    await handle.close();
  }
  await writer.commit();
  return header.length + parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What every release of PEFT that knows rslora (0.7 on) reads: keys of later ones are left at their defaults. */
function peftConfig(
  pairs: readonly GgufPair[],
  { alpha, layers, baseModel }: { alpha: number; layers: readonly { module: string }[]; baseModel: string | null },
): Record<string, unknown> {
  const rank = mostCommon(pairs.map((pair) => pair.rank));
  // Without the block's "model.", since PEFT before 0.14 wants something in front of a key.
  const key = (module: string) => module.replace(/^model\./, "");
  const others = pairs.filter((pair) => pair.rank !== rank).map((pair) => [key(pair.layer.module), pair.rank] as const);
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: baseModel,
    revision: null,
    inference_mode: true,
    r: rank,
    // An alpha of 0 is llama.cpp's way to say a scale of 1.
    lora_alpha: alpha === 0 ? rank : alpha,
    rank_pattern: Object.fromEntries(others),
    alpha_pattern: alpha === 0 ? Object.fromEntries(others) : {},
    use_rslora: false,
    lora_dropout: 0,
    target_modules: targetModules(
      pairs.map(({ layer }) => layer.module),
      layers.map(({ module }) => module),
    ),
    modules_to_save: null,
    layers_to_transform: null,
    layers_pattern: null,
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    auto_mapping: null,
  };
}

/** The last names of the modules where all modules of these names are adapted, else every module's whole name. */
function targetModules(adapted: readonly string[], all: readonly string[]): string[] {
  const last = (module: string) => module.slice(module.lastIndexOf(".") + 1);
  const names = [...new Set(adapted.map(last))].sort();
  const covered = all.filter((module) => names.includes(last(module)));
  return covered.length === adapted.length ? names : adapted.toSorted();
}
