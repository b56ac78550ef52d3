import type { Tokenizer } from "../chat/tokenizeRow.js";
import { describeModel } from "../modelInfo.js";
import { Embedder, type EmbedderOptions } from "../native/embedder.js";
import { type EngineOptions, InferenceEngine } from "../native/engine.js";
import { readGguf } from "../native/gguf.js";
import { native } from "../native/load.js";
import { openTokenizer } from "../native/tokenizer.js";
import { type CacheMemory, cacheBytesPerToken } from "./cacheBudget.js";

/** Of a number in the cache of generated answers. */
const F16_BYTES = 2;

/** What of an engine an evaluation uses. */
export type AnswerEngine = Pick<InferenceEngine, "info" | "generate"> & AsyncDisposable;

/** What of an engine the scoring of choices uses. */
export type ScoreEngine = Pick<InferenceEngine, "info" | "score"> & AsyncDisposable;

/** What of an embedder the search for nearest shots uses. */
export type TextEmbedder = Pick<Embedder, "info" | "embed"> & AsyncDisposable;

/** Where an evaluation gets its model from. */
export interface EvaluationRuntime<Engine = AnswerEngine> {
  /** Release of llama.cpp that computes. */
  llamaCpp(): string;
  openTokenizer(model: string): Promise<Tokenizer & AsyncDisposable>;
  openEngine(options: EngineOptions, call: { signal?: AbortSignal }): Promise<Engine>;
  /** Tokens that the model was trained for, and a sequence holds at most; null or 0 where the file does not say. */
  contextLength?(model: string): Promise<number | null>;
  /** A runtime without takes as many cells as all sequences want. */
  cacheMemory?(model: string): Promise<CacheMemory>;
  /** A runtime without finds no nearest shots. */
  openEmbedder?(options: EmbedderOptions, call: { signal?: AbortSignal }): Promise<TextEmbedder>;
}

/** The addon. Every function throws MediloraError `NATIVE_UNAVAILABLE` where it cannot be loaded. */
export const nativeRuntime: EvaluationRuntime<AnswerEngine & ScoreEngine> = {
  llamaCpp: () => native().systemInfo().llamaCpp,
  openTokenizer,
  openEngine: (options, call) => InferenceEngine.open(options, call),
  cacheMemory: async (model) => {
    const description = await readGguf(model);
    const { bytes: modelBytes } = description;
    return {
      bytesPerToken: cacheBytesPerToken(description, F16_BYTES),
      modelBytes,
      freeBytes: process.availableMemory(),
    };
  },
  contextLength: async (model) => describeModel(await readGguf(model)).contextLength,
  openEmbedder: (options, call) => Embedder.open(options, call),
};
