// Claim: prompts are read faster with our matrix products inside libllama than with stock libllama.
//   npm run build && npx tsc -p bench/tsconfig.json && node bench-dist/promptProcessing.js MODEL [threads]
// Both engines in one process, turn about; medians of the ratios. Prints one JSON line.
import { availableParallelism } from "node:os";
import { SAMPLER_PRESETS } from "../dist/eval/samplers.js";
import { InferenceEngine } from "../dist/native/engine.js";

const [model = "", threadsText] = process.argv.slice(2);
const threads = Number(threadsText ?? availableParallelism());
const prompt = Int32Array.from({ length: 512 }, (_, i) => 300 + ((Math.imul(i, 2_654_435_761) >>> 0) % 7000));
const options = { model, threads, contextSize: 1024, sequences: 1, batchSize: 512, microBatchSize: 512 };
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

async function seconds(engine: InferenceEngine): Promise<number> {
  const started = performance.now();
  await engine.generate([{ prompt, maxTokens: 1, seed: 0, sampler: SAMPLER_PRESETS.greedy }], { onResult: () => {} });
  return (performance.now() - started) / 1000;
}

function argMax(row: Float32Array): number {
  return row.reduce((best, value, i) => (value > row[best]! ? i : best), 0);
}

async function argMaxima(engine: InferenceEngine): Promise<number[]> {
  const logits = await engine.logits(prompt);
  const { vocabSize } = engine.info;
  return Array.from(prompt, (_, i) => argMax(logits.subarray(i * vocabSize, (i + 1) * vocabSize)));
}

await using ours = await InferenceEngine.open({ ...options, repackWeights: false });
// Stock libllama: weights repacked for the processor, products by ggml.
await using stock = await InferenceEngine.open({ ...options, repackWeights: true });
await seconds(ours);
await seconds(stock);
const times: Array<{ ours: number; stock: number }> = [];
for (let i = 0; i < 7; i++) times.push({ ours: await seconds(ours), stock: await seconds(stock) });
const [a, b] = [await argMaxima(ours), await argMaxima(stock)];
console.log(
  JSON.stringify({
    threads,
    tokensPerSecond: 512 / median(times.map((time) => time.ours)),
    stockTokensPerSecond: 512 / median(times.map((time) => time.stock)),
    ratio: median(times.map((time) => time.stock / time.ours)),
    sameArgMax: a.filter((token, i) => token === b[i]).length,
    positions: a.length,
  }),
);
