import { MediloraError } from "../../../dist/errors.js";
import type { EvaluationRuntime, ScoreEngine } from "../../../dist/eval/runtime.js";
import type { ScoreRequest } from "../../../dist/native/binding.js";
import type { EngineOptions } from "../../../dist/native/engine.js";
import { decodePrompt, StubRuntime } from "./stubRuntime.js";

export interface StubScoreOptions {
  /** Sum of log-probabilities of a continuation. */
  logprob: (continuation: string, context: string) => number;
  sequenceLimit?: number;
  /** Called with the number of requests scored so far, after each. */
  afterScore?: (given: number) => void;
}

/** One token a character, one request after the other from the last to the first. */
export class StubScoreRuntime implements EvaluationRuntime<ScoreEngine> {
  readonly opened: EngineOptions[] = [];
  readonly requests: ScoreRequest[] = [];
  readonly #options: StubScoreOptions;
  readonly #tokenizers = new StubRuntime({ answer: () => "" });

  constructor(options: StubScoreOptions) {
    this.#options = options;
  }

  /** Every scored text as [context, continuation]. */
  get texts(): string[][] {
    return this.requests.flatMap(({ context, continuations }) =>
      continuations.map((continuation) => [decodePrompt(context), decodePrompt(continuation)]),
    );
  }

  llamaCpp(): string {
    return "v0.0.0-stub";
  }

  openTokenizer() {
    return this.#tokenizers.openTokenizer();
  }

  async openEngine(options: EngineOptions): Promise<ScoreEngine> {
    this.opened.push(options);
    const { contextSize = 4096, sequences = 8, threads = 3 } = options;
    const sequenceLimit = Math.min(contextSize, this.#options.sequenceLimit ?? 1 << 20);
    return {
      info: {
        vocabSize: 1 << 21,
        sequenceLimit,
        contextSize,
        sequences,
        batchSize: 1024,
        microBatchSize: 512,
        threads,
      },
      score: async (requests, { onResult, signal }) => {
        this.requests.push(...requests);
        for (const [given, index] of [...requests.keys()].reverse().entries()) {
          await new Promise((resolve) => setImmediate(resolve));
          if (signal?.aborted) throw new MediloraError("ABORTED", "Stopped on request.");
          const { context, continuations } = requests[index]!;
          const logprobs = Float64Array.from(continuations, (one) =>
            this.#options.logprob(decodePrompt(one), decodePrompt(context)),
          );
          onResult({ type: "score", index, logprobs, isGreedy: continuations.map((_, i) => i === 0) });
          this.#options.afterScore?.(given + 1);
        }
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }
}
