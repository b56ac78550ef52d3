import { renderChatML } from "./chat/chatml.js";
import { tokenizeChatPrompt, tokenizePlainPrompt } from "./chat/tokenizePrompt.js";
import type { ChatMessage } from "./data/rows.js";
import { MediloraError } from "./errors.js";
import { checkSampler } from "./eval/evaluateOptions.js";
import { SAMPLER_PRESETS, type SamplerPreset } from "./eval/samplers.js";
import { describeModel, type ModelInfo } from "./modelInfo.js";
import type { GenerateResult } from "./native/binding.js";
import { type EngineOptions, InferenceEngine } from "./native/engine.js";
import { readGguf } from "./native/gguf.js";
import { type NativeTokenizer, openTokenizer } from "./native/tokenizer.js";

/** As for the engine; one answer at a time, so there is one sequence. */
export interface LoadModelOptions extends Omit<EngineOptions, "model" | "sequences"> {
  signal?: AbortSignal;
  /** Fraction of the model read, 0 to 1. */
  onProgress?: (fraction: number) => void;
}

/** How {@link Model.generate} draws an answer. */
export interface GenerateOptions {
  /** Default "llama-cpp-python-2023", as for evaluations. */
  sampler?: SamplerPreset;
  /** 0 to 2^32 - 2; default 0. The same seed gives the same answer. */
  seed?: number;
  /** Most tokens of the answer; default 256. */
  maxTokens?: number;
  signal?: AbortSignal;
}

/**
 * - `text`: the answer without the token that ended it.
 * - `finish`: "length" when it was cut at maxTokens or the context's end.
 * - `tokens`: every token drawn, the one that ended the answer included.
 * - `logprobs`: [tokens.length], natural log-probabilities under the model itself, before any sampler step.
 */
export type Generation = Pick<GenerateResult, "text" | "finish" | "tokens" | "logprobs">;

const DEFAULT_MAX_TOKENS = 256;

/** A model with its tokenizer, ready to answer. */
export class Model implements AsyncDisposable {
  readonly #engine: InferenceEngine;
  readonly #tokenizer: NativeTokenizer;
  readonly info: Readonly<ModelInfo>;

  /** Takes over both parts. Use {@link loadModel}. */
  constructor(engine: InferenceEngine, tokenizer: NativeTokenizer, info: ModelInfo) {
    this.#engine = engine;
    this.#tokenizer = tokenizer;
    this.info = Object.freeze({ ...info });
  }

  /**
   * The answer to a conversation, rendered as ChatML, or the continuation of a text.
   * @param prompt messages up to the answer; or a text, in which no special token is read
   * @throws MediloraError `DATA_INVALID` for messages that cannot be rendered; `ARGUMENT_INVALID`, `CONTEXT_EXCEEDED`,
   *   `ABORTED`, `DISPOSED`; `BUSY` while another call runs
   */
  async generate(prompt: readonly ChatMessage[] | string, options: GenerateOptions = {}): Promise<Generation> {
    const { sampler = "llama-cpp-python-2023", seed = 0, maxTokens = DEFAULT_MAX_TOKENS, signal } = options;
    checkSampler(sampler);
    const request = { prompt: this.#promptTokens(prompt), seed, maxTokens, sampler: SAMPLER_PRESETS[sampler] };
    const results: GenerateResult[] = [];
    await this.#engine.generate([request], { signal, onResult: (result) => results.push(result) });
    const [result] = results;
    if (result === undefined) throw new MediloraError("INTERNAL", "The engine ended without an answer. Report this.");
    return { text: result.text, finish: result.finish, tokens: result.tokens, logprobs: result.logprobs };
  }

  /**
   * Token ids of a text as it stands: no BOS is added, and no special token is read in it.
   * @throws MediloraError `DISPOSED`
   */
  tokenize(text: string): Int32Array {
    return this.#tokenizer.tokenize(text, { addSpecial: false, parseSpecial: false });
  }

  /** Stops what runs (it rejects with `ABORTED`), then frees the model. Later calls throw `DISPOSED`. */
  async dispose(): Promise<void> {
    await this.#engine.dispose();
    this.#tokenizer.dispose();
  }

  /** {@link Model.dispose}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  #promptTokens(prompt: readonly ChatMessage[] | string): Int32Array {
    if (typeof prompt === "string") return tokenizePlainPrompt(this.#tokenizer, prompt);
    return tokenizeChatPrompt(this.#tokenizer, renderChatML(prompt, { addGenerationPrompt: true }).text);
  }
}

/**
 * Opens a GGUF model for generating text.
 * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`, `MODEL_INVALID`, `ADAPTER_INVALID`, `ADAPTER_MISMATCH`,
 *   `OUT_OF_MEMORY`, `ARGUMENT_INVALID`, `NATIVE_UNAVAILABLE`, `ABORTED`
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<Model> {
  const { signal, onProgress, ...engineOptions } = options;
  const info = describeModel(await readGguf(path));
  const tokenizer = await openTokenizer(path);
  try {
    const engine = await InferenceEngine.open({ ...engineOptions, model: path, sequences: 1 }, { signal, onProgress });
    return new Model(engine, tokenizer, info);
  } catch (error) {
    tokenizer.dispose();
    throw error;
  }
}
