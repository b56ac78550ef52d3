import { MediloraError } from "../errors.js";
import type { GgufDescription, GgufTensor } from "../native/binding.js";
import type { AdaptedModule } from "./peftNames.js";
import { ELEMENT_BYTES, type ElementType } from "./safetensors.js";

/** One half of a pair in a GGUF file, its shape in row-major order. */
export interface GgufHalf {
  type: ElementType;
  shape: number[];
  bytes: number;
  offset: number;
}

/** A [rank, inputs] and B [outputs, rank] of one linear layer. */
export interface GgufPair {
  layer: AdaptedModule;
  rank: number;
  a: GgufHalf;
  b: GgufHalf;
}

interface NamedAdapter {
  path: string;
  adapter: GgufDescription;
}

interface NamedBase {
  path: string;
  model: GgufDescription;
  layers: readonly AdaptedModule[];
}

/** alpha of a GGUF adapter. @throws MediloraError `ADAPTER_INVALID` for a file that is none, or says more than alpha */
export function readAlpha({ metadata }: GgufDescription, path: string): number {
  if (metadata["general.type"] !== "adapter" || metadata["adapter.type"] !== "lora")
    throw invalid(path, "it is no LoRA adapter (general.type, adapter.type)");
  if (metadata["adapter.alora.invocation_tokens"] !== undefined)
    throw invalid(path, "it is an activated LoRA, which is not converted");
  const alpha = metadata["adapter.lora.alpha"];
  if (typeof alpha === "number" && Number.isFinite(alpha)) return alpha;
  throw invalid(path, "its adapter.lora.alpha is no finite number");
}

/**
 * Pairs the tensors of a GGUF adapter by the layers of the base, in the order of their names.
 * @throws MediloraError `ADAPTER_INVALID`, `ADAPTER_MISMATCH`, `TYPE_UNSUPPORTED`
 */
export function ggufPairs({ path, adapter }: NamedAdapter, base: NamedBase): GgufPair[] {
  const architecture = base.model.metadata["general.architecture"];
  if (adapter.metadata["general.architecture"] !== architecture)
    throw mismatch(path, `it is of another architecture than ${base.path}`);
  const byName = new Map(adapter.tensors.map((tensor) => [tensor.name, tensor]));
  const byTensor = new Map(base.layers.map((layer) => [layer.tensor, layer]));
  const names = new Set(adapter.tensors.map(({ name }) => tensorOf(name, path)));
  if (names.size === 0) throw invalid(path, "it has no tensors");
  return [...names].sort().map((name) => {
    const layer = byTensor.get(name);
    if (layer === undefined)
      throw mismatch(path, `it adapts ${name}, which is no linear layer of ${base.path} that PEFT could adapt`);
    const [a, b] = [byName.get(`${name}.lora_a`), byName.get(`${name}.lora_b`)];
    if (a === undefined || b === undefined) throw invalid(path, `${name} has only one of lora_a and lora_b`);
    return pair({ layer, a, b }, { path, base: base.path });
  });
}

function tensorOf(name: string, path: string): string {
  const tensor = /^(.+)\.lora_[ab]$/.exec(name)?.[1];
  if (tensor === undefined) throw invalid(path, `the tensor ${name} is no part of a LoRA`);
  return tensor;
}

function pair(
  { layer, a, b }: { layer: AdaptedModule; a: GgufTensor; b: GgufTensor },
  { path, base }: { path: string; base: string },
): GgufPair {
  const [inputs, rank = 1, ...moreOfA] = a.shape;
  const [rankOfB, outputs = 1, ...moreOfB] = b.shape;
  if (rank !== rankOfB || moreOfA.length + moreOfB.length > 0)
    throw invalid(path, `the lora_a and lora_b of ${layer.tensor} are no matrices of one rank`);
  if (inputs !== layer.inputs || outputs !== layer.outputs)
    throw mismatch(path, `${layer.tensor} has another shape in ${base}`);
  return { layer, rank, a: half(a, [rank, inputs], path), b: half(b, [outputs, rank], path) };
}

function half({ name, type, bytes, offset }: GgufTensor, shape: number[], path: string): GgufHalf {
  const upper = type.toUpperCase();
  if (Object.hasOwn(ELEMENT_BYTES, upper)) return { type: upper as ElementType, shape, bytes, offset };
  throw new MediloraError(
    "TYPE_UNSUPPORTED",
    `${path}: ${name} is of type ${type}. Only adapters in F32, F16 and BF16 can be converted.`,
  );
}

function invalid(path: string, what: string): MediloraError {
  return new MediloraError("ADAPTER_INVALID", `${path} is not a usable adapter: ${what}. Train or convert it again.`);
}

function mismatch(path: string, what: string): MediloraError {
  return new MediloraError("ADAPTER_MISMATCH", `${path}: ${what}. Use the base model that the adapter was trained on.`);
}
