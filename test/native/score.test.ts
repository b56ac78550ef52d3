import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ScoreRequest, ScoreResult } from "../../dist/native/binding.js";
import { type EngineOptions, InferenceEngine } from "../../dist/native/engine.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { temporaryFolder } from "./helpers.js";
import { base, facts, hasCode, header, medtiny, tokenizer } from "./support.js";

// In float32 throughout, so that what is left is the order of sums.
const model = (await temporaryFolder())("medtiny-f32.gguf");
await quantize({ input: medtiny, output: model, type: "F32", threads: 1 });
const exact: EngineOptions = { ...base, model, kvType: "f32", sequences: 16 };

function tokens(text: string): Int32Array {
  return tokenizer.tokenize(text, { addSpecial: false, parseSpecial: false });
}

function question(context: string, continuations: string[]): ScoreRequest {
  return { context: Int32Array.of(tokenizer.bosToken!, ...tokens(context)), continuations: continuations.map(tokens) };
}

/** Letter tasks, long choices, choices that begin or contain one another, equal questions, a header shared by half. */
function manyQuestions(): ScoreRequest[] {
  const letters = facts.map((fact, i) => question(`${header}${fact.repeat(i + 1)}Answer:`, ["A", "B", "C", "D"]));
  const long = facts.map((fact) =>
    question(`${fact}Therefore`, [facts[0]!, facts[1]!, `${facts[0]}${facts[2]}`, "no"]),
  );
  const nested = [
    question("The heart", ["has", "has four", "has four chambers", "is", "has"]),
    question("The heart has", ["four", "four chambers and"]),
    question("The", ["heart has four chambers"]),
    question("The heart", ["has", "has four"]),
  ];
  return [...letters, ...long, ...nested, question(header.repeat(9), ["yes", "no", "maybe"])];
}

async function scores(engine: InferenceEngine, requests: ScoreRequest[], sharePrefix = true): Promise<ScoreResult[]> {
  const results: ScoreResult[] = [];
  await engine.score(requests, { sharePrefix, onResult: (result) => results.push(result) });
  results.sort((a, b) => a.index - b.index);
  assert.deepEqual(
    results.map(({ index }) => index),
    requests.map((_, index) => index),
  );
  return results;
}

/** One forward a choice, softmax in double over the logits of every position. */
async function unbatched(engine: InferenceEngine, { context, continuations }: ScoreRequest) {
  const size = engine.info.vocabSize;
  const out: Array<{ logprob: number; isGreedy: boolean }> = [];
  for (const continuation of continuations) {
    const all = Int32Array.of(...context, ...continuation);
    const logits = await engine.logits(all.subarray(0, -1));
    let logprob = 0;
    let isGreedy = true;
    continuation.forEach((token, i) => {
      const row = logits.subarray((context.length + i - 1) * size, (context.length + i) * size);
      const highest = row.reduce((a, b) => Math.max(a, b));
      logprob += row[token]! - highest - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - highest), 0));
      isGreedy &&= row.indexOf(highest) === token;
    });
    out.push({ logprob, isGreedy });
  }
  return out;
}

function widest(a: ScoreResult[], b: ScoreResult[]): number {
  return Math.max(...a.map((one, i) => Math.max(...one.logprobs.map((sum, j) => Math.abs(sum - b[i]!.logprobs[j]!)))));
}

