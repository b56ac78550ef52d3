import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { SAMPLER_PRESETS, type SamplerStep } from "../../dist/eval/samplers.js";
import type { GenerateRequest, GenerateResult } from "../../dist/native/binding.js";
import { type EngineOptions, InferenceEngine } from "../../dist/native/engine.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";
import { base, facts, header, manyRequests, request, run, stories, tokenizer } from "./support.js";

async function answers(options: EngineOptions, requests: GenerateRequest[], sharePrefix = true) {
  await using engine = await InferenceEngine.open({ ...base, ...options });
  return await run(engine, requests, { sharePrefix });
}

async function oneByOne(requests: GenerateRequest[], options: EngineOptions = base): Promise<GenerateResult[]> {
  await using engine = await InferenceEngine.open({ ...options, sequences: 1 });
  const results: GenerateResult[] = [];
  for (const one of requests) results.push(...(await run(engine, [one])));
  return results;
}

function differences(a: GenerateResult[], b: GenerateResult[]): number {
  assert.equal(a.length, b.length);
  return a.filter((result, i) => result.tokens.join() !== b[i]?.tokens.join()).length;
}

describe("batched generation", () => {
  for (const kvType of ["f16", "f32"] as const)
    it(`gives the greedy answers of one-by-one decoding (${kvType} cache)`, async () => {
      const requests = manyRequests(48);
      const alone = await oneByOne(requests, { ...base, kvType });
      assert.ok(new Set(requests.map((one) => one.prompt.length)).size > 20);
      for (const more of [
        { sequences: 8 },
        { sequences: 48, microBatchSize: 64, batchSize: 96 },
        { sequences: 3, threads: 2 },
      ])
        assert.equal(
          differences(alone, await answers({ ...base, kvType, ...more }, requests)),
          0,
          JSON.stringify(more),
        );
    });

  it("gives the same answers with two threads, to the last bit of their logprobs", async () => {
    const requests = manyRequests(4);
    const logprobs = (results: GenerateResult[]) => results.map((result) => result.logprob);
    const two = await answers({ ...base, threads: 2 }, requests);
    assert.deepEqual(logprobs(two), logprobs(await answers(base, requests)));
  });

  it("gives the same answers with and without a shared prefix", async (t) => {
    const requests = manyRequests(48).filter((_, i) => i % 2 === 0);
    const shared = await answers({ ...base, sequences: 6 }, requests, true);
    const apart = await answers({ ...base, sequences: 6 }, requests, false);
    assert.equal(differences(shared, apart), 0);
    const gap = Math.max(...shared.map((result, i) => Math.abs(result.logprob - (apart[i]?.logprob ?? Number.NaN))));
    t.diagnostic(`largest difference of a summed logprob: ${gap}`);
    assert.ok(gap < 0.05);
  });

  for (const preset of ["llama-cpp-python-2023", "llama.cpp"] as const)
    it(`draws by each request's own seed, whatever the batch (${preset})`, async (t) => {
      const requests = manyRequests(40, { sampler: SAMPLER_PRESETS[preset] });
      const alone = await oneByOne(requests);
      const counts = [];
      for (const sequences of [2, 8, 32])
        counts.push(differences(alone, await answers({ ...base, sequences }, requests)));
      t.diagnostic(`answers that differ from one-by-one, of 40, with 2, 8, 32 sequences: ${counts.join(", ")}`);
      assert.equal(differences(alone, await oneByOne(requests)), 0);
      // A draw flips where rounding in a batch of another shape moves a probability across the random number.
      assert.ok(Math.max(...counts) <= 8);
      const other = await oneByOne(requests.map((one) => ({ ...one, seed: one.seed + 1000 })));
      assert.ok(differences(alone, other) > 10);
    });

  it("fits many long answers into a small cache", async () => {
    const requests = manyRequests(12, { maxTokens: 100 });
    const small = await answers({ ...base, contextSize: 512, sequences: 12 }, requests);
    assert.equal(differences(small, await oneByOne(requests, { ...base, contextSize: 512 })), 0);
  });

  it("uses 256 sequences", async () => {
    const requests = Array.from({ length: 300 }, (_, i) => request(`${header}${i}`, { maxTokens: 3 }));
    const results = await answers({ ...base, contextSize: 16384, sequences: 256 }, requests);
    assert.deepEqual(
      results.map((result) => result.promptTokens),
      requests.map((one) => one.prompt.length),
    );
  });

  it("answers no requests at once", async () => {
    assert.deepEqual(await answers(base, []), []);
  });

  it("shares a prefix that is nearly the whole prompt, and equal prompts", async () => {
    const requests = [request(facts[0] ?? ""), request(facts[0] ?? ""), request(`${facts[0]}It`)];
    const results = await answers({ ...base, sequences: 2 }, requests);
    assert.equal(differences(results, await oneByOne(requests)), 0);
  });
});

