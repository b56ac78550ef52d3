import { callNative, runJob } from "../native/call.js";
import { native } from "../native/load.js";
import type { CountProgress } from "../native/trainingBinding.js";
import { requireTexts } from "../util/arguments.js";

export interface QuantizeOptions {
  /** GGUF model in F32, F16 or BF16. */
  input: string;
  output: string;
  /** One of {@link quantizeTypes}, e.g. "Q3_K_L". */
  type: string;
  threads?: number;
  /** Also takes a quantised input; its rounding errors add to the new ones. */
  allowRequantize?: boolean;
  signal?: AbortSignal;
  /** Tensors finished so far, and in all. */
  onProgress?: (progress: CountProgress) => void;
}

/**
 * Quantises a model, byte for byte as llama.cpp's own `llama_model_quantize` of the pinned release does.
 * @returns the size of the output in bytes
 * @throws MediloraError `ARGUMENT_INVALID`, `TYPE_UNSUPPORTED`, `QUANTIZE_FAILED` with llama.cpp's reason, `MODEL_INVALID`,
 *         `FILE_NOT_FOUND`, `DISK_FULL`, `FILE_WRITE`, `ABORTED`
 */
export async function quantize(options: QuantizeOptions): Promise<{ bytes: number }> {
  requireTexts("quantize()", options, ["input", "output", "type"]);
  const { signal, onProgress, ...call } = options;
  const bytes = await runJob(signal, (cancel, listen) =>
    native().quantize({ ...call, cancel, ...(onProgress && { onProgress: listen(onProgress) }) }),
  );
  return { bytes };
}

/** The names of llama.cpp's quantisation types, from the largest to the smallest. */
export function quantizeTypes(): string[] {
  return callNative(() => native().quantizeTypes());
}
