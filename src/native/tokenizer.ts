import type { Tokenizer } from "../chat/tokenizeRow.js";
import type { VocabHandle, VocabType } from "./binding.js";
import { callNative, runJob } from "./call.js";
import { native } from "./load.js";

/** The tokenizer of a GGUF model, llama.cpp's own, without the model's weights. */
export class NativeTokenizer implements Tokenizer, AsyncDisposable {
  readonly #handle: VocabHandle;
  readonly vocabSize: number;
  readonly bosToken: number | null;
  readonly eosToken: number | null;
  /** End of turn; null where the vocabulary has none. */
  readonly eotToken: number | null;
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** Jinja source of the model's default chat template; null where the file has none. */
  readonly chatTemplate: string | null;
  readonly type: VocabType;

  constructor(handle: VocabHandle) {
    this.#handle = handle;
    const info = callNative(() => native().vocabInfo(handle));
    this.vocabSize = info.size;
    this.bosToken = info.bos;
    this.eosToken = info.eos;
    this.eotToken = info.eot;
    this.addBos = info.addBos;
    this.addEos = info.addEos;
    this.chatTemplate = info.chatTemplate;
    this.type = info.type;
  }

  /**
   * @param options.addSpecial   adds BOS and EOS where the vocabulary asks for them
   * @param options.parseSpecial reads `<|im_start|>` and the like as one token each; false for text that must not
   *                             forge them
   * @returns token ids; empty for an empty text when nothing is added
   */
  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Int32Array {
    return callNative(() => native().vocabTokenize(this.#handle, text, options));
  }

  /**
   * Token ids of a long text on a thread of its own: nothing is added, and no special token is read in it.
   * @throws MediloraError `ARGUMENT_INVALID` for more than 1 GB
   */
  async tokenizeLong(text: string): Promise<Int32Array> {
    return runJob(undefined, () => native().vocabTokenizeLong(this.#handle, text));
  }

  /**
   * The text of tokens; bytes that are no UTF-8 become U+FFFD.
   * @param options.special renders special tokens as well, e.g. `<|im_end|>`; false by default
   * @throws MediloraError `TOKEN_OUT_OF_RANGE` for an id that is not in the vocabulary
   */
  detokenize(tokens: Int32Array, options: { special?: boolean } = {}): string {
    return callNative(() => native().vocabDetokenize(this.#handle, tokens, { special: options.special ?? false }));
  }

  /**
   * The text of one token as it stands inside a text (a leading space kept), special tokens rendered.
   * @throws MediloraError `TOKEN_OUT_OF_RANGE` for an id that is not in the vocabulary
   */
  piece(token: number): string {
    return callNative(() => native().vocabPiece(this.#handle, token));
  }

  /** Frees the vocabulary. Later calls throw `DISPOSED`; a second dispose does nothing. */
  dispose(): void {
    callNative(() => native().vocabDispose(this.#handle));
  }

  /** {@link NativeTokenizer.dispose}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }
}

/**
 * Loads the vocabulary of a GGUF file.
 * @throws MediloraError `FILE_NOT_FOUND`, or `MODEL_INVALID` for a file that is no GGUF, is cut short or has no
 *         vocabulary
 */
export async function openTokenizer(path: string): Promise<NativeTokenizer> {
  return new NativeTokenizer(await runJob(undefined, () => native().vocabOpen(path)));
}
