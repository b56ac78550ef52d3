import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { evaluate } from "../../dist/eval/evaluate.js";
import type { EvaluateOptions } from "../../dist/eval/evaluateOptions.js";
import type { EvaluationResult } from "../../dist/eval/evaluationResult.js";
import { evaluateLikelihood } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import type { EvaluationStrategy } from "../../dist/eval/strategies/strategy.js";
import { bertGguf, bertWeights } from "./bertGguf.js";
import { rejectsWith, repoFile, temporaryFolder } from "./helpers.js";
import { medtiny } from "./support.js";

const path = await temporaryFolder();
const data = repoFile("assets/sample/pubmedqa-synthetic.json");
const base: EvaluateOptions = { model: medtiny, task: "pubmedqa", data, limit: 3, threads: 1, maxTokens: 6 };

/** The first rows of the sample as a training file; the questions asked are among them. */
const train = path("train.json");
const sample = JSON.parse(await readFile(data, "utf8")) as Record<string, { QUESTION: string }>;
const rows = Object.entries(sample).slice(0, 12);
// More words than the encoder of the tests has positions.
rows[9]![1].QUESTION += " really".repeat(30);
await writeFile(train, JSON.stringify(Object.fromEntries(rows)));

const responses = ({ items }: EvaluationResult) => items.map(({ id, response }) => [id, response]);

describe("strategies on the real engine", () => {
  it("self-consistency: the first of the answers is the plain run's", async () => {
    const answersFile = path("samples.jsonl");
    const strategy: EvaluationStrategy = { selfConsistency: { samples: 3 } };
    const one = { ...base, sequences: 1, sampler: "llama.cpp" } as const;
    const plain = await evaluate(one);
    const voted = await evaluate({ ...one, strategy, answersFile });
    const lines = (await readFile(answersFile, "utf8")).trim().split("\n").slice(1);
    const answers = lines.map((line) => JSON.parse(line) as { id: string; response: string });
    assert.equal(answers.length, 9);
    for (const { id, response } of plain.items)
      assert.equal(answers.find((answer) => answer.id === `${id}#1`)!.response, response);
    assert.ok(new Set(answers.map(({ response }) => response)).size > 3);
    assert.deepEqual(
      voted.items.map(({ vote }) => vote!.ballots.length),
      [3, 3, 3],
    );
    const again = await evaluate({ ...one, strategy, answersFile });
    assert.deepEqual(again.timings.resumed, 9);
    assert.deepEqual(responses(again), responses(voted));
  });

  it("nearest shots: by the model's own embeddings and by an encoder's, the same from the cache", async () => {
    const cache = path("embeddings.jsonl");
    const encoder = path("bert.gguf");
    await writeFile(encoder, bertGguf(bertWeights(), 1));
    for (const model of [undefined, encoder]) {
      const texts: number[] = [];
      const strategy: EvaluationStrategy = { neighbours: { train, shots: 1, cache, ...(model && { model }) } };
      const run = () =>
        evaluate({ ...base, sampler: "greedy", strategy, onEmbedProgress: ({ done }) => texts.push(done) });
      const first = await run();
      const computed = texts.length;
      assert.ok(computed > 0 && computed <= 12);
      const second = await run();
      assert.equal(texts.length, computed);
      assert.deepEqual(responses(second), responses(first));
      const plain = await evaluate({ ...base, sampler: "greedy" });
      first.items.forEach(({ promptTokens }, i) => {
        assert.ok(promptTokens > plain.items[i]!.promptTokens + 50);
      });
      const note = "1 of 15 texts were cut to their beginning for their embedding.";
      assert.equal(first.notes.includes(note), model === encoder);
    }
  });

  it("an abort while texts are embedded keeps those that are done", async () => {
    const cache = path("aborted.jsonl");
    const strategy: EvaluationStrategy = { neighbours: { train: data, shots: 1, cache } };
    const controller = new AbortController();
    const seen: number[] = [];
    const run = (signal?: AbortSignal) =>
      evaluate({
        ...{ ...base, limit: 1, strategy },
        ...(signal && { signal }),
        onEmbedProgress: ({ done, total }) => {
          seen.push(total);
          if (done === 2) controller.abort();
        },
      });
    await rejectsWith("ABORTED", run(controller.signal));
    const kept = (await readFile(cache, "utf8")).trim().split("\n").length - 1;
    assert.ok(kept >= 2);
    const [total] = seen.splice(0);
    await run();
    assert.equal(seen.length, total! - kept);
  });

  it("choice shuffling over all orders of scored options sums to one", async () => {
    const rows = ["What beats?,Heart,Lung,Liver,Skin,A\n", "What breathes?,Heart,Lung,Liver,Skin,B\n"];
    const file = path("virology_test.csv");
    await writeFile(file, rows.join(""));
    const strategy: EvaluationStrategy = { choiceShuffling: { permutations: 24 } };
    const options = { model: medtiny, task: "mmlu_virology", data: file, threads: 1 };
    const result = await evaluateLikelihood({ ...options, strategy });
    const plain = await evaluateLikelihood(options);
    for (const [i, { logprobs }] of result.items.entries()) {
      const total = logprobs.reduce((sum, one) => sum + Math.exp(one), 0);
      assert.ok(Math.abs(total - 1) < 1e-9);
      assert.notDeepEqual(logprobs, plain.items[i]!.logprobs);
    }
    assert.equal(result.timings.asked, 48);
  });
});
