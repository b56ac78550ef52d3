import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { describeSampler, questionSeed, SAMPLER_PRESETS } from "../../dist/eval/samplers.js";

test("the presets are these chains, in this order", () => {
  const cuts = [
    { type: "topK", k: 40 },
    { type: "topP", p: 0.95, minKeep: 1 },
    { type: "minP", p: 0.05, minKeep: 1 },
  ];
  assert.deepEqual(SAMPLER_PRESETS, {
    "llama-cpp-python-2023": [
      { type: "penalties", lastN: 64, repeat: 1.1 },
      ...cuts,
      { type: "temperature", t: 0.2 },
      { type: "draw" },
    ],
    "llama-cpp-python": [...cuts, { type: "temperature", t: 0.2 }, { type: "draw" }],
    "llama.cpp": [...cuts, { type: "temperature", t: 0.8 }, { type: "draw" }],
    greedy: [{ type: "greedy" }],
  });
});

test("describeSampler names every step in order", () => {
  assert.equal(
    describeSampler(SAMPLER_PRESETS["llama-cpp-python-2023"]),
    "repeat penalty 1.1 over the last 64 tokens, top-k 40, top-p 0.95, min-p 0.05, temperature 0.2, draw",
  );
  assert.equal(
    describeSampler(SAMPLER_PRESETS["llama.cpp"]),
    "top-k 40, top-p 0.95, min-p 0.05, temperature 0.8, draw",
  );
  assert.equal(describeSampler(SAMPLER_PRESETS.greedy), "greedy");
  assert.equal(describeSampler([{ type: "topP", p: 0.5, minKeep: 2 }]), "top-p 0.5 (at least 2 kept)");
});

test("questionSeed is the start of a SHA-256 and stays what it is", () => {
  // printf '42\n21645374' | sha256sum starts with c8d020b0
  assert.equal(questionSeed(42, "21645374"), 2954940616);
  const digest = createHash("sha256").update("7\nfrage-ä").digest();
  assert.equal(questionSeed(7, "frage-ä"), digest.readUInt32LE(0));
});

test("questionSeed tells runs and questions apart and fits 32 bits", () => {
  const seeds = new Set<number>();
  for (let run = 0; run < 20; run++)
    for (let question = 0; question < 500; question++) {
      const seed = questionSeed(run, String(question));
      // 2^32 - 1 would mean a random seed to llama.cpp.
      assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32 - 1);
      seeds.add(seed);
    }
  // Of 10,000 draws from 2^32, 0.01 pairs are expected to meet by chance.
  assert.ok(seeds.size >= 9_999);
  assert.notEqual(questionSeed(1, "23"), questionSeed(12, "3"));
});

test("questionSeed refuses a run seed that is no integer", () => {
  for (const seed of [0.5, Number.NaN, 2 ** 60])
    assert.throws(() => questionSeed(seed, "1"), { code: "ARGUMENT_INVALID" });
});
