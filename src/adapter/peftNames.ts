import { MediloraError } from "../errors.js";
import type { GgufDescription, GgufTensor } from "../native/binding.js";

/** The linear layers of a block: the module's name in Hugging Face's model, the tensor's in GGUF. */
const BLOCK_MODULES: ReadonlyArray<readonly [string, string]> = [
  ["self_attn.q_proj", "attn_q"],
  ["self_attn.k_proj", "attn_k"],
  ["self_attn.v_proj", "attn_v"],
  ["self_attn.o_proj", "attn_output"],
  ["mlp.gate_proj", "ffn_gate"],
  ["mlp.up_proj", "ffn_up"],
  ["mlp.down_proj", "ffn_down"],
];

/** Architectures whose modules have these names. Mistral is "llama" in GGUF. */
const ARCHITECTURES = ["llama", "qwen2", "qwen3"];

/** A linear layer that both formats can adapt. */
export interface AdaptedModule {
  /** Hugging Face's, such as "model.layers.0.self_attn.q_proj". */
  module: string;
  /** GGUF's, such as "blk.0.attn_q.weight". */
  tensor: string;
  inputs: number;
  outputs: number;
  /** Heads whose rows stand in another order in GGUF; 0 where the order is the same. */
  permutedHeads: number;
}

/**
 * The linear layers of a base model that LoRA can adapt in both formats, by name.
 *
 * For "llama", llama.cpp rotates neighbouring rows of a head of q and k where Hugging Face rotates row i with row
 * i + d/2, so the rows were reordered when the base was converted. Qwen's were not.
 * @throws MediloraError `ARCHITECTURE_UNSUPPORTED`, `MODEL_INVALID`
 */
export function adaptedModules(base: GgufDescription, path: string): AdaptedModule[] {
  const architecture = base.metadata["general.architecture"];
  if (typeof architecture !== "string" || !ARCHITECTURES.includes(architecture))
    throw new MediloraError(
      "ARCHITECTURE_UNSUPPORTED",
      `${path} is of an architecture whose adapters cannot be converted. Convertible are ${ARCHITECTURES.join(", ")}.`,
    );
  const names = new Map(BLOCK_MODULES.map(([module, tensor]) => [tensor, module]));
  return base.tensors.flatMap((tensor): AdaptedModule[] => {
    if (tensor.name === "output.weight")
      return [{ module: "lm_head", tensor: tensor.name, ...sizes(tensor), permutedHeads: 0 }];
    const [, layer = "", kind = ""] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(tensor.name) ?? [];
    const module = names.get(kind);
    if (module === undefined) return [];
    const permutedHeads = architecture === "llama" ? headsOf(base, { path, kind, layer: Number(layer) }) : 0;
    if (permutedHeads > 0 && tensor.shape[1]! % (2 * permutedHeads) !== 0)
      throw new MediloraError(
        "MODEL_INVALID",
        `${path}: the rows of ${tensor.name} make no whole heads. Convert it again.`,
      );
    return [{ module: `model.layers.${layer}.${module}`, tensor: tensor.name, ...sizes(tensor), permutedHeads }];
  });
}

function sizes({ shape: [inputs = 0, outputs = 1] }: GgufTensor): { inputs: number; outputs: number } {
  return { inputs, outputs };
}

function headsOf(base: GgufDescription, { path, kind, layer }: { path: string; kind: string; layer: number }): number {
  if (kind !== "attn_q" && kind !== "attn_k") return 0;
  const all = base.metadata["llama.attention.head_count"];
  const value = kind === "attn_k" ? (base.metadata["llama.attention.head_count_kv"] ?? all) : all;
  const heads = Array.isArray(value) ? value[layer] : value;
  if (typeof heads === "number" && Number.isSafeInteger(heads) && heads > 0) return heads;
  throw new MediloraError("MODEL_INVALID", `${path} does not say how many heads ${kind} has. Convert it again.`);
}
