import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import type { GenerateResult } from "../../dist/native/binding.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { base, hasCode, manyRequests, request, run } from "./support.js";

/** The drawn tokens of each answer. */
const drawn = (results: GenerateResult[]): string[] => results.map((result) => result.tokens.join());

describe("life cycle of an engine", () => {
  const long = () => manyRequests(64, { maxTokens: 400, stopStrings: ["\u0000never"] });

  it("stops on abort and works afterwards", async () => {
    await using engine = await InferenceEngine.open(base);
    const requests = manyRequests(6);
    const expected = await run(engine, requests);
    const controller = new AbortController();
    let count = 0;
    const aborted = engine.generate(long(), {
      signal: controller.signal,
      onResult: () => {
        count++;
        controller.abort(new Error("enough"));
      },
    });
    await assert.rejects(aborted, (error) => hasCode("ABORTED")(error) && (error as Error).cause instanceof Error);
    assert.ok(count >= 1 && count < 64);
    await assert.rejects(engine.logits(Int32Array.of(1), { signal: controller.signal }), hasCode("ABORTED"));
    assert.deepEqual(drawn(await run(engine, requests)), drawn(expected));
  });

  it("rejects with what onResult throws", async () => {
    await using engine = await InferenceEngine.open(base);
    const failure = new Error("disk");
    const onResult = () => {
      throw failure;
    };
    await assert.rejects(engine.generate(long(), { onResult }), (error) => error === failure);
    assert.equal((await run(engine, manyRequests(2))).length, 2);
  });

  it("is BUSY for a second call, and goes on with the first", async () => {
    await using engine = await InferenceEngine.open(base);
    const first = run(engine, manyRequests(8));
    await assert.rejects(engine.logits(Int32Array.of(1)), hasCode("BUSY"));
    await assert.rejects(run(engine, manyRequests(1)), hasCode("BUSY"));
    assert.equal((await first).length, 8);
  });

  it("may be disposed while it runs", async () => {
    const engine = await InferenceEngine.open(base);
    const running = assert.rejects(run(engine, long()), hasCode("ABORTED"));
    await Promise.all([engine.dispose(), engine.dispose(), running]);
    await assert.rejects(run(engine, manyRequests(1)), hasCode("DISPOSED"));
  });

  it("lets the event loop turn while it computes", async () => {
    await using engine = await InferenceEngine.open(base);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await run(engine, manyRequests(40, { maxTokens: 100 }));
    clearInterval(timer);
    assert.ok(ticks > 10, `${ticks} ticks`);
  });

  it("survives the end of its worker thread", async () => {
    const code = `
      const { workerData, parentPort } = require("node:worker_threads");
      (async () => {
        const { InferenceEngine } = await import(workerData.url);
        const engine = await InferenceEngine.open(workerData.options);
        const done = engine.generate(workerData.requests, { onResult() {} });
        parentPort.postMessage("running");
        await done;
      })();`;
    const url = new URL("../../dist/native/engine.js", import.meta.url).href;
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(code, { eval: true, workerData: { url, options: base, requests: long() } });
      await once(worker, "message");
      await worker.terminate();
    }
    await using engine = await InferenceEngine.open(base);
    await run(engine, manyRequests(2));
  });

  it("gives its memory back", async () => {
    const cycle = async () => {
      await using engine = await InferenceEngine.open({ ...base, contextSize: 512, sequences: 2 });
      await run(engine, [request("a", { maxTokens: 1 })]);
    };
    for (let i = 0; i < 20; i++) await cycle();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 100; i++) await cycle();
    const grown = (process.memoryUsage.rss() - before) / 1e6;
    // A leaked cache alone would be 100 times 0.8 MB, a leaked model 100 times 14 MB.
    assert.ok(grown < 60, `${grown} MB`);
  });
});
