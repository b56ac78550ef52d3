import { callNative, runJob } from "../native/call.js";
import { native } from "../native/load.js";
import type { CountProgress, QuantizeAnswer } from "../native/trainingBinding.js";
import { requireTexts } from "../util/arguments.js";

/** A type for the tensors whose names a pattern is found in. */
export interface TensorTypeRule {
  /** A regular expression (ECMAScript) such as "attn_v" or "blk\\.[0-3]\\.ffn_down"; upper case counts as lower case. */
  pattern: string;
  /** As "Q8_0", "Q6_K", "F16"; the names of single tensors' types have no _S, _M, _L. */
  type: string;
}

/** What {@link quantize} reads and writes. `threads`: by default one for each processor of this process. */
export interface QuantizeOptions {
  /** GGUF model in F32, F16 or BF16; of a split model the first part. */
  input: string;
  output: string;
  /** One of {@link quantizeTypes}, e.g. "Q3_K_L", in any case; or Q3_K, Q4_K, Q5_K for their _M. */
  type: string;
  /** Importance matrix of this model (`makeImatrix`, llama-imatrix), GGUF. */
  imatrix?: string;
  /** Types that differ from the mix of `type`; the first rule whose pattern fits counts. */
  tensorTypes?: readonly TensorTypeRule[];
  /** Of output.weight, or of the token embeddings where they stand in for it. */
  outputTensorType?: string;
  tokenEmbeddingType?: string;
  /** One type for all tensors instead of llama.cpp's mix. */
  pure?: boolean;
  threads?: number;
  /** Also takes a quantised input; its rounding errors add to the new ones. */
  allowRequantize?: boolean;
  signal?: AbortSignal;
  /** Tensors finished so far, and in all. */
  onProgress?: (progress: CountProgress) => void;
}

/** What {@link quantize} wrote. */
export interface QuantizeResult {
  /** Of the output. */
  bytes: number;
  warnings: string[];
}

/**
 * Quantises a model, byte for byte as llama-quantize of the pinned llama.cpp does with the same options.
 * @throws MediloraError `ARGUMENT_INVALID` (also for a pattern that fits no tensor), `TYPE_UNSUPPORTED`, `MODEL_INVALID`,
 *   `DATA_INVALID` for a damaged importance matrix, `QUANTIZE_FAILED` for one of another model, for a type that needs one,
 *   or with llama.cpp's reason; `FILE_NOT_FOUND`, `DISK_FULL`, `FILE_WRITE`, `ABORTED`
 */
export async function quantize(options: QuantizeOptions): Promise<QuantizeResult> {
  requireTexts("quantize()", options, ["input", "output", "type"]);
  const { signal, onProgress, ...call } = options;
  const { bytes, ...answer } = await runJob(signal, (cancel, listen) =>
    native().quantize({ ...call, cancel, ...(onProgress && { onProgress: listen(onProgress) }) }),
  );
  return { bytes, warnings: warningsOf(answer) };
}

function warningsOf({ fallbacks, withoutImportance }: Omit<QuantizeAnswer, "bytes">): string[] {
  const warnings: string[] = [];
  if (fallbacks > 0)
    warnings.push(
      `the rows of ${fallbacks} tensors are no whole blocks of their type and were written in another, as llama.cpp does.`,
    );
  if (withoutImportance > 0)
    warnings.push(`the importance matrix says nothing of ${withoutImportance} quantised tensors.`);
  return warnings;
}

/** The names of llama.cpp's quantisation types, from the largest to the smallest. */
export function quantizeTypes(): string[] {
  return callNative(() => native().quantizeTypes());
}
