import { MediloraError } from "../../../dist/errors.js";
import type { EvaluationRuntime } from "../../../dist/eval/runtime.js";
import type { GenerateRequest } from "../../../dist/native/binding.js";
import type { EngineOptions } from "../../../dist/native/engine.js";

const SPECIAL = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"];
const FIRST_CHARACTER = 100;

function tokenize(text: string, { parseSpecial }: { parseSpecial: boolean }): Int32Array {
  const parts = parseSpecial ? text.split(/(<s>|<\/s>|<\|im_start\|>|<\|im_end\|>)/) : [text];
  return Int32Array.from(
    parts.flatMap((part) => {
      const special = parseSpecial ? SPECIAL.indexOf(part) : -1;
      return special >= 0 ? [special] : [...part].map((character) => FIRST_CHARACTER + character.codePointAt(0)!);
    }),
  );
}

/** The prompt as the model sees it: special tokens in brackets, so that they cannot be taken for text. */
export function decodePrompt(tokens: Int32Array): string {
  return [...tokens]
    .map((token) => (token < FIRST_CHARACTER ? `[${SPECIAL[token]}]` : String.fromCodePoint(token - FIRST_CHARACTER)))
    .join("");
}

export interface StubOptions {
  /** The response to a decoded prompt. */
  answer: (prompt: string) => string;
  sequenceLimit?: number;
  addBos?: boolean;
  /** Called with the number of answers given so far, after each. */
  afterAnswer?: (given: number) => void;
}

/** One token a character, one answer after the other from the last question to the first. */
export class StubRuntime implements EvaluationRuntime {
  readonly opened: EngineOptions[] = [];
  readonly requests: GenerateRequest[] = [];
  disposed = 0;
  readonly #options: StubOptions;

  constructor(options: StubOptions) {
    this.#options = options;
  }

  get prompts(): string[] {
    return this.requests.map(({ prompt }) => decodePrompt(prompt));
  }

  llamaCpp(): string {
    return "v0.0.0-stub";
  }

  async openTokenizer() {
    return {
      bosToken: 0,
      eosToken: 1,
      addBos: this.#options.addBos ?? true,
      addEos: true,
      vocabSize: 1 << 21,
      tokenize,
      [Symbol.asyncDispose]: async () => {
        this.disposed += 1;
      },
    };
  }

  async openEngine(options: EngineOptions): ReturnType<EvaluationRuntime["openEngine"]> {
    this.opened.push(options);
    const contextSize = options.contextSize ?? 4096;
    return {
      info: {
        vocabSize: 1 << 21,
        sequenceLimit: Math.min(contextSize, this.#options.sequenceLimit ?? 1 << 20),
        contextSize,
        sequences: options.sequences ?? 8,
        batchSize: 1024,
        microBatchSize: 512,
        threads: options.threads ?? 3,
      },
      generate: async (requests, { onResult, signal }) => {
        this.requests.push(...requests);
        for (const [given, index] of [...requests.keys()].reverse().entries()) {
          // One turn of the event loop an answer, as the addon's messages come.
          await new Promise((resolve) => setImmediate(resolve));
          if (signal?.aborted) throw new MediloraError("ABORTED", "Stopped on request.");
          const { prompt } = requests[index]!;
          const text = this.#options.answer(decodePrompt(prompt));
          const tokens = tokenize(text, { parseSpecial: false });
          const logprobs = Float64Array.from(tokens, (token) => -1 / token);
          const logprob = logprobs.reduce((sum, one) => sum + one, 0);
          const finish = text.endsWith("...") ? "length" : "stop";
          onResult({ type: "result", index, tokens, text, finish, logprob, logprobs, promptTokens: prompt.length });
          this.#options.afterAnswer?.(given + 1);
        }
      },
      [Symbol.asyncDispose]: async () => {
        this.disposed += 1;
      },
    };
  }
}

export type StubLabel = "yes" | "no" | "maybe";

/** PubMedQA's JSON with questions q1, q2, ... of these gold labels. */
export function pubmedqaJson(
  labels: readonly StubLabel[],
  edit?: (record: Record<string, unknown>, i: number) => void,
) {
  const entries = labels.map((label, i) => {
    const record = { QUESTION: `Question ${i + 1}?`, CONTEXTS: [`Part ${label}.`, "End."], final_decision: label };
    edit?.(record, i);
    return [`q${i + 1}`, record];
  });
  return JSON.stringify(Object.fromEntries(entries));
}
