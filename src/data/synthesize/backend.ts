import { renderChatML } from "../../chat/chatml.js";
import { tokenizeChatPrompt } from "../../chat/tokenizePrompt.js";
import { MediloraError } from "../../errors.js";
import { paddedContext } from "../../eval/cacheBudget.js";
import { loadModel, type Model } from "../../model.js";
import { describeModel } from "../../modelInfo.js";
import { readGguf } from "../../native/gguf.js";
import { type NativeTokenizer, openTokenizer } from "../../native/tokenizer.js";
import { sha256File } from "../../util/hash.js";
import type { ChatMessage } from "../rows.js";

export interface Completion {
  text: string;
  promptTokens: number;
  completionTokens: number;
  /** False when the answer was cut at its greatest length. */
  complete: boolean;
  /** Why the model, or who runs it, would not answer; the text is not used then. */
  refused?: Refusal;
}

/**
 * `content-filter` and `refusal` are said of this passage; of a `rejected` request (HTTP 400, 413 or 422) it is not known
 * whether the passage or the whole set-up is the cause.
 */
export const REFUSALS = ["content-filter", "refusal", "rejected"] as const;
export type Refusal = (typeof REFUSALS)[number];

export interface CompletionRequest {
  messages: readonly ChatMessage[];
  maxTokens: number;
  seed: number;
  signal?: AbortSignal;
}

/** What writes the pairs. */
export interface SynthesisBackend extends AsyncDisposable {
  /** Which model, for the manifest and for resuming; holds no secret. */
  readonly id: Readonly<Record<string, string>>;
  /** Name of the model as rows give it. */
  readonly model: string;
  /** Files that it reads, and that no output may replace. */
  readonly files: readonly string[];
  /** Tokens of a prompt, exact for a local model, else estimated from above. */
  countTokens(messages: readonly ChatMessage[]): number;
  /**
   * Called once, before the first request.
   * @param longest most tokens of a prompt and its answer together
   */
  start(longest: number, signal: AbortSignal | undefined): Promise<void>;
  complete(request: CompletionRequest): Promise<Completion>;
}

/** A GGUF model on this computer; nothing leaves it. */
export class LocalBackend implements SynthesisBackend {
  readonly id: Readonly<Record<string, string>>;
  readonly model: string;
  readonly files: readonly string[];
  readonly #path: string;
  readonly #threads: number | undefined;
  readonly #tokenizer: NativeTokenizer;
  #loaded: Model | undefined;

  private constructor(path: string, sha256: string, tokenizer: NativeTokenizer, threads: number | undefined) {
    this.id = { kind: "local", sha256 };
    this.model = path.split(/[\\/]/).at(-1) as string;
    this.files = [path];
    this.#path = path;
    this.#threads = threads;
    this.#tokenizer = tokenizer;
  }

  /** Reads the vocabulary; {@link start} reads the weights. Throws what opening a tokenizer throws. */
  static async open(path: string, options: { threads?: number }): Promise<LocalBackend> {
    const tokenizer = await openTokenizer(path);
    return new LocalBackend(path, await sha256File(path), tokenizer, options.threads);
  }

  countTokens(messages: readonly ChatMessage[]): number {
    const { text } = renderChatML(messages, { addGenerationPrompt: true });
    return tokenizeChatPrompt(this.#tokenizer, text).length;
  }

  /** @throws MediloraError `CONTEXT_EXCEEDED` when the model's context is shorter, and what loading a model throws */
  async start(longest: number, signal: AbortSignal | undefined): Promise<void> {
    const { contextLength } = describeModel(await readGguf(this.#path));
    if (contextLength !== null && longest > contextLength)
      throw new MediloraError(
        "CONTEXT_EXCEEDED",
        `The longest prompt with its answer needs ${longest} tokens, ${this.model} has ${contextLength}. ` +
          "Use shorter passages or fewer tokens an answer.",
      );
    const contextSize = paddedContext(longest);
    this.#loaded = await loadModel(this.#path, { contextSize, threads: this.#threads, signal });
  }

  async complete({ messages, maxTokens, seed, signal }: CompletionRequest): Promise<Completion> {
    if (this.#loaded === undefined)
      throw new MediloraError("INTERNAL", "The model was not loaded before it was asked. Report this.");
    const options = { sampler: "llama-cpp-python", seed, maxTokens, signal } as const;
    const { text, finish, tokens } = await this.#loaded.generate(messages, options);
    const promptTokens = this.countTokens(messages);
    return { text, promptTokens, completionTokens: tokens.length, complete: finish === "stop" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loaded?.dispose();
    this.#tokenizer.dispose();
  }
}