describe("one answer", () => {
  // Its greedy answer goes round in circles and does not end by itself.
  const repetitive = "The heart has";
  let engine: InferenceEngine;
  let reference: GenerateResult;
  before(async () => {
    engine = await InferenceEngine.open({ ...base, kvType: "f32" });
    [reference] = (await run(engine, [request(repetitive, { maxTokens: 40 })])) as [GenerateResult];
  });
  after(() => engine.dispose());

  it("is the arg-max of the logits, with their log-softmax as logprob", async () => {
    const prompt = request(repetitive).prompt;
    const tokens = Int32Array.of(...prompt, ...reference.tokens);
    const logits = await engine.logits(tokens.subarray(0, -1));
    const size = engine.info.vocabSize;
    assert.equal(logits.length, (tokens.length - 1) * size);
    reference.tokens.forEach((token, i) => {
      const row = logits.subarray((prompt.length + i - 1) * size, (prompt.length + i) * size);
      const highest = row.reduce((a, b) => Math.max(a, b));
      assert.equal(row.indexOf(highest), token);
      const sum = row.reduce((total, logit) => total + Math.exp(logit - highest), 0);
      assert.ok(Math.abs((reference.logprobs[i] ?? Number.NaN) + Math.log(sum)) < 1e-3);
    });
    assert.equal(
      reference.logprob,
      reference.logprobs.reduce((a, b) => a + b, 0),
    );
  });

  it("ends at maxTokens, at a stop token, and in front of a stop string", async () => {
    const limited = (await run(engine, [request(repetitive, { maxTokens: 4 })]))[0];
    assert.deepEqual(limited?.tokens, reference.tokens.slice(0, 4));
    assert.equal(limited?.finish, "length");
    const third = reference.tokens[2] ?? -1;
    const before = reference.tokens.indexOf(third);
    const stopped = (await run(engine, [request(repetitive, { stopTokens: Int32Array.of(third) })]))[0];
    assert.deepEqual(stopped?.tokens, reference.tokens.slice(0, before + 1));
    assert.equal(stopped?.finish, "stop");
    assert.equal(stopped?.text, [...reference.tokens.slice(0, before)].map((token) => tokenizer.piece(token)).join(""));
    const middle = reference.text.slice(3, 9);
    const cut = (await run(engine, [request(repetitive, { stopStrings: ["\u0000never", middle] })]))[0];
    assert.equal(cut?.text, reference.text.slice(0, reference.text.indexOf(middle)));
    assert.equal(cut?.finish, "stop");
  });

  it("ends at the end-of-generation token, without its text", async () => {
    const result = (await run(engine, [request("Diabetes is", { maxTokens: 400 })]))[0];
    assert.equal(result?.finish, "stop");
    assert.equal(tokenizer.piece(result?.tokens.at(-1) ?? -1), "</s>");
    assert.equal(
      result?.text,
      [...(result?.tokens.slice(0, -1) ?? [])].map((token) => tokenizer.piece(token)).join(""),
    );
    assert.equal(result?.logprobs.length, result?.tokens.length);
  });

  it("is held off from repeating the last tokens, the prompt's among them", async () => {
    const sampler: SamplerStep[] = [{ type: "penalties", lastN: 64, repeat: 1e6 }, { type: "greedy" }];
    const one = request(repetitive, { sampler, maxTokens: 40 });
    const result = (await run(engine, [one]))[0];
    const all = [...one.prompt, ...(result?.tokens ?? [])];
    const repeats = (tokens: number[]) =>
      tokens.filter((token, i) => i >= one.prompt.length && tokens.slice(Math.max(0, i - 64), i).includes(token));
    assert.deepEqual(repeats(all), []);
    assert.ok(repeats([...one.prompt, ...reference.tokens]).length > 0);
  });

  it("is valid UTF-8 whatever bytes the model draws", async () => {
    const sampler: SamplerStep[] = [{ type: "temperature", t: 1000 }, { type: "draw" }];
    const requests = Array.from({ length: 64 }, (_, seed) => request("a", { sampler, seed, maxTokens: 60 }));
    for (const result of await run(engine, requests)) {
      const drawn = [...result.tokens].filter((token) => token > 4);
      // Ids 5 to 260 are the bytes 0 to 255.
      const bytes = drawn.map((token) => (token <= 260 ? Buffer.of(token - 5) : Buffer.from(tokenizer.piece(token))));
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      assert.equal(result.text, decoder.decode(Buffer.concat(bytes), { stream: true }));
    }
  });

  it("ends where the context ends", async () => {
    const prompt = new Int32Array(1000).fill(857);
    const result = (await run(engine, [{ ...request("a"), prompt, maxTokens: 5000, stopTokens: new Int32Array() }]))[0];
    assert.equal(engine.info.sequenceLimit, 1024);
    assert.ok((result?.tokens.length ?? 99) <= 24);
    if (result?.finish === "length") assert.equal(result.tokens.length, 24);
  });
});

describe("a real model from elsewhere", { skip: existsSync(stories) ? false : "shared/data is not here" }, () => {
  it("tells a story, batched as alone", async () => {
    await using own = await openTokenizer(stories);
    const texts = ["Once upon a time", "Lily went to the park", "The dog", "One day, a boy", "Tom and his mom"];
    const requests = texts.map((text) => ({
      ...request(""),
      prompt: own.tokenize(text, { addSpecial: true, parseSpecial: false }),
    }));
    const results = await answers({ ...base, model: stories, sequences: 5 }, requests);
    assert.match(results[0]?.text ?? "", /^, there was a little girl named Lily/);
    assert.equal(differences(results, await oneByOne(requests, { ...base, model: stories })), 0);
  });
});
