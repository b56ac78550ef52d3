import type {
  EngineHandle,
  EngineInfo,
  EngineOpenOptions,
  GenerateRequest,
  GenerateResult,
  JobOptions,
  ScoreRequest,
  ScoreResult,
} from "./binding.js";
import { callNative, type Listen, runJob } from "./call.js";
import { native } from "./load.js";

/**
 * - `contextSize`: KV cells of all sequences together, default 4096. One sequence holds at most this, and at most what
 *   the model was trained for.
 * - `sequences`: answers decoded together, 1 to 256, default 8.
 * - `batchSize`, `microBatchSize`: tokens of one decode call and of one graph, default 1024 both.
 * - `threads`: default all cores that this process may use.
 * - `gpuLayers`: layers kept on a GPU, default 0.
 * - `repackWeights`: lets ggml rearrange quantised weights for this processor, and compute everything. By default our own
 *   kernels compute: faster from about 6 tokens a batch on, slower for one sequence alone, and a sequence's numbers do
 *   not depend on what else is in the batch, to the bit. Default true where we have no kernels, and with `gpuLayers`.
 * - `kvType`: default "f16"; "f32" for parity checks.
 * - `flashAttention`: default "auto"; "on" with an f32 cache is refused, since llama.cpp's own rounds it to f16.
 */
export type EngineOptions = Omit<EngineOpenOptions, keyof JobOptions<never>>;

/** Many prompts over one model and one KV cache, decoded together. One call at a time: a second one gets `BUSY`. */
export class InferenceEngine implements AsyncDisposable {
  readonly #handle: EngineHandle;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly info: Readonly<EngineInfo>;

  private constructor(handle: EngineHandle) {
    this.#handle = handle;
    this.info = Object.freeze(callNative(() => native().engineInfo(handle)));
  }

  /**
   * Loads a model and its adapters.
   * @param call.onProgress gets the fraction of the model read, 0 to 1
   * @throws MediloraError `FILE_NOT_FOUND`, `MODEL_INVALID`, `ADAPTER_INVALID`, `ADAPTER_MISMATCH`, `OUT_OF_MEMORY`,
   *         `ARGUMENT_INVALID`, `ABORTED`
   */
  static async open(
    options: EngineOptions,
    call: { signal?: AbortSignal; onProgress?: (fraction: number) => void } = {},
  ): Promise<InferenceEngine> {
    const handle = await runJob(call.signal, (cancel, listen) =>
      native().engineOpen({
        ...options,
        cancel,
        onProgress: listen(({ fraction }) => call.onProgress?.(fraction)),
      }),
    );
    return new InferenceEngine(handle);
  }

  /**
   * Answers every request. Requests enter as others finish; a prefix that all prompts share is computed once.
   * An answer depends on its request alone, up to the rounding of sums in batches of another shape.
   * @param call.onResult    called once a request, as each ends
   * @param call.sharePrefix false computes every prompt in full; true by default
   * @throws MediloraError before anything is computed, naming the request's index: `CONTEXT_EXCEEDED`,
   *         `TOKEN_OUT_OF_RANGE`, `ARGUMENT_INVALID`; later `ABORTED`, or what onResult threw
   */
  async generate(
    requests: readonly GenerateRequest[],
    call: { signal?: AbortSignal; onResult: (result: GenerateResult) => void; sharePrefix?: boolean },
  ): Promise<void> {
    await this.#run(call.signal, (cancel, listen) =>
      native().engineGenerate(this.#handle, {
        requests,
        sharePrefix: call.sharePrefix ?? true,
        cancel,
        onProgress: listen(call.onResult),
      }),
    );
  }

  /**
   * Log-likelihood of every continuation of every request. What requests and continuations have in common at their
   * beginning is computed once; logits only at the last token of a context and at each token of a continuation but its
   * last, which is not decoded at all.
   * @param call.onResult    called once a request, as each ends
   * @param call.sharePrefix false computes every continuation with its whole context; true by default
   * @throws MediloraError before anything is computed, naming the request's index: `CONTEXT_EXCEEDED`,
   *         `TOKEN_OUT_OF_RANGE`, `ARGUMENT_INVALID`; later `MODEL_INVALID` for logits that are not finite, `ABORTED`, or
   *         what onResult threw
   */
  async score(
    requests: readonly ScoreRequest[],
    call: { signal?: AbortSignal; onResult: (result: ScoreResult) => void; sharePrefix?: boolean },
  ): Promise<void> {
    await this.#run(call.signal, (cancel, listen) =>
      native().engineScore(this.#handle, {
        requests,
        sharePrefix: call.sharePrefix ?? true,
        cancel,
        onProgress: listen(call.onResult),
      }),
    );
  }

  /**
   * Logits of one sequence at every position.
   * @returns [tokens.length, vocabSize] in row-major order
   * @throws MediloraError `CONTEXT_EXCEEDED`, `TOKEN_OUT_OF_RANGE`, `ARGUMENT_INVALID`, `ABORTED`
   */
  async logits(tokens: Int32Array, call: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    return this.#run(call.signal, (cancel) => native().engineLogits(this.#handle, { tokens, cancel }));
  }

  /** Stops what runs (it rejects with `ABORTED`), then frees the model. Later calls throw `DISPOSED`. */
  async dispose(): Promise<void> {
    this.#closing.abort(new Error("The engine was disposed."));
    await Promise.allSettled(this.#running);
    callNative(() => native().engineDispose(this.#handle));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #run<T>(
    signal: AbortSignal | undefined,
    start: (cancel: Int32Array, listen: Listen) => Promise<T>,
  ): Promise<T> {
    // After dispose the closing signal would say ABORTED; native code says DISPOSED.
    const closing = this.#closing.signal;
    const signals = [signal, closing.aborted ? undefined : closing].filter((one) => one !== undefined);
    const job = runJob(AbortSignal.any(signals), start);
    this.#running.add(job);
    try {
      return await job;
    } finally {
      this.#running.delete(job);
    }
  }
}
