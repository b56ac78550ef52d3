import type { GgufDescription } from "./native/binding.js";

/** What a GGUF file says of itself; null where it does not. */
export interface ModelInfo {
  /** llama.cpp's name of the architecture, e.g. "llama". */
  architecture: string | null;
  name: string | null;
  /** Elements of all tensors. */
  parameters: number;
  /** Most tokens of one sequence in training. */
  contextLength: number | null;
  /** llama.cpp's name of the mix, e.g. "Q3_K_L"; that of the type with most bytes where the file names none. */
  quantization: string;
  /** Size of the file. */
  bytes: number;
}

/** The `general.file_type` of GGUF, llama.cpp's `llama_ftype`. */
const FILE_TYPES: Readonly<Record<number, string>> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  7: "Q8_0",
  8: "Q5_0",
  9: "Q5_1",
  10: "Q2_K",
  11: "Q3_K_S",
  12: "Q3_K_M",
  13: "Q3_K_L",
  14: "Q4_K_S",
  15: "Q4_K_M",
  16: "Q5_K_S",
  17: "Q5_K_M",
  18: "Q6_K",
  19: "IQ2_XXS",
  20: "IQ2_XS",
  21: "Q2_K_S",
  22: "IQ3_XS",
  23: "IQ3_XXS",
  24: "IQ1_S",
  25: "IQ4_NL",
  26: "IQ3_S",
  27: "IQ3_M",
  28: "IQ2_S",
  29: "IQ2_M",
  30: "IQ4_XS",
  31: "IQ1_M",
  32: "BF16",
  36: "TQ1_0",
  37: "TQ2_0",
  38: "MXFP4_MOE",
  39: "NVFP4",
  40: "Q1_0",
  41: "Q2_0",
};

/** Reads the facts of a model from its GGUF metadata. */
export function describeModel({ bytes, metadata, tensors }: GgufDescription): ModelInfo {
  const architecture = text(metadata["general.architecture"]);
  const contextLength = metadata[`${architecture}.context_length`];
  return {
    architecture,
    name: text(metadata["general.name"]),
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    contextLength: typeof contextLength === "number" ? contextLength : null,
    quantization: FILE_TYPES[Number(metadata["general.file_type"])] ?? dominantType(tensors),
    bytes,
  };
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function dominantType(tensors: GgufDescription["tensors"]): string {
  const bytesOf = new Map<string, number>();
  for (const { type, bytes } of tensors) bytesOf.set(type, (bytesOf.get(type) ?? 0) + bytes);
  const [most] = [...bytesOf].sort(([, a], [, b]) => b - a);
  return most?.[0].toUpperCase() ?? "none";
}
