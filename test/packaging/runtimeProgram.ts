// What an app does with medilora, for any JavaScript runtime: runtimes.ts puts it into a consumer's project.
// Arguments: model, rows to train on, folder to write to. Prints what came out as JSON, to compare between runtimes.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { isMediloraError, loadModel, openTokenizer, parseTrainConfig, train } from "medilora";

const [model, rows, folder] = (isMainThread ? process.argv.slice(2) : workerData.paths) as [string, string, string];
const question = [{ role: "user" as const, content: "Does aspirin lower the risk of stroke?" }];

/** Two steps of a rank 2 adapter, unless told otherwise. */
const config = (name: string, epochs: number) =>
  parseTrainConfig({
    base_model: model,
    adapter: "lora",
    lora_r: 2,
    datasets: [{ path: rows, type: "chatml" }],
    micro_batch_size: 1,
    gradient_accumulation_steps: 1,
    sample_packing: false,
    num_epochs: epochs,
    warmup_steps: 0,
    output_dir: `${folder}/${name}`,
    threads: 2,
  });

/** The code of the MediloraError that a promise rejects with. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return isMediloraError(error) ? error.code : `not a MediloraError: ${String(error)}`;
  }
}

/** Tokens, greedy answer, losses and the adapter's bytes. */
async function results(name: string) {
  await using tokenizer = await openTokenizer(model);
  const text = "Hypertension is a risk factor. 🩺";
  const tokens = tokenizer.tokenize(text, { addSpecial: true, parseSpecial: false });
  await using loaded = await loadModel(model, { contextSize: 512, threads: 2 });
  const answer = await loaded.generate(question, { sampler: "greedy", maxTokens: 24 });
  const losses: number[] = [];
  const onProgress = (event: { type: string; loss?: number }) => {
    if (event.type === "step") losses.push(event.loss!);
  };
  const { output } = await train(config(name, 1), { onProgress });
  return {
    tokens: Array.from(tokens),
    greedy: Array.from(answer.tokens),
    text: answer.text,
    losses,
    adapter: createHash("sha256").update(readFileSync(output)).digest("hex"),
  };
}

/** The codes of what must fail: a missing file, an abort while generating and while training, a call after dispose. */
async function failures(name: string): Promise<string[]> {
  const loaded = await loadModel(model, { contextSize: 512, threads: 2 });
  const generating = new AbortController();
  const aborted = codeOf(loaded.generate(question, { maxTokens: 400, signal: generating.signal }));
  generating.abort();
  const training = new AbortController();
  const onProgress = (event: { type: string }) => {
    if (event.type === "step") training.abort();
  };
  const codes = [
    await codeOf(openTokenizer(`${folder}/none.gguf`)),
    await aborted,
    await codeOf(train(config(`${name}-aborted`, 1000), { signal: training.signal, onProgress })),
  ];
  await loaded.dispose();
  return [...codes, await codeOf(loaded.generate(question))];
}

async function work(name: string) {
  return { ...(await results(name)), failures: await failures(name) };
}

/** A worker's first message; the worker is ended then, whatever it does. */
async function fromWorker(job: "work" | "endless"): Promise<unknown> {
  const paths = [model, rows, folder];
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { job, paths } });
  const [message] = (await once(worker, "message")) as [unknown];
  await worker.terminate();
  return message;
}

if (isMainThread) {
  const main = await work("main");
  const worker = await fromWorker("work");
  const ended = await fromWorker("endless");
  const [again, beside] = await Promise.all([results("again"), fromWorker("work")]);
  console.log(JSON.stringify({ main, worker, ended, again, beside }));
} else if (workerData.job === "work") parentPort!.postMessage(await work(`worker-${Math.random()}`));
else {
  const onProgress = (event: { type: string }) => {
    if (event.type === "step") parentPort!.postMessage("ended in the middle of training");
  };
  await train(config("endless", 1000), { onProgress });
}
