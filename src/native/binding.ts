import type { SamplerStep } from "../eval/samplers.js";
import type { MeasureBinding } from "./measureBinding.js";
import type { TrainingBinding } from "./trainingBinding.js";

// What the addon exports (native/addon/*.cpp), function by function. Options objects are checked again in native code.

declare const handleKind: unique symbol;

/** An object that lives in native code. Freed by its dispose function, or when it is garbage collected. */
export interface NativeHandle<Kind extends string> {
  readonly [handleKind]: Kind;
}

export type VocabHandle = NativeHandle<"vocab">;
export type EngineHandle = NativeHandle<"engine">;
export type EmbedderHandle = NativeHandle<"embedder">;

/** What every job takes: a non-zero `cancel[0]` stops it, `onProgress` is called on the JavaScript thread. */
export interface JobOptions<Progress> {
  cancel?: Int32Array;
  onProgress?: (progress: Progress) => void;
}

/** llama.cpp as the addon has it; `llamaCpp` is its release, `devices` those of ggml. */
export interface SystemInfo {
  llamaCpp: string;
  /** Whether llama.cpp is in libraries of its own or was compiled into the addon. */
  linked: "prebuilt" | "source";
  /** Files that hold libllama and ggml's CPU backend, which is of the processor's family; the addon itself where compiled in. */
  libraries: { llama: string; cpu: string };
  threads: number;
  devices: Array<{ name: string; description: string }>;
}

/** Kind of a model's tokenizer, by llama.cpp's names. */
export type VocabType = "none" | "spm" | "bpe" | "wpm" | "ugm" | "rwkv" | "plamo2" | "other";

/** Token ids are null where the vocabulary has no such token. */
export interface VocabInfo {
  size: number;
  bos: number | null;
  eos: number | null;
  eot: number | null;
  addBos: boolean;
  addEos: boolean;
  chatTemplate: string | null;
  type: VocabType;
}

/** A GGUF adapter and the weight of its part. */
export interface AdapterOptions {
  path: string;
  /** Multiplies the adapter's own alpha / r; 1 when left out. */
  scale?: number;
}

/** Type of the key-value cache: f16, or f32 at twice the memory. */
export type KvType = "f16" | "f32";
/** Whether llama.cpp's flash attention is used; auto: where the backend has it. */
export type FlashAttention = "auto" | "on" | "off";

export interface EngineOpenOptions extends JobOptions<LoadProgress> {
  model: string;
  adapters?: readonly AdapterOptions[];
  contextSize?: number;
  sequences?: number;
  batchSize?: number;
  microBatchSize?: number;
  threads?: number;
  gpuLayers?: number;
  repackWeights?: boolean;
  kvType?: KvType;
  flashAttention?: FlashAttention;
}

/** `fraction` of the model file read, 0 to 1. */
export interface LoadProgress {
  type: "load";
  fraction: number;
}

export interface EngineInfo {
  vocabSize: number;
  /** Most tokens of one sequence, prompt and answer together. */
  sequenceLimit: number;
  contextSize: number;
  sequences: number;
  batchSize: number;
  microBatchSize: number;
  threads: number;
}

export interface GenerateRequest {
  prompt: Int32Array;
  maxTokens: number;
  /** 0 .. 2^32 - 1. */
  seed: number;
  sampler: readonly SamplerStep[];
  /** Tokens that end the answer, besides the vocabulary's own end-of-generation tokens and `<|im_end|>`. */
  stopTokens?: Int32Array;
  /** Strings that end the answer; the text is cut in front of the first one. */
  stopStrings?: readonly string[];
}

/** An answer with its tokens and their log-probabilities. */
export interface GenerateResult {
  type: "result";
  /** Which request this answers; results come in the order in which the requests end. */
  index: number;
  /** Every token that was drawn, the one that ended the answer included. */
  tokens: Int32Array;
  /** The answer without its ending token or stop string; bytes of an incomplete character are dropped. */
  text: string;
  /** "length": maxTokens or the context's end was reached. */
  finish: "stop" | "length";
  /** Sum of `logprobs`. */
  logprob: number;
  /** Natural logarithm of each token's probability under the model itself, before any sampler step. */
  logprobs: Float64Array;
  promptTokens: number;
}

