import type { AdapterOptions, JobOptions, NativeHandle } from "./binding.js";

// The part of the addon that changes models: training, merging, quantising (native/addon/{trainer,adapter,quantize}.cpp).

export type TrainerHandle = NativeHandle<"trainer">;

/** GGUF's names of a block's linear layers. */
export type TargetModule = "attn_q" | "attn_k" | "attn_v" | "attn_output" | "ffn_gate" | "ffn_up" | "ffn_down";

/** With neither `lora`, `adapter` nor `fresh`, all weights of `model` are trained. */
export interface TrainerOpenOptions {
  model?: string;
  /** A fresh adapter. */
  lora?: { rank: number; alpha: number; modules: readonly TargetModule[]; seed: number };
  /** An adapter GGUF to go on from. */
  adapter?: string;
  /** A model from random weights, with the tokenizer of the GGUF `tokenizer`. */
  fresh?: {
    embeddingLength: number;
    layers: number;
    heads: number;
    kvHeads: number;
    feedForwardLength: number;
    contextLength: number;
    ropeBase?: number;
    rmsEps?: number;
    tiedOutput?: boolean;
  };
  tokenizer?: string;
  /** Share of a LoRA branch's inputs that is dropped, [0, 1). */
  dropout?: number;
  /** Noise on the embeddings. */
  neftuneAlpha?: number;
  seed?: number;
  optimizer?: "adamw" | "adamw_8bit";
  /** Attention row by row: slow, the reference of the tiled one. */
  plainAttention?: boolean;
  /** Only this many of the lowest blocks, for measuring. */
  layers?: number;
  /** Compute activations again in the backward pass instead of keeping them. */
  checkpointing?: boolean;
  threads?: number;
}

export interface TrainerInfo {
  vocabSize: number;
  contextLength: number;
  layers: number;
  /** Trainable parameters. */
  trainable: number;
}

/** [n] each; labels already shifted, -100 for none. */
export interface BatchArrays {
  tokens: Int32Array;
  positions: Int32Array;
  sequences: Int32Array;
  labels: Int32Array;
}

export interface StepOptions {
  learningRate: number;
  /** What the accumulated gradients are divided by. */
  divisor: number;
  /** 0: no clipping. */
  maxGradNorm: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
}

export interface StepResult {
  /** L2 norm of all gradients before clipping. */
  gradNorm: number;
  /** A gradient was not finite, so nothing was updated. */
  skipped: boolean;
}

/** `data` is row-major, [rows, columns]. */
export type NamedTensors = Record<string, { shape: [number, number]; data: Float32Array }>;

/** Bytes. */
export interface TrainerMemory {
  /** The mapped base. */
  weights: number;
  /** Trainable tensors, their gradients and the optimizer's state. */
  parameters: number;
  /** Activations and scratch of one micro-batch. */
  buffers: number;
}

/** How much is done, of how much; each option says of what. */
export interface CountProgress {
  done: number;
  total: number;
}

export interface MergeCall extends JobOptions<CountProgress> {
  base: string;
  adapters: readonly AdapterOptions[];
  output: string;
  type?: "F32" | "F16" | "BF16";
  scale?: number;
  quantize?: string;
  threads?: number;
  metadata?: Record<string, string>;
  /** The base's SHA-256, which may come while the merge runs: `text` is complete once `ready` is not 0. */
  baseSha256: { text: Uint8Array; ready: Int32Array };
}

export interface MergeAnswer {
  bytes: number;
  mergedTensors: number;
  type: "F32" | "F16" | "BF16";
  baseQuantized: boolean;
}

export interface QuantizeCall extends JobOptions<CountProgress> {
  input: string;
  output: string;
  type: string;
  imatrix?: string;
  tensorTypes?: ReadonlyArray<{ pattern: string; type: string }>;
  outputTensorType?: string;
  tokenEmbeddingType?: string;
  pure?: boolean;
  threads?: number;
  allowRequantize?: boolean;
}

export interface QuantizeAnswer {
  bytes: number;
  /** Tensors whose rows do not fit the type meant for them. */
  fallbacks: number;
  /** Quantised tensors of which the importance matrix says nothing, embedding and output apart. */
  withoutImportance: number;
}

export interface TrainingBinding {
  trainerOpen(options: TrainerOpenOptions & JobOptions<never>): Promise<TrainerHandle>;
  trainerInfo(handle: TrainerHandle): TrainerInfo;
  trainerAccumulate(
    handle: TrainerHandle,
    batch: BatchArrays & { gradientScale?: number } & JobOptions<never>,
  ): Promise<number>;
  trainerEvaluate(handle: TrainerHandle, batch: BatchArrays & JobOptions<never>): Promise<number>;
  trainerLogits(handle: TrainerHandle, batch: BatchArrays & JobOptions<never>): Promise<Float32Array>;
  trainerStep(handle: TrainerHandle, options: StepOptions): Promise<StepResult>;
  trainerTensors(handle: TrainerHandle, options: { gradients: boolean }): Promise<NamedTensors>;
  trainerSaveWeights(
    handle: TrainerHandle,
    options: { path: string; metadata?: Record<string, string> },
  ): Promise<number>;
  trainerSaveState(handle: TrainerHandle, options: { path: string; note: string }): Promise<number>;
  trainerLoadState(handle: TrainerHandle, options: { path: string }): Promise<string>;
  trainerSetCheckpointing(handle: TrainerHandle, on: boolean): void;
  trainerMemory(
    handle: TrainerHandle,
    options: { tokens: number; labels: number; checkpointing: boolean },
  ): TrainerMemory;
  trainerDispose(handle: TrainerHandle): void;

  adapterMerge(call: MergeCall): Promise<MergeAnswer>;
  quantize(call: QuantizeCall): Promise<QuantizeAnswer>;
  quantizeTypes(): string[];
}
