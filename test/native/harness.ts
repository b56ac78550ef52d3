import type { DumpedRequest } from "../../dist/eval/dumpRequests.js";
import type { InferenceEngine } from "../../dist/native/engine.js";
import type { NativeTokenizer } from "../../dist/native/tokenizer.js";

/**
 * Log-likelihoods by the harness's rules, written anew on nothing but llama.cpp's logits: one sequence at a time, its
 * tokens split here, the softmax in double.
 * @returns one sum a request
 */
export async function harnessSums(
  engine: InferenceEngine,
  tokenizer: NativeTokenizer,
  requests: readonly DumpedRequest[],
): Promise<number[]> {
  const encode = (text: string) => [...tokenizer.tokenize(text, { addSpecial: false, parseSpecial: false })];
  const size = engine.info.vocabSize;
  const sums: number[] = [];
  let last: { input: string; logits: Float32Array } = { input: "", logits: new Float32Array() };
  for (const { context, continuation } of requests) {
    const kept = context.trimEnd();
    const before = encode(kept);
    const after = encode(context + continuation).slice(before.length);
    const prefix = kept === "" ? [tokenizer.bosToken!] : before;
    const input = [...prefix, ...after].slice(-(engine.info.sequenceLimit + 1)).slice(0, -1);
    // The four letters of a question follow the same tokens.
    if (last.input !== input.join())
      last = { input: input.join(), logits: await engine.logits(Int32Array.from(input)) };
    const start = input.length - after.length;
    sums.push(
      after.reduce((sum, token, i) => {
        const row = last.logits.subarray((start + i) * size, (start + i + 1) * size);
        return sum + logSoftmax(row, token);
      }, 0),
    );
  }
  return sums;
}

function logSoftmax(row: Float32Array, token: number): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of row) highest = Math.max(highest, logit);
  let total = 0;
  for (const logit of row) total += Math.exp(logit - highest);
  return row[token]! - highest - Math.log(total);
}
