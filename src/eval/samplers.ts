import { createHash } from "node:crypto";
import { MediloraError } from "../errors.js";

/** One link of a sampler chain. `minKeep` is the least number of candidates that a cut leaves. */
export type SamplerStep =
  /** Divides positive and multiplies negative logits of tokens seen in the last `lastN`, prompt included, by `repeat`. */
  | { type: "penalties"; lastN: number; repeat: number }
  | { type: "topK"; k: number }
  | { type: "topP"; p: number; minKeep: number }
  | { type: "minP"; p: number; minKeep: number }
  | { type: "temperature"; t: number }
  /** Draws from the distribution that is left. */
  | { type: "draw" }
  /** Takes the likeliest token. */
  | { type: "greedy" };

/** A name of {@link SAMPLER_PRESETS}. */
export type SamplerPreset = "llama-cpp-python-2023" | "llama-cpp-python" | "llama.cpp" | "greedy";

/** The paper's. */
export const DEFAULT_SAMPLER: SamplerPreset = "llama-cpp-python-2023";

const CUTS: readonly SamplerStep[] = [
  { type: "topK", k: 40 },
  { type: "topP", p: 0.95, minKeep: 1 },
  { type: "minP", p: 0.05, minKeep: 1 },
];

/**
 * Sampler chains by name. The order is part of a preset: top-p and min-p cut before the temperature is applied.
 *
 * - `llama-cpp-python-2023`: the defaults of llama-cpp-python's chat completion in late 2023; the paper's. The penalty
 *   counts the prompt, so it biases against option letters that stand late in it.
 * - `llama-cpp-python`: the same without the repeat penalty, which is off by default today.
 * - `llama.cpp`: the same cuts at temperature 0.8.
 * - `greedy`: the likeliest token; no randomness.
 *
 * At temperature 0.2 a runner-up half as likely as the first is drawn about 3% of the time: (1/2)^5 = 1/32 as likely.
 */
export const SAMPLER_PRESETS: Readonly<Record<SamplerPreset, readonly SamplerStep[]>> = {
  "llama-cpp-python-2023": [
    { type: "penalties", lastN: 64, repeat: 1.1 },
    ...CUTS,
    { type: "temperature", t: 0.2 },
    { type: "draw" },
  ],
  "llama-cpp-python": [...CUTS, { type: "temperature", t: 0.2 }, { type: "draw" }],
  "llama.cpp": [...CUTS, { type: "temperature", t: 0.8 }, { type: "draw" }],
  greedy: [{ type: "greedy" }],
};

/** One line for reports, e.g. "top-k 40, top-p 0.95, min-p 0.05, temperature 0.2, draw", in the order of the chain. */
export function describeSampler(steps: readonly SamplerStep[]): string {
  return steps.map(describeStep).join(", ");
}

function describeStep(step: SamplerStep): string {
  switch (step.type) {
    case "penalties":
      return `repeat penalty ${step.repeat} over the last ${step.lastN} tokens`;
    case "topK":
      return `top-k ${step.k}`;
    case "topP":
      return `top-p ${step.p}${describeMinKeep(step.minKeep)}`;
    case "minP":
      return `min-p ${step.p}${describeMinKeep(step.minKeep)}`;
    case "temperature":
      return `temperature ${step.t}`;
    case "draw":
    case "greedy":
      return step.type;
  }
}

function describeMinKeep(minKeep: number): string {
  return minKeep === 1 ? "" : ` (at least ${minKeep} kept)`;
}

/** llama.cpp takes this seed for "choose one at random". */
const LLAMA_DEFAULT_SEED = 0xffffffff;

/**
 * The seed of one question's draws: from the run's seed and the question's id alone, so that an answer does not depend
 * on the batch, the order or the machine.
 *
 * First four bytes, little-endian, of SHA-256 over `<runSeed>` newline `<questionId>` in UTF-8.
 * @param runSeed a safe integer
 * @returns an integer in 0 .. 2^32 - 2
 * @throws MediloraError `ARGUMENT_INVALID` when runSeed is no safe integer
 */
export function questionSeed(runSeed: number, questionId: string): number {
  if (!Number.isSafeInteger(runSeed))
    throw new MediloraError("ARGUMENT_INVALID", "runSeed must be an integer below 2^53. Give another seed.");
  const digest = createHash("sha256").update(`${runSeed}\n${questionId}`, "utf8").digest();
  return digest.readUInt32LE(0) % LLAMA_DEFAULT_SEED;
}

/**
 * The seed of one of several answers to a question. The first one's is {@link questionSeed}, so it draws as a plain run
 * would; the others' is that of the id with a newline and their number behind it.
 * @param sample from 0
 */
export function sampleSeed(runSeed: number, questionId: string, sample: number): number {
  return questionSeed(runSeed, sample === 0 ? questionId : `${questionId}\n${sample}`);
}
