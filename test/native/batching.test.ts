import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { evaluateLikelihood } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { maxDifference, temporaryFolder } from "./helpers.js";
import { mmluFile, ownRows } from "./mmluRows.js";
import { base, facts, header, medtiny, request, run } from "./support.js";

const path = await temporaryFolder();

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

  for (const [type, tolerance] of [
    ["F32", 1e-4],
    ["F16", 5e-3],
    // Activations are rounded to 8 bits: where the batch's shape moves a last bit, one of them may step.
    ["Q8_0", 5e-2],
    ["Q4_K_M", 5e-2],
  ] as const)
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
      assert.ok(Math.max(...gaps) < tolerance);
    });
});
