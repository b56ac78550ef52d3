// A process (and its worker threads) that answers with both addons. Arguments: model, question, tokens, then "main" or "worker",
// then the addons in order. Prints the answers as JSON; two workers run one after the other.
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

const [model, question, maxTokens, thread, ...order] = process.argv.slice(2) as [string, string, string, string];

// Imported only here, so that the addons load in the order that was asked for.
const answers: Record<string, () => Promise<string>> = {
  async ours() {
    const { loadModel } = await import("../../dist/model.js");
    await using loaded = await loadModel(model, { contextSize: 512 });
    const messages = [{ role: "user" as const, content: question }];
    return (await loaded.generate(messages, { sampler: "greedy", maxTokens: Number(maxTokens) })).text;
  },
  async theirs() {
    const { openChat } = await import("../../dist/nodeLlamaCpp/index.js");
    await using chat = await openChat({ model, contextSize: 512 });
    return await chat.session.prompt(question, { temperature: 0, maxTokens: Number(maxTokens) });
  },
};

const all: string[] = [];
if (isMainThread && thread === "worker")
  for (let i = 0; i < 2; i++) {
    const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
    all.push(...((await once(worker, "message")) as [string[]])[0]);
    await worker.terminate();
  }
else for (const name of order) all.push(await answers[name]!());
if (parentPort) parentPort.postMessage(all);
else console.log(JSON.stringify(all));
