import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { evaluateLikelihood } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { SAMPLER_PRESETS } from "../../dist/eval/samplers.js";
import type { ScoreRequest } from "../../dist/native/binding.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { native } from "../../dist/native/load.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { maxDifference, temporaryFolder } from "./helpers.js";
import { mmluFile, ownRows } from "./mmluRows.js";
import { base, facts, header, medtiny, request, run } from "./support.js";

const path = await temporaryFolder();
const ourKernels = native().gemmInfo().registered ? false : "ggml computes here, whose sums depend on the batch";

function scoreRequest(i: number): ScoreRequest {
  const token = (j: number) => 300 + ((Math.imul(31 * i + j, 2_654_435_761) >>> 0) % 7000);
  return {
    context: Int32Array.from({ length: 20 + ((i * 13) % 90) }, (_, j) => token(j)),
    continuations: [0, 1, 2].map((k) => Int32Array.from({ length: 1 + (k % 2) }, (_, j) => token(1000 + 10 * k + j))),
  };
}

describe("what is asked together is answered as what is asked alone", () => {
  it("greedy answers to 200 prompts, with 1, 8 and 32 sequences", async () => {
    const requests = Array.from({ length: 200 }, (_, i) => {
      const body = facts.slice(i % 3, (i % 3) + (i % 4)).join("");
      const begun = facts[i % facts.length]!.slice(0, 8 + ((i * 7) % 40));
      return request(`${i % 2 === 0 ? header : ""}${body}${begun}`, { maxTokens: 8 });
    });
    const answers = [];
    for (const sequences of [1, 8, 32]) {
      await using engine = await InferenceEngine.open({ ...base, sequences });
      answers.push((await run(engine, requests)).map(({ tokens }) => tokens.join()));
    }
    assert.ok(new Set(answers[0]).size > 20);
    assert.deepEqual(answers[1], answers[0]);
    assert.deepEqual(answers[2], answers[0]);
  });

  for (const type of ["F16", "Q4_K_M"] as const)
    it(`sampled answers, ${type}`, { skip: ourKernels }, async () => {
      const model = path(`sampled-${type}.gguf`);
      await quantize({ input: medtiny, output: model, type, threads: 1 });
      const requests = Array.from({ length: 60 }, (_, i) =>
        request(`${header}${facts.slice(i % 3, (i % 3) + (i % 4)).join("")}${facts[i % facts.length]!.slice(0, 30)}`, {
          maxTokens: 16,
          seed: i,
          sampler: SAMPLER_PRESETS["llama.cpp"],
        }),
      );
      const answers = [];
      for (const sequences of [1, 7, 32]) {
        await using engine = await InferenceEngine.open({ ...base, model, sequences });
        answers.push((await run(engine, requests)).map(({ tokens }) => tokens.join()));
      }
      assert.ok(new Set(answers[0]).size > 40);
      assert.deepEqual(answers[1], answers[0]);
      assert.deepEqual(answers[2], answers[0]);
    });

  it("the same numbers to the bit where prompts are computed in full", { skip: ourKernels }, async () => {
    const requests = Array.from({ length: 40 }, (_, i) => scoreRequest(i));
    const sums = [];
    for (const sequences of [1, 9, 64]) {
      await using engine = await InferenceEngine.open({ ...base, sequences, contextSize: 4096 });
      const results: number[][] = [];
      await engine.score(requests, {
        sharePrefix: false,
        onResult: ({ index, logprobs }) => {
          results[index] = Array.from(logprobs);
        },
      });
      sums.push(results);
    }
    assert.deepEqual(sums[1], sums[0]);
    assert.deepEqual(sums[2], sums[0]);
  });

  for (const type of ["F32", "F16", "Q8_0", "Q4_K_M"] as const)
    it(`choices by log-likelihood, ${type}`, async (t) => {
      const model = path(`${type}.gguf`);
      await quantize({ input: medtiny, output: model, type, threads: 1 });
      const data = await mmluFile(path("rows.csv"), ownRows(24));
      const score = async (sequences: number) =>
        (await evaluateLikelihood({ model, task: "mmlu_anatomy", data, threads: 1, sequences })).items;
      const alone = await score(1);
      const gaps = [];
      for (const sequences of [8, 64]) {
        const together = await score(sequences);
        assert.deepEqual(
          together.map(({ chosen }) => chosen),
          alone.map(({ chosen }) => chosen),
        );
        gaps.push(Math.max(...together.map(({ logprobs }, i) => maxDifference(logprobs, alone[i]!.logprobs))));
      }
      t.diagnostic(`largest differences of a sum with 8 and 64 sequences: ${gaps.join(", ")}`);
      // ggml rounds activations to 8 or 16 bits: where the batch's shape moves a last bit, one of them may step.
      assert.ok(Math.max(...gaps) < (type === "F32" || !ourKernels ? 1e-4 : 5e-2));
    });
});
