import type { JobOptions } from "./binding.js";
import type { CountProgress } from "./trainingBinding.js";

// What native/addon/measure.cpp exports.

/** A model and a text in chunks of `chunkSize` tokens. */
export interface ChunkedTextCall {
  model: string;
  tokens: Int32Array;
  chunkSize: number;
  threads?: number;
}

export interface ImatrixCall extends ChunkedTextCall, JobOptions<CountProgress> {
  output: string;
  /** Gets what is done so far, now and then and when the work ends early. */
  partial: string;
  /** Goes on from `partial`. */
  resume?: boolean;
  datasets: readonly string[];
  metadata?: Record<string, string>;
}

export interface ImatrixAnswer {
  bytes: number;
  tensors: number;
  /** Experts to which no token was routed, over all layers and weights. */
  idleExperts: number;
}

/** Of the scored tokens of one chunk, [tokens] each; the last three are empty without a reference. */
export interface ChunkScores {
  chunk: number;
  /** ln p(token | the chunk's tokens before it). */
  logprobs: Float64Array;
  /** The same of the reference. */
  referenceLogprobs: Float64Array;
  /** KL(reference || model) over the whole vocabulary, in nats. */
  divergences: Float64Array;
  /** 1 where the likeliest token of both is the same. */
  sameTop: Uint8Array;
}

export interface PerplexityCall extends ChunkedTextCall, JobOptions<ChunkScores> {
  reference?: string;
  /** Earlier chunks are not computed. */
  firstChunk?: number;
}

export interface MeasureBinding {
  imatrix(call: ImatrixCall): Promise<ImatrixAnswer>;
  perplexity(call: PerplexityCall): Promise<void>;
}
