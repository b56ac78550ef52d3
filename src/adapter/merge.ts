import { runJob } from "../native/call.js";
import { native } from "../native/load.js";
import type { CountProgress } from "../native/trainingBinding.js";
import { requireTexts } from "../util/arguments.js";
import { packageVersion } from "../util/version.js";

export interface MergeOptions {
  /** GGUF base model; F32, F16 or BF16 give the exact merge. */
  base: string;
  /** GGUF adapter that was trained on this base. */
  adapter: string;
  output: string;
  /** Type of the merged matrices; by default the base's own float type, F16 for a quantised base. */
  type?: "F32" | "F16" | "BF16";
  /** Multiplies the adapter's own alpha / r; 1 by default. */
  scale?: number;
  threads?: number;
  signal?: AbortSignal;
  /** Tensors written so far, and in all. */
  onProgress?: (progress: CountProgress) => void;
}

export interface MergeResult {
  bytes: number;
  /** Tensors that the adapter changed. */
  mergedTensors: number;
  type: "F32" | "F16" | "BF16";
  warnings: string[];
}

/**
 * Merges a LoRA adapter into its base: W' = W + scale (alpha / r) B A, in float32, a few rows at a time.
 * @returns bytes written and the number of tensors changed
 * @throws MediloraError `ADAPTER_MISMATCH` when a tensor of the adapter has no counterpart or another shape,
 *         `ARGUMENT_INVALID`, `ADAPTER_INVALID`, `MODEL_INVALID`, `FILE_NOT_FOUND`, `TYPE_UNSUPPORTED`, `DISK_FULL`, `FILE_WRITE`, `ABORTED`
 * @see Hu et al. 2021, LoRA, section 4.1
 */
export async function mergeAdapter(options: MergeOptions): Promise<MergeResult> {
  requireTexts("mergeAdapter()", options, ["base", "adapter", "output"]);
  const { signal, onProgress, ...call } = options;
  const metadata = { "medilora.version": packageVersion() };
  const { baseQuantized, ...answer } = await runJob(signal, (cancel, listen) =>
    native().adapterMerge({ ...call, metadata, cancel, ...(onProgress && { onProgress: listen(onProgress) }) }),
  );
  const warnings = baseQuantized
    ? [
        `${options.base} is quantised, so its rounding errors stay in the merged weights. Merge into the F16 model that it was made from.`,
      ]
    : [];
  return { ...answer, warnings };
}
