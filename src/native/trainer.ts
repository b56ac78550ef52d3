import { callNative, runJob } from "./call.js";
import { native } from "./load.js";
import type {
  BatchArrays,
  NamedTensors,
  StepOptions,
  StepResult,
  TrainerHandle,
  TrainerInfo,
  TrainerMemory,
  TrainerOpenOptions,
} from "./trainingBinding.js";

/**
 * The native trainer: gradients and updates. Schedules, logging and data are the caller's.
 * One call at a time: a second one rejects with `BUSY`.
 */
export class NativeTrainer implements AsyncDisposable {
  readonly #handle: TrainerHandle;
  readonly info: Readonly<TrainerInfo>;

  private constructor(handle: TrainerHandle) {
    this.#handle = handle;
    this.info = Object.freeze(callNative(() => native().trainerInfo(handle)));
  }

  /**
   * @throws MediloraError `FILE_NOT_FOUND`, `MODEL_INVALID`, `ARCHITECTURE_UNSUPPORTED`, `TYPE_UNSUPPORTED`,
   *         `ADAPTER_INVALID`, `ADAPTER_MISMATCH`, `ARGUMENT_INVALID`, `OUT_OF_MEMORY`
   */
  static async open(options: TrainerOpenOptions, signal?: AbortSignal): Promise<NativeTrainer> {
    return new NativeTrainer(await runJob(signal, (cancel) => native().trainerOpen({ ...options, cancel })));
  }

  /**
   * Adds the gradient of `gradientScale` times the batch's summed loss.
   * @returns the sum of -log p(label) over the labelled positions, in nats, unscaled
   * @throws MediloraError `BATCH_INVALID`, `TOKEN_OUT_OF_RANGE`, `CONTEXT_EXCEEDED`, `LABELS_EMPTY`, `ABORTED`; the
   *         trainer is then as it was after its last step
   */
  accumulate(batch: BatchArrays, options: { gradientScale?: number; signal?: AbortSignal } = {}): Promise<number> {
    const { gradientScale = 1, signal } = options;
    return runJob(signal, (cancel) => native().trainerAccumulate(this.#handle, { ...batch, gradientScale, cancel }));
  }

  /** The loss alone, without gradient and dropout. Returns and throws as {@link accumulate}. */
  evaluate(batch: BatchArrays, signal?: AbortSignal): Promise<number> {
    return runJob(signal, (cancel) => native().trainerEvaluate(this.#handle, { ...batch, cancel }));
  }

  /** @returns logits [n, vocabSize], row-major, in the order of the batch */
  logits(batch: BatchArrays, signal?: AbortSignal): Promise<Float32Array> {
    return runJob(signal, (cancel) => native().trainerLogits(this.#handle, { ...batch, cancel }));
  }

  /** Divides, clips, updates, and zeroes the gradients. */
  step(options: StepOptions): Promise<StepResult> {
    return runJob(undefined, () => native().trainerStep(this.#handle, options));
  }

  /** A copy of every trainable tensor, or of its gradient accumulated since the last step. */
  tensors(options: { gradients: boolean }): Promise<NamedTensors> {
    return runJob(undefined, () => native().trainerTensors(this.#handle, options));
  }

  /** Writes the adapter, or the whole model (F32) in full training, as GGUF. @returns bytes */
  saveWeights(path: string, metadata: Record<string, string> = {}): Promise<number> {
    return runJob(undefined, () => native().trainerSaveWeights(this.#handle, { path, metadata }));
  }

  /** Writes weights, optimizer state and random state, with a note of the caller's. @returns bytes */
  saveState(path: string, note: string): Promise<number> {
    return runJob(undefined, () => native().trainerSaveState(this.#handle, { path, note }));
  }

  /**
   * Restores what {@link saveState} wrote.
   * @returns the note
   * @throws MediloraError `CHECKPOINT_INVALID` when the file is of other trainable tensors
   */
  loadState(path: string): Promise<string> {
    return runJob(undefined, () => native().trainerLoadState(this.#handle, { path }));
  }

  /** Activation checkpointing from the next call on. */
  setCheckpointing(on: boolean): void {
    callNative(() => native().trainerSetCheckpointing(this.#handle, on));
  }

  /** Bytes that training takes with micro-batches of so many tokens and labels. */
  memory(options: { tokens: number; labels: number; checkpointing: boolean }): TrainerMemory {
    return callNative(() => native().trainerMemory(this.#handle, options));
  }

  /** Frees the model once the running call, if any, has ended. Later calls throw `DISPOSED`. */
  dispose(): void {
    callNative(() => native().trainerDispose(this.#handle));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }
}
