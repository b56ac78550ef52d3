import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { InferenceEngine } from "../../dist/native/engine.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { plainBatch, repoFile } from "./helpers.js";
import { base, request, run } from "./support.js";

// Worker threads that are ended while they compute, also at the very moment when a job of theirs settles or reports.

const distModule = (name: string) => new URL(`../../dist/native/${name}.js`, import.meta.url).href;
const tokens = Array.from({ length: 60 }, (_, i) => 10 + i);
const trainerOptions = {
  model: repoFile("assets/medtiny-f16.gguf"),
  lora: { rank: 2, alpha: 4, modules: ["attn_q"] as const, seed: 0 },
  threads: 1,
};

/** Code of a worker that repeats `call` on what `open` opens, and says "done" each time. */
const endless = (open: string, call: string): string => `
  const { parentPort, workerData } = require("node:worker_threads");
  (async () => {
    const { InferenceEngine } = await import(workerData.engine);
    const { NativeTrainer } = await import(workerData.trainer);
    const opened = await ${open};
    for (;;) {
      await ${call};
      parentPort.postMessage("done");
    }
  })();`;

const GENERATE = endless(
  "InferenceEngine.open(workerData.base)",
  "opened.generate(workerData.requests, { onResult: () => parentPort.postMessage('result') })",
);
const TRAIN = endless("NativeTrainer.open(workerData.trainerOptions)", "opened.accumulate(workerData.batch)");

function start(code: string): Worker {
  const requests = Array.from({ length: 4 }, (_, i) => ({ ...request(`Question ${i}`), maxTokens: 1 + i }));
  const urls = { engine: distModule("engine"), trainer: distModule("trainer") };
  const workerData = { ...urls, base, requests, trainerOptions, batch: plainBatch(tokens) };
  return new Worker(code, { eval: true, workerData });
}

/** Ends a worker after a message of its own and up to 3 ms. */
async function endLater(worker: Worker, round: number): Promise<void> {
  await once(worker, "message");
  await new Promise((resolve) => setTimeout(resolve, round % 4));
  assert.equal(await worker.terminate(), 1);
}

describe("worker threads", () => {
  for (const [name, code] of Object.entries({ generates: GENERATE, trains: TRAIN }))
    it(`may be ended 20 times while one ${name}`, async () => {
      for (let round = 0; round < 20; round++) await endLater(start(code), round);
    });

  it("compute and end beside each other, and beside the main thread", async () => {
    await using engine = await InferenceEngine.open(base);
    await using trainer = await NativeTrainer.open(trainerOptions);
    const requests = [{ ...request("Aspirin lowers the risk of"), maxTokens: 8 }];
    const batch = plainBatch(tokens);
    const expected = { answers: await run(engine, requests), loss: await trainer.evaluate(batch) };
    const workers = [start(GENERATE), start(TRAIN), start(GENERATE), start(TRAIN)];
    const ends = Promise.all(workers.map(endLater));
    for (let i = 0; i < 5; i++) {
      const [answers, loss] = await Promise.all([run(engine, requests), trainer.evaluate(batch)]);
      assert.deepEqual({ answers, loss }, expected);
    }
    await ends;
  });
});
