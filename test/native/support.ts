import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isMediloraError } from "../../dist/errors.js";
import { SAMPLER_PRESETS } from "../../dist/eval/samplers.js";
import type { GenerateRequest, GenerateResult } from "../../dist/native/binding.js";
import type { EngineOptions, InferenceEngine } from "../../dist/native/engine.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";

/** A base model of 6.8M parameters that is part of the package. */
export const medtiny = fileURLToPath(new URL("../../assets/medtiny-f16.gguf", import.meta.url));
/** A real model from elsewhere; not part of the package. */
export const stories = fileURLToPath(new URL("../../../shared/data/models/stories260K.gguf", import.meta.url));

export const base: EngineOptions = { model: medtiny, contextSize: 4096, threads: 1 };
export const tokenizer = await openTokenizer(medtiny);

export const hasCode = (code: string) => (error: unknown) => isMediloraError(error) && error.code === code;

export const facts = [
  "Aspirin lowers the risk of stroke in patients with atrial fibrillation. ",
  "The patient is a 54-year-old man with chest pain and shortness of breath. ",
  "Insulin moves glucose into muscle and fat cells. ",
  "Antibiotics do not help against viruses. ",
  "The heart has four chambers and four valves. ",
];
export const header = "You are a physician. Read the context and answer the question in one sentence.\n";

export function request(text: string, more: Partial<GenerateRequest> = {}): GenerateRequest {
  const prompt = tokenizer.tokenize(text, { addSpecial: true, parseSpecial: true });
  return { prompt, maxTokens: 24, seed: 0, sampler: SAMPLER_PRESETS.greedy, ...more };
}

/** Prompts of 5 to about 220 tokens; every second one begins with the header. */
export function manyRequests(count: number, more: Partial<GenerateRequest> = {}): GenerateRequest[] {
  return Array.from({ length: count }, (_, i) => {
    const body = Array.from({ length: (i * 7) % 13 }, (_, j) => facts[(i + j) % facts.length]).join("");
    return request(`${i % 2 === 0 ? header : ""}${body}Question ${i}: what is`, { seed: i, ...more });
  });
}

export async function run(
  engine: InferenceEngine,
  requests: GenerateRequest[],
  options: { sharePrefix?: boolean; signal?: AbortSignal } = {},
): Promise<GenerateResult[]> {
  const results: GenerateResult[] = [];
  await engine.generate(requests, { ...options, onResult: (result) => results.push(result) });
  assert.equal(results.length, requests.length);
  return results.sort((a, b) => a.index - b.index);
}
