import type { TextEmbedder } from "../../../dist/eval/runtime.js";
import type { EmbedderOptions } from "../../../dist/native/embedder.js";
import { decodePrompt } from "./stubRuntime.js";

/** Vectors by a function of the text; counts what it is asked. */
export class StubEmbedder {
  readonly opened: EmbedderOptions[] = [];
  readonly texts: string[] = [];
  readonly #vector: (text: string) => number[];
  /** Called with the number of vectors given so far, after each. */
  afterText?: (given: number) => void;

  constructor(vector: (text: string) => number[]) {
    this.#vector = vector;
  }

  readonly open = async (options: EmbedderOptions): Promise<TextEmbedder> => {
    this.opened.push(options);
    return {
      info: { width: 2, sequenceLimit: options.contextSize ?? 512 },
      embed: async (texts, { onResult }) => {
        for (const [index, tokens] of texts.entries()) {
          const text = decodePrompt(tokens);
          this.texts.push(text);
          onResult({ type: "embedding", index, values: Float32Array.from(this.#vector(text)), truncated: false });
          this.afterText?.(index + 1);
        }
      },
      [Symbol.asyncDispose]: async () => {},
    };
  };
}

/** A unit vector by the first number in the text, in degrees. */
export function byDegrees(text: string): number[] {
  const degrees = Number(/\d+/.exec(text)?.[0] ?? 0);
  return [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
}