export interface GenerateCall extends JobOptions<GenerateResult> {
  requests: readonly GenerateRequest[];
  sharePrefix?: boolean;
}

export interface ScoreRequest {
  /** At least one token. */
  context: Int32Array;
  /** At least one, each of at least one token. */
  continuations: readonly Int32Array[];
}

export interface ScoreResult {
  type: "score";
  /** Which request this is of; results come in the order in which the requests end. */
  index: number;
  /** [continuations]: sum over its tokens of ln p(token | context and the tokens before it). */
  logprobs: Float64Array;
  /** [continuations]: whether each of its tokens is the likeliest one. */
  isGreedy: boolean[];
}

export interface ScoreCall extends JobOptions<ScoreResult> {
  requests: readonly ScoreRequest[];
  sharePrefix?: boolean;
}

export interface LogitsCall extends JobOptions<never> {
  tokens: Int32Array;
}

export interface EmbedderOpenOptions extends JobOptions<never> {
  model: string;
  adapters?: readonly AdapterOptions[];
  contextSize?: number;
  threads?: number;
}

export interface EmbedderInfo {
  /** Numbers of one vector. */
  width: number;
  /** Most tokens of one text. */
  sequenceLimit: number;
}

export interface EmbeddingResult {
  type: "embedding";
  /** Which text this is of. */
  index: number;
  /** [width], of length 1. */
  values: Float32Array;
  /** Whether the text's end did not fit. */
  truncated: boolean;
}

export interface EmbedCall extends JobOptions<EmbeddingResult> {
  /** Of all texts, one behind the other. */
  tokens: Int32Array;
  /** Tokens of each text. */
  lengths: Int32Array;
  truncate?: boolean;
}

/** Long arrays, such as a vocabulary's tokens, are given by element type and length only. */
export type GgufValue = string | number | boolean | Array<string | number> | { type: string; length: number };

export interface GgufTensor {
  name: string;
  /** ggml's name of the element type, e.g. "f16", "q3_K". */
  type: string;
  /** In GGUF's order, the row's length first; trailing ones are left out. */
  shape: number[];
  bytes: number;
  /** Of its first byte in its file. */
  offset: number;
}

/** Numbers are stored as float32; shapes are in GGUF's order. */
export interface GgufHeader {
  metadata: Record<string, string | number>;
  tensors: ReadonlyArray<{ name: string; type: "f32" | "f16" | "bf16"; shape: Int32Array }>;
}

export interface GgufDescription {
  /** Size of the file. */
  bytes: number;
  metadata: Record<string, GgufValue>;
  tensors: GgufTensor[];
}

// ---- Matrix products (native/addon/gemm.cpp): for tests and benchmarks.

/** Instruction sets, fastest first; those on "bf16" multiply bfloat16. */
export type GemmKernel = "avx512bf16" | "avx512" | "avx2" | "neonbf16" | "neon" | "generic";

/** W is [rows, cols], x [tokens, cols]. */
export interface GemmCase extends JobOptions<never> {
  /** forward: x W^T; backward: dy W; multiply: two float32 matrices, laid out by the seed. */
  direction?: "forward" | "backward" | "multiply";
  /** ggml's name, "f32" when left out. */
  type?: string;
  rows: number;
  /** A multiple of the type's block. */
  cols: number;
  tokens: number;
  seed?: number;
  threads?: number;
  kernel?: GemmKernel;
}

export interface GemmCheckCase extends GemmCase {
  /** Adds to random numbers instead of overwriting them. */
  accumulate?: boolean;
  /** As an operation of the ggml backend: MUL_MAT (of 32 tokens or more) or OUT_PROD. */
  throughGgml?: boolean;
}

export interface GemmCheck {
  /** Norm of the difference to the float64 product over its norm; Infinity when memory beside the result changed. */
  error: number;
  /** Whether one thread gives the very same bits. */
  identical: boolean;
  kernel: GemmKernel;
  format: "bf16" | "f32";
}

