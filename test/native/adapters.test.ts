import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { mergeAdapter } from "../../dist/adapter/merge.js";
import { evaluate } from "../../dist/eval/evaluate.js";
import { evaluateLikelihood } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { type EngineOptions, InferenceEngine } from "../../dist/native/engine.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { gguf } from "./gguf.js";
import { maxDifference, repoFile, temporaryFolder } from "./helpers.js";
import { base, facts, hasCode, header, medtiny, request, run } from "./support.js";

const path = await temporaryFolder();
const exact = path("medtiny-f32.gguf");
const a = path("a.gguf");
const b = path("b.gguf");

/** An adapter on all of medtiny's queries and values; another `phase` is another adapter. */
async function writeAdapter(file: string, phase: number): Promise<void> {
  const wave = (length: number, step: number, size: number) =>
    Float32Array.from({ length }, (_, i) => size * Math.sin(phase + i * step));
  const rank = 4;
  const tensors = Array.from({ length: 6 }, (_, block) => block).flatMap((block) =>
    [
      [`blk.${block}.attn_q.weight`, 256],
      [`blk.${block}.attn_v.weight`, 128],
    ].flatMap(([name, outputs]) => [
      { name: `${name}.lora_a`, shape: [256, rank], values: wave(256 * rank, 1.3 + block, 0.1) },
      { name: `${name}.lora_b`, shape: [rank, Number(outputs)], values: wave(rank * Number(outputs), 0.7, 0.05) },
    ]),
  );
  const header = { "general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora" };
  await writeFile(file, gguf({ ...header, "adapter.lora.alpha": 8 }, tensors));
}

before(async () => {
  await writeAdapter(a, 0);
  await writeAdapter(b, 2);
  await quantize({ input: medtiny, output: exact, type: "F32", threads: 1 });
});

type Adapters = NonNullable<EngineOptions["adapters"]>;

/** Prompts and questions that share a base prompt. */
const prompts = facts.map((fact) => request(`${header}${fact}Therefore`, { maxTokens: 12 }));
const questions = prompts.map(({ prompt }) => ({
  context: prompt,
  continuations: [prompt.slice(1, 4), prompt.slice(5, 9)],
}));

const open = (adapters: Adapters) => InferenceEngine.open({ ...base, sequences: 4, adapters });

async function outputs(engine: InferenceEngine) {
  const answers = await run(engine, prompts);
  const sums = questions.map(() => [] as number[]);
  await engine.score(questions, {
    onResult: ({ index, logprobs }) => {
      sums[index] = [...logprobs];
    },
  });
  return { answers: answers.map(({ tokens, logprob }) => [tokens.join(), logprob]), sums };
}

async function alone(adapters: Adapters) {
  await using engine = await open(adapters);
  return await outputs(engine);
}

describe("adapters", () => {
  it("never share what another one, or another scale, has computed of the same prompt", async () => {
    const choices: Adapters[] = [[], [{ path: a }], [{ path: b }], [{ path: a, scale: 0.5 }]];
    const expected = [];
    for (const adapters of choices) expected.push(await alone(adapters));
    const seen = expected.map(({ sums }) => JSON.stringify(sums));
    assert.equal(new Set(seen).size, choices.length);
    assert.equal(new Set(expected.slice(0, 3).map(({ answers }) => JSON.stringify(answers))).size, 3);
    // Scale 0 is the bare model, to the last bit, also after others ran in the process.
    assert.deepEqual(await alone([{ path: a, scale: 0 }]), expected[0]);
    const engines = [];
    for (const adapters of choices) engines.push(await open(adapters));
    for (const order of [
      [0, 1, 2, 3],
      [3, 1, 0, 2],
    ])
      for (const which of order) assert.deepEqual(await outputs(engines[which]!), expected[which]);
    for (const engine of engines) await engine.dispose();
  });

  it("at once are a model into which all were merged", async (t) => {
    const first = path("merged-a.gguf");
    const both = path("merged-ab.gguf");
    await mergeAdapter({ base: exact, adapter: a, output: first, type: "F32", scale: 0.7, threads: 1 });
    await mergeAdapter({ base: first, adapter: b, output: both, type: "F32", scale: -1.3, threads: 1 });
    const logits = async (model: string, adapters: Adapters = []) => {
      await using engine = await InferenceEngine.open({ ...base, model, adapters, kvType: "f32" });
      return await engine.logits(prompts[0]!.prompt);
    };
    const adapted = await logits(exact, [
      { path: a, scale: 0.7 },
      { path: b, scale: -1.3 },
    ]);
    const gap = maxDifference(await logits(both), adapted);
    t.diagnostic(`largest difference of a logit: ${gap}`);
    assert.ok(gap < 1e-3);
    assert.ok(maxDifference(await logits(first), adapted) > 0.1);
    assert.ok(maxDifference(await logits(exact, [{ path: a }, { path: b }]), adapted) > 0.1);
  });
});

describe("an answers file", () => {
  const data = repoFile("assets/sample/pubmedqa-synthetic.json");
  const common = { model: medtiny, data, limit: 4, threads: 1 };
  const others: Adapters[] = [[], [{ path: b }], [{ path: a, scale: 0.5 }], [{ path: a }, { path: b }]];

  it("of generated answers belongs to its adapters and their scales", async () => {
    const options = { ...common, task: "pubmedqa", sampler: "greedy" as const, maxTokens: 6 };
    const answersFile = path("answers.jsonl");
    const first = await evaluate({ ...options, adapters: [{ path: a }], answersFile });
    for (const adapters of others)
      await assert.rejects(evaluate({ ...options, adapters, answersFile }), (error: Error) => {
        return hasCode("ARGUMENT_INVALID")(error) && /adapters differs/.test(error.message);
      });
    const again = await evaluate({ ...options, adapters: [{ path: a, scale: 1 }], answersFile });
    assert.deepEqual([again.timings.asked, again.items], [0, first.items]);
    const plain = await evaluate({ ...options, answersFile: path("plain.jsonl") });
    assert.notDeepEqual(
      plain.items.map(({ response }) => response),
      first.items.map(({ response }) => response),
    );
  });

  it("of scored choices as well", async () => {
    const options = { ...common, task: "pubmedqa_likelihood" };
    const answersFile = path("scores.jsonl");
    const first = await evaluateLikelihood({ ...options, adapters: [{ path: a }], answersFile });
    for (const adapters of others)
      await assert.rejects(evaluateLikelihood({ ...options, adapters, answersFile }), (error: Error) => {
        return hasCode("ARGUMENT_INVALID")(error) && /adapters differs/.test(error.message);
      });
    const again = await evaluateLikelihood({ ...options, adapters: [{ path: a }], answersFile });
    assert.deepEqual([again.timings.asked, again.items], [0, first.items]);
    const plain = await evaluateLikelihood(options);
    assert.ok(maxDifference(plain.items[0]!.logprobs, first.items[0]!.logprobs) > 1e-2);
  });
});
