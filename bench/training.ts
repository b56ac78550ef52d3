// Claim: a training step on a quantised base runs near the processor's bf16 peak, in little memory, and many times
// faster than with ggml's own operations.
//   npm run build && npx tsc -p bench/tsconfig.json && node bench-dist/training.js 250m|7b|gemm-off MODEL TOKENS [threads]
// One shape a process, so that its peak memory is its own. Prints one JSON line. `npm run bench` makes the models and
// puts the lines in a table.
import { availableParallelism } from "node:os";
import { native } from "../dist/native/load.js";
import { NativeTrainer } from "../dist/native/trainer.js";
import { parameterCount, SHAPE_7B, SHAPE_250M } from "./randomModel.js";

const [shapeName = "250m", model = "", tokensText = "512", threadsText] = process.argv.slice(2);
const tokens = Number(tokensText);
const threads = Number(threadsText ?? availableParallelism());
const shape = shapeName === "7b" ? SHAPE_7B : SHAPE_250M;
const repeats = shapeName === "7b" || process.env.MEDILORA_GEMM === "off" ? 1 : 5;
const update = { maxGradNorm: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, learningRate: 1e-4 };

/** Two sequences, every token labelled. */
function batch(seed: number) {
  const random = (i: number) => 300 + ((Math.imul(i + 977 * seed, 2_654_435_761) >>> 0) % (shape.vocab - 300));
  const all = Int32Array.from({ length: 2 * tokens }, (_, i) => random(i));
  return {
    tokens: all,
    positions: all.map((_, i) => i % tokens),
    sequences: all.map((_, i) => Math.floor(i / tokens)),
    labels: all.map((_, i) => random(i + 1)),
  };
}

async function step(trainer: NativeTrainer, seed: number): Promise<number> {
  const started = performance.now();
  await trainer.accumulate(batch(seed));
  await trainer.step({ ...update, divisor: 2 * tokens });
  return (performance.now() - started) / 1000;
}

const lora = { rank: 8, alpha: 16, modules: ["attn_q", "attn_v"] as const, seed: 1 };
const memory = { tokens: 2 * tokens, labels: 2 * tokens };
await using trainer = await NativeTrainer.open({
  model,
  lora,
  threads,
  dropout: 0.05,
  checkpointing: shapeName === "7b",
});
const base = process.memoryUsage.rss();
const predicted = trainer.memory({ ...memory, checkpointing: shapeName === "7b" });
await step(trainer, 0); // reads the weights and allocates
const times: number[] = [];
const peaks: number[] = [];
for (let i = 1; i <= repeats; i++) {
  peaks.push((await native().gemmPeak({ threads })).bf16 || (await native().gemmPeak({ threads })).f32);
  times.push(await step(trainer, i));
}
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const seconds = median(times);
const work = 4 * parameterCount(shape) * 2 * tokens;
const rates = times.map((time, i) => work / time / 1e9 / peaks[i]!);
console.log(
  JSON.stringify({
    shape: shapeName,
    tokens: 2 * tokens,
    threads,
    kernel: process.env.MEDILORA_GEMM ?? "chosen",
    secondsPerStep: seconds,
    tokensPerSecond: (2 * tokens) / seconds,
    gflops: work / seconds / 1e9,
    peakGflops: median(peaks),
    shareOfPeak: median(rates),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    predictedBytes: base + predicted.weights + predicted.parameters + predicted.buffers,
  }),
);
