import { MediloraError } from "../errors.js";
import type { AdaptedModule } from "./peftNames.js";
import { type SafetensorsFile, type SafetensorsTensor, shown } from "./safetensors.js";

/** A [rank, inputs] and B [outputs, rank] of one linear layer. */
export interface TensorPair {
  layer: AdaptedModule;
  a: SafetensorsTensor;
  b: SafetensorsTensor;
}

const NAME = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/;

/** What PEFT saves besides the A and B of linear layers, and why each cannot be carried. */
const FOREIGN: ReadonlyArray<readonly [RegExp, string]> = [
  [/lora_embedding_[AB]/, "LoRA of the token embedding (lora_embedding) is not carried"],
  [/lora_magnitude_vector/, "it belongs to DoRA, which is not carried"],
  [/\bscore\b|\bclassifier\b/, "it is a head of a classifier, which GGUF's adapters do not have"],
  [/modules_to_save/, "whole modules (modules_to_save) are not carried"],
  [/\.bias$/, "biases are not carried"],
  [
    /base_layer|\b(?:embed_tokens|lm_head)\.weight$/,
    "weights of the base are not carried; save with save_embedding_layers=False",
  ],
];

/** Name in PEFT's file of one half of a module's pair. */
export function peftTensorName(module: string, half: "A" | "B"): string {
  return `base_model.model.${module}.lora_${half}.weight`;
}

/**
 * Pairs the tensors of a PEFT file by the layers of the base, in the order of GGUF's names.
 * @throws MediloraError `ADAPTER_INVALID` for a tensor that cannot be carried or has no other half, `ADAPTER_MISMATCH`
 *   for one that has no counterpart in the base, or another shape
 */
export function pairTensors(file: SafetensorsFile, layers: readonly AdaptedModule[], base: string): TensorPair[] {
  const byModule = new Map(layers.map((layer) => [layer.module, layer]));
  const halves = new Map<AdaptedModule, Partial<Record<string, SafetensorsTensor>>>();
  for (const tensor of file.tensors.values()) {
    const [, module = "", half = ""] = NAME.exec(tensor.name) ?? refuseForeign(file.path, tensor.name);
    const layer = byModule.get(module);
    if (layer === undefined) throw noCounterpart(file.path, { module, base });
    halves.set(layer, { ...halves.get(layer), [half]: tensor });
  }
  if (halves.size === 0) throw invalid(file.path, "it has no tensors");
  const pairs = [...halves].map(([layer, { A: a, B: b }]) => {
    if (a === undefined || b === undefined) throw invalid(file.path, `${layer.module} has only one of A and B`);
    checkShapes(file.path, { layer, a, b }, base);
    return { layer, a, b };
  });
  return pairs.sort((x, y) => (x.layer.tensor < y.layer.tensor ? -1 : 1));
}

function checkShapes(path: string, { layer, a, b }: TensorPair, base: string): void {
  const [rank = 0, inputs] = a.shape;
  const [outputs, rankOfB] = b.shape;
  if (a.shape.length !== 2 || b.shape.length !== 2 || rank < 1 || rank !== rankOfB)
    throw invalid(path, `the A and B of ${layer.module} are no matrices of one rank`);
  if (inputs !== layer.inputs || outputs !== layer.outputs)
    throw new MediloraError(
      "ADAPTER_MISMATCH",
      `${path}: ${layer.module} maps ${inputs} to ${outputs} values, in ${base} ${layer.inputs} to ${layer.outputs}. Use the base model that the adapter was trained on.`,
    );
}

function noCounterpart(path: string, { module, base }: { module: string; base: string }): MediloraError {
  const reason =
    module === "lm_head"
      ? "its output layer is its token embedding, and an adapter of the one would change the other"
      : "it has no such linear layer";
  return new MediloraError(
    "ADAPTER_MISMATCH",
    `${path} adapts ${shown(module)}, which ${base} cannot take: ${reason}. Use the base model that the adapter was trained on.`,
  );
}

function refuseForeign(path: string, name: string): never {
  const reason = FOREIGN.find(([pattern]) => pattern.test(name))?.[1] ?? "it is no part of a LoRA of linear layers";
  throw invalid(path, `the tensor ${shown(name)} cannot become GGUF: ${reason}`);
}

function invalid(path: string, what: string): MediloraError {
  return new MediloraError(
    "ADAPTER_INVALID",
    `${path}: ${what}. Save the adapter again without it, or merge it with PEFT.`,
  );
}
