import type { EmbedderHandle, EmbedderInfo, EmbedderOpenOptions, EmbeddingResult, JobOptions } from "./binding.js";
import { callNative, runJob } from "./call.js";
import { native } from "./load.js";

/**
 * - `contextSize`: most tokens of one text, default 512; a model takes at most what it was trained for.
 * - `threads`: default all cores that this process may use.
 */
export type EmbedderOptions = Omit<EmbedderOpenOptions, keyof JobOptions<never>>;

/**
 * Vectors of texts: of an embedding model (bert, nomic-bert, or a decoder made for it) pooled as its file says, of any
 * other decoder-only model the mean of its last hidden states. One call at a time: a second one gets `BUSY`.
 */
export class Embedder implements AsyncDisposable {
  readonly #handle: EmbedderHandle;
  readonly #closing = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  readonly info: Readonly<EmbedderInfo>;

  private constructor(handle: EmbedderHandle) {
    this.#handle = handle;
    this.info = Object.freeze(callNative(() => native().embedderInfo(handle)));
  }

  /**
   * Loads a model and its adapters.
   * @throws MediloraError `FILE_NOT_FOUND`, `MODEL_INVALID`, `ARCHITECTURE_UNSUPPORTED` (encoder-decoders, recurrent
   *         models, rerankers), `ADAPTER_INVALID`, `ADAPTER_MISMATCH`, `OUT_OF_MEMORY`, `ARGUMENT_INVALID`, `ABORTED`
   */
  static async open(options: EmbedderOptions, call: { signal?: AbortSignal } = {}): Promise<Embedder> {
    return new Embedder(await runJob(call.signal, (cancel) => native().embedderOpen({ ...options, cancel })));
  }

  /**
   * The vector of each text: float32, [width], of length 1. Several texts are computed together.
   * @param texts         tokens of each, special ones included
   * @param call.truncate cuts the end off texts longer than `info.sequenceLimit` and says so in the result; without,
   *                      such a text is refused. Default false
   * @param call.onResult called once a text, in their order
   * @throws MediloraError before anything is computed, naming the text's index: `CONTEXT_EXCEEDED`,
   *         `TOKEN_OUT_OF_RANGE`, `ARGUMENT_INVALID` (no tokens); later `MODEL_INVALID` for vectors that are not finite,
   *         `ABORTED`, or what onResult threw
   */
  async embed(
    texts: readonly Int32Array[],
    call: { onResult: (result: EmbeddingResult) => void; truncate?: boolean; signal?: AbortSignal },
  ): Promise<void> {
    const lengths = Int32Array.from(texts, ({ length }) => length);
    const tokens = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const text of texts) {
      tokens.set(text, at);
      at += text.length;
    }
    // After dispose the closing signal would say ABORTED; native code says DISPOSED.
    const closing = this.#closing.signal;
    const signals = [call.signal, closing.aborted ? undefined : closing].filter((one) => one !== undefined);
    const job = runJob(AbortSignal.any(signals), (cancel, listen) =>
      native().embedderEmbed(this.#handle, {
        ...{ tokens, lengths, cancel },
        truncate: call.truncate ?? false,
        onProgress: listen(call.onResult),
      }),
    );
    this.#running = Promise.allSettled([this.#running, job]);
    await job;
  }

  /** Stops what runs (it rejects with `ABORTED`), then frees the model. Later calls throw `DISPOSED`. */
  async dispose(): Promise<void> {
    this.#closing.abort(new Error("The embedder was disposed."));
    await this.#running;
    callNative(() => native().embedderDispose(this.#handle));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}
