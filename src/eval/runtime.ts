import type { Tokenizer } from "../chat/tokenizeRow.js";
import { type EngineOptions, InferenceEngine } from "../native/engine.js";
import { native } from "../native/load.js";
import { openTokenizer } from "../native/tokenizer.js";

/** What of an engine an evaluation uses. */
export type AnswerEngine = Pick<InferenceEngine, "info" | "generate"> & AsyncDisposable;

/** Where an evaluation gets its model from. */
export interface EvaluationRuntime {
  /** Release of llama.cpp that computes. */
  llamaCpp(): string;
  openTokenizer(model: string): Promise<Tokenizer & AsyncDisposable>;
  openEngine(options: EngineOptions, call: { signal?: AbortSignal }): Promise<AnswerEngine>;
}

/** The addon. Every function throws MediloraError `NATIVE_UNAVAILABLE` where it cannot be loaded. */
export const nativeRuntime: EvaluationRuntime = {
  llamaCpp: () => native().systemInfo().llamaCpp,
  openTokenizer,
  openEngine: (options, call) => InferenceEngine.open(options, call),
};