/** Random queries over a random key-value cache, of which each reads some runs of cells. */
export interface AttentionCheckCase {
  tokens: number;
  cells: number;
  /** A multiple of `kvHeads`. */
  heads: number;
  kvHeads: number;
  /** Of a head; multiples of the cache type's block. */
  keyLength: number;
  valueLength: number;
  /** Of the cache, "f32" when left out. */
  type?: string;
  softcap?: number;
  /** The masks add something to the scores. */
  biased?: boolean;
  seed?: number;
  threads?: number;
  kernel?: GemmKernel;
}

export interface AttentionCheck {
  /** Norm of the difference to the float64 result over its norm. */
  error: number;
  /** Whether each query alone, on one thread, gives the very same bits. */
  alone: boolean;
  /** Whether it gives them, too, when its cells lie elsewhere in a larger cache. */
  moved: boolean;
}

export interface GemmBenchCase extends GemmCase {
  /** Medians over this many, 5 when left out. */
  repeats?: number;
  /** Measures ggml's own operation too, with this many tokens. */
  ggmlTokens?: number;
}

/** Rates in GFLOP/s; the two ratios are medians of ratios of neighbouring measurements. Zero: not measured. */
export interface GemmBench {
  gflops: number;
  ggmlGflops: number;
  /** Of the format in which the case multiplies, in registers. */
  peakGflops: number;
  shareOfPeak: number;
  ratioToGgml: number;
}

/** The kernel of the matrix products. */
export interface GemmInfo {
  kernel: GemmKernel;
  /** All that run here, fastest first. */
  kernels: GemmKernel[];
  /** Whether libllama can use the products: not with MEDILORA_GEMM=off. */
  registered: boolean;
  /** Weight types that a case can have. */
  types: Array<{ name: string; block: number }>;
}

export interface GemmBinding {
  gemmInfo(): GemmInfo;
  gemmCheck(options: GemmCheckCase): Promise<GemmCheck>;
  attentionCheck(options: AttentionCheckCase): Promise<AttentionCheck>;
  gemmBench(options: GemmBenchCase): Promise<GemmBench>;
  /** In GFLOP/s; bf16 is 0 where the processor lacks it. */
  gemmPeak(
    options: JobOptions<never> & { threads?: number },
  ): Promise<{ kernel: GemmKernel; f32: number; bf16: number }>;
}

// ----

/** The whole addon. Every function throws, or rejects with, an Error that carries one of our codes as `code`. */
export interface NativeBinding extends TrainingBinding, GemmBinding, MeasureBinding {
  systemInfo(): SystemInfo;

  ggufRead(path: string): Promise<GgufDescription>;
  /** The beginning of a GGUF file; the tensors' bytes follow, each padded to 32 bytes. */
  ggufHeader(header: GgufHeader): Uint8Array;

  vocabOpen(path: string): Promise<VocabHandle>;
  vocabInfo(handle: VocabHandle): VocabInfo;
  vocabTokenize(handle: VocabHandle, text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Int32Array;
  vocabTokenizeLong(handle: VocabHandle, text: string): Promise<Int32Array>;
  vocabDetokenize(handle: VocabHandle, tokens: Int32Array, options: { special: boolean }): string;
  vocabPiece(handle: VocabHandle, token: number): string;
  vocabDispose(handle: VocabHandle): void;

  engineOpen(options: EngineOpenOptions): Promise<EngineHandle>;
  engineInfo(handle: EngineHandle): EngineInfo;
  engineGenerate(handle: EngineHandle, call: GenerateCall): Promise<void>;
  engineScore(handle: EngineHandle, call: ScoreCall): Promise<void>;
  engineLogits(handle: EngineHandle, call: LogitsCall): Promise<Float32Array>;
  engineDispose(handle: EngineHandle): void;

  embedderOpen(options: EmbedderOpenOptions): Promise<EmbedderHandle>;
  embedderInfo(handle: EmbedderHandle): EmbedderInfo;
  embedderEmbed(handle: EmbedderHandle, call: EmbedCall): Promise<void>;
  embedderDispose(handle: EmbedderHandle): void;
}
