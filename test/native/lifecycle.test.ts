import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { plainBatch, repoFile } from "./helpers.js";

const model = repoFile("assets/medtiny-f16.gguf");
const lora = { rank: 4, alpha: 8, modules: ["attn_q", "attn_v"] as const, seed: 0 };
const trainerModule = new URL("../../dist/native/trainer.js", import.meta.url).href;

/** Trains without end, saying when each micro-batch is done. */
const endless = `
  const { parentPort } = require("node:worker_threads");
  (async () => {
    const { NativeTrainer } = await import(${JSON.stringify(trainerModule)});
    const trainer = await NativeTrainer.open(${JSON.stringify({ model, lora, threads: 2 })});
    const tokens = Int32Array.from({ length: 900 }, (_, i) => 10 + (i % 300));
    const positions = Int32Array.from(tokens, (_, i) => i);
    const batch = { tokens, positions, sequences: new Int32Array(900), labels: tokens };
    for (;;) parentPort.postMessage(await trainer.accumulate(batch));
  })();`;

describe("trainers in worker threads", () => {
  it("compute what the main thread computes, and survive terminate() in the middle of a micro-batch", async () => {
    const tokens = Int32Array.from({ length: 900 }, (_, i) => 10 + (i % 300));
    await using trainer = await NativeTrainer.open({ model, lora, threads: 2 });
    const expected = await trainer.accumulate({ ...plainBatch(tokens), labels: tokens });
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(endless, { eval: true });
      const [loss] = (await once(worker, "message")) as [number];
      assert.equal(loss, expected);
      await new Promise((resolve) => setTimeout(resolve, 3 * round));
      assert.equal(await worker.terminate(), 1);
    }
    assert.equal(await trainer.evaluate({ ...plainBatch(tokens), labels: tokens }), expected);
  });
});

describe("memory", () => {
  it("is given back by dispose", async () => {
    const cycle = async () => {
      const trainer = await NativeTrainer.open({ model, lora, threads: 1 });
      await trainer.accumulate(plainBatch(Array.from({ length: 200 }, (_, i) => 10 + i)));
      trainer.dispose();
    };
    for (let i = 0; i < 10; i++) await cycle();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 40; i++) await cycle();
    const grown = (process.memoryUsage.rss() - before) / 1e6;
    assert.ok(grown < 60, `${grown.toFixed(0)} MB in 40 cycles of about 20 MB each`);
  });
});