describe("log-likelihood", () => {
  const requests = manyQuestions();
  let engine: InferenceEngine;
  let reference: ScoreResult[];
  before(async () => {
    engine = await InferenceEngine.open(exact);
    reference = [];
    for (const [index, request] of requests.entries()) {
      const parts = await unbatched(engine, request);
      const logprobs = Float64Array.from(parts, ({ logprob }) => logprob);
      reference.push({ type: "score", index, logprobs, isGreedy: parts.map(({ isGreedy }) => isGreedy) });
    }
  });
  after(() => engine.dispose());

  it("is the unbatched one, greedy flags and all", async (t) => {
    const results = await scores(engine, requests);
    const gap = widest(results, reference);
    t.diagnostic(`largest difference of a sum: ${gap}`);
    assert.ok(gap < 1e-4);
    assert.deepEqual(
      results.map(({ isGreedy }) => isGreedy),
      reference.map(({ isGreedy }) => isGreedy),
    );
    assert.ok(reference.some(({ isGreedy }) => isGreedy.includes(true)));
    for (const { logprobs } of results) assert.ok(logprobs.every((sum) => sum < 0));
  });

  it("does not depend on what is shared, batched and how many threads add up", async () => {
    assert.ok(widest(await scores(engine, requests, false), reference) < 1e-4);
    for (const more of [
      { sequences: 1 },
      { sequences: 3, batchSize: 48, microBatchSize: 16 },
      { sequences: 256, threads: 2 },
      { sequences: 5, contextSize: 256 },
    ]) {
      await using other = await InferenceEngine.open({ ...exact, ...more });
      assert.ok(widest(await scores(other, requests), reference) < 1e-4, JSON.stringify(more));
      assert.ok(widest(await scores(other, requests, false), reference) < 1e-4, JSON.stringify(more));
    }
  });

  it("shares prefixes without more than float16's rounding", async () => {
    await using half = await InferenceEngine.open({ ...exact, model: medtiny });
    const results = await scores(half, requests);
    const alone = await scores(half, requests, false);
    assert.ok(widest(results, alone) < 1e-2);
  });

  it("scores the same again after other calls, in any order of the requests", async () => {
    await engine.logits(tokens("something else"));
    const turned = await scores(engine, [...requests].reverse());
    const back = turned.map((_, i) => ({ ...turned[turned.length - 1 - i]!, index: i }));
    assert.ok(widest(back, reference) < 1e-4);
  });

  it("takes a continuation as long as the sequence, and one token less of context", async () => {
    const limit = engine.info.sequenceLimit;
    const long = new Int32Array(limit).fill(857);
    const [result] = await scores(engine, [{ context: Int32Array.of(1), continuations: [long] }]);
    assert.ok(Number.isFinite(result!.logprobs[0]));
    const over = { context: Int32Array.of(1, 1), continuations: [long] };
    await assert.rejects(scores(engine, [requests[0]!, over]), (error) => {
      assert.ok(hasCode("CONTEXT_EXCEEDED")(error));
      assert.match((error as Error).message, /^Request 1, continuation 0 needs 1025 tokens, but a sequence holds 1024/);
      return true;
    });
  });

  it("refuses what cannot be scored before it begins, by request", async () => {
    const context = Int32Array.of(1);
    const cases: Array<[ScoreRequest, string, RegExp]> = [
      [{ context: new Int32Array(), continuations: [context] }, "ARGUMENT_INVALID", /^Request 1 has an empty context/],
      [{ context, continuations: [] }, "ARGUMENT_INVALID", /^Request 1 has no continuations/],
      [
        { context, continuations: [context, new Int32Array()] },
        "ARGUMENT_INVALID",
        /^Request 1, continuation 1 is empty/,
      ],
      [{ context, continuations: [Int32Array.of(8192)] }, "TOKEN_OUT_OF_RANGE", /^Request 1, continuation 0: token 0/],
      [{ context: Int32Array.of(-1), continuations: [context] }, "TOKEN_OUT_OF_RANGE", /^Request 1: token 0 has id -1/],
      [
        { context, continuations: [[1] as unknown as Int32Array] },
        "ARGUMENT_INVALID",
        /^Request 1: Continuation 0 must/,
      ],
      [
        { context, continuations: 1 as unknown as Int32Array[] },
        "ARGUMENT_INVALID",
        /^Request 1: Option `continuations`/,
      ],
    ];
    for (const [request, code, message] of cases) {
      let called = false;
      const run = engine.score([requests[0]!, request], {
        onResult: () => {
          called = true;
        },
      });
      await assert.rejects(run, (error) => hasCode(code)(error) && message.test((error as Error).message));
      assert.equal(called, false);
    }
    await engine.score([], { onResult: () => assert.fail("nothing was asked") });
  });

  it("stops on an abort and on a callback that throws, and works again afterwards", async () => {
    const controller = new AbortController();
    const many = Array.from({ length: 40 }, () => requests).flat();
    let seen = 0;
    const stopped = engine.score(many, {
      signal: controller.signal,
      onResult: () => {
        seen += 1;
        controller.abort();
      },
    });
    await assert.rejects(stopped, hasCode("ABORTED"));
    assert.ok(seen < many.length);
    const thrown = engine.score(many, {
      onResult: () => {
        throw new Error("mine");
      },
    });
    await assert.rejects(thrown, /^Error: mine$/);
    assert.ok(widest(await scores(engine, requests), reference) < 1e-4);
  });
});
