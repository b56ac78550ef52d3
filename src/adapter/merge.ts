import { MediloraError } from "../errors.js";
import type { AdapterOptions } from "../native/binding.js";
import { runJob } from "../native/call.js";
import { readGguf } from "../native/gguf.js";
import { native } from "../native/load.js";
import type { CountProgress } from "../native/trainingBinding.js";
import { requireTexts } from "../util/arguments.js";
import { sha256File } from "../util/hash.js";
import { adapterProvenance, modelParts } from "./provenance.js";

/** What {@link mergeAdapter} reads and writes. `threads`: by default one for each processor of this process. */
export interface MergeOptions {
  /** GGUF base model, or the first part of a split one; F32, F16 or BF16 give the exact merge. */
  base: string;
  /** GGUF adapter that was trained on this base; or several, each with the weight (`scale`, 1 by default) of its part. */
  adapter: string | readonly AdapterOptions[];
  output: string;
  /** Type of the merged matrices; by default the base's own float type, F16 for a quantised base. */
  type?: "F32" | "F16" | "BF16";
  /** Multiplies every adapter's weight; 1 by default. */
  scale?: number;
  /** One of {@link quantizeTypes}: the output is the merged model quantised to it, and no float file is left. */
  quantize?: string;
  threads?: number;
  signal?: AbortSignal;
  /** Tensors written so far, and in all; those that are quantised count again. */
  onProgress?: (progress: CountProgress) => void;
}

/** What {@link mergeAdapter} wrote; `bytes` is the size of the output. */
export interface MergeResult {
  bytes: number;
  /** Tensors that the adapters changed. */
  mergedTensors: number;
  /** What the matrices were merged as, before they were quantised. */
  type: "F32" | "F16" | "BF16";
  warnings: string[];
}

/**
 * Merges LoRA adapters into their base: W' = W + sum_i scale weight_i (alpha_i / r_i) B_i A_i, in float32, some rows at a
 * time. The output's metadata names the files by their SHA-256 and carries the adapters' own `medilora.` keys on.
 * @returns bytes written and the number of tensors changed
 * @throws MediloraError `ADAPTER_MISMATCH` when a tensor of an adapter has no counterpart or another shape,
 *         `ARGUMENT_INVALID`, `ADAPTER_INVALID`, `MODEL_INVALID`, `FILE_NOT_FOUND`, `TYPE_UNSUPPORTED`, `DISK_FULL`,
 *         `FILE_WRITE`, `ABORTED`; `QUANTIZE_FAILED` with llama.cpp's reason
 * @see Hu et al. 2021, LoRA, section 4.1
 */
export async function mergeAdapter(options: MergeOptions): Promise<MergeResult> {
  const several = Array.isArray(options?.adapter);
  requireTexts("mergeAdapter()", options, several ? ["base", "output"] : ["base", "adapter", "output"]);
  const { signal, onProgress, adapter, ...call } = options;
  const adapters = typeof adapter === "string" ? [{ path: adapter }] : adapter;
  checkAdapters(adapters);
  const metadata = await adapterProvenance(adapters, { scale: call.scale, signal });
  const hashing = await startHashing(call.base, signal);
  const merging = runJob(hashing.signal, (cancel, listen) =>
    native().adapterMerge({
      ...call,
      adapters,
      metadata,
      baseSha256: hashing.late,
      cancel,
      ...(onProgress && { onProgress: listen(onProgress) }),
    }),
  );
  const { baseQuantized, ...answer } = await hashing.until(merging);
  const warnings = baseQuantized
    ? [
        `${options.base} is quantised, so its rounding errors stay in the merged weights. Merge into the F16 model that it was made from.`,
      ]
    : [];
  return { ...answer, warnings };
}

/** Hashes the base, in parts joined by commas, while the merge runs: one after the other would take half as long again. */
async function startHashing(base: string, signal: AbortSignal | undefined) {
  const parts = modelParts(base, await readGguf(base));
  const late = { text: new Uint8Array(65 * parts.length - 1), ready: new Int32Array(1) };
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const hashed = hashAll(parts, either).then((text) => {
    new TextEncoder().encodeInto(text, late.text);
    Atomics.store(late.ready, 0, 1);
  });
  return {
    late,
    signal: either,
    /** The merge's result, or what went wrong first; neither goes on without the other. */
    async until<T>(merging: Promise<T>): Promise<T> {
      try {
        const [result] = await Promise.all([merging, hashed]);
        return result;
      } catch (error) {
        stop.abort(error);
        await Promise.allSettled([merging, hashed]);
        throw error;
      }
    },
  };
}

async function hashAll(parts: readonly string[], signal: AbortSignal): Promise<string> {
  const hashes: string[] = [];
  for (const part of parts) hashes.push(await sha256File(part, signal));
  return hashes.join(",");
}

function checkAdapters(adapters: readonly AdapterOptions[]): void {
  if (adapters.length === 0) throw new MediloraError("ARGUMENT_INVALID", "mergeAdapter() needs at least one adapter.");
  adapters.forEach((adapter, i) => {
    requireTexts(`mergeAdapter(): adapter[${i}]`, adapter, ["path"]);
  });
}
