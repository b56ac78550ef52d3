// Claim: many questions over one model are answered, and choices scored, faster than one by one.
//   npm run build && npx tsc -p bench/tsconfig.json && node bench-dist/engine.js MODEL [questions] [data.json]
// All ways in one process on the same prompts (PubMedQA's form; assets/sample unless a file is given), one after the
// other, after a warm-up. Prints one JSON line.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { ChatMLChatWrapper, getLlama, LlamaChatSession, LlamaLogLevel } from "node-llama-cpp";
import { renderChatML } from "../dist/chat/chatml.js";
import { tokenizeChatPrompt } from "../dist/chat/tokenizePrompt.js";
import { loadPubMedQA, type PubMedQARecord, pubmedqaMessages } from "../dist/data/pubmedqa.js";
import { SAMPLER_PRESETS } from "../dist/eval/samplers.js";
import { InferenceEngine } from "../dist/native/engine.js";
import { openTokenizer } from "../dist/native/tokenizer.js";

const NEW_TOKENS = 16;
const [model = "", countText = "200", data = fileURLToPath(sample())] = process.argv.slice(2);
const threads = availableParallelism();
const records = (await loadPubMedQA(data)).slice(0, Number(countText));
const tokenizer = await openTokenizer(model);
const prompts = records.map((record) => tokenizeChatPrompt(tokenizer, chat(record)));
const longest = Math.max(...prompts.map(({ length }) => length)) + NEW_TOKENS;

function sample(): URL {
  return new URL("../assets/sample/pubmedqa-synthetic.json", import.meta.url);
}

function chat(record: PubMedQARecord): string {
  return renderChatML(pubmedqaMessages(record, { answer: false }), { addGenerationPrompt: true }).text;
}

const requests = prompts.map((prompt, seed) => ({
  prompt,
  maxTokens: NEW_TOKENS,
  seed,
  sampler: SAMPLER_PRESETS["llama-cpp-python"],
}));

async function seconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Seconds for all answers: `sequences` at once, or each in a call of its own, with whatever `options` say. */
async function answer(sequences: number, options: { repackWeights?: boolean } = {}): Promise<number> {
  const contextSize = sequences * longest;
  const engine = await InferenceEngine.open({ model, threads, sequences, contextSize, ...options });
  const call = { onResult: () => {} };
  await engine.generate(requests.slice(0, 1), call);
  const time = await seconds(async () => {
    if (sequences > 1) return engine.generate(requests, call);
    for (const request of requests) await engine.generate([request], call);
  });
  await engine.dispose();
  return time;
}

/** The usual loop: a chat session of node-llama-cpp, its history set back before each question. */
async function answerByNodeLlamaCpp(): Promise<number> {
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
  const loaded = await llama.loadModel({ modelPath: model });
  const context = await loaded.createContext({ contextSize: longest + 64, threads });
  const session = new LlamaChatSession({
    contextSequence: context.getSequence(),
    chatWrapper: new ChatMLChatWrapper(),
  });
  const ask = async (record: PubMedQARecord) => {
    const [system, user] = pubmedqaMessages(record, { answer: false });
    session.setChatHistory([{ type: "system", text: system!.content }]);
    await session.prompt(user!.content, { maxTokens: NEW_TOKENS, temperature: 0.2, topK: 40, topP: 0.95, minP: 0.05 });
  };
  await ask(records[0]!);
  const time = await seconds(async () => {
    for (const record of records) await ask(record);
  });
  await context.dispose();
  await loaded.dispose();
  return time;
}

/** Seconds for the log-likelihoods of four letters behind every prompt: together, or with one forward pass a choice. */
async function score(together: boolean): Promise<number> {
  const letters = [" A", " B", " C", " D"].map((text) =>
    tokenizer.tokenize(text, { addSpecial: false, parseSpecial: false }).slice(-1),
  );
  const engine = await InferenceEngine.open({ model, threads, sequences: together ? 64 : 1, contextSize: 8 * longest });
  const call = { onResult: () => {}, sharePrefix: together };
  const all = prompts.map((context) => ({ context, continuations: letters }));
  const one = all.flatMap(({ context, continuations }) => continuations.map((c) => ({ context, continuations: [c] })));
  const time = await seconds(() => engine.score(together ? all : one, call));
  await engine.dispose();
  return time;
}

const times = {
  batched: await answer(32),
  oneByOne: await answer(1),
  oneByOneGgml: await answer(1, { repackWeights: true }),
  nodeLlamaCpp: await answerByNodeLlamaCpp(),
  letters: await score(true),
  lettersOneByOne: await score(false),
};
await tokenizer.dispose();
console.log(
  JSON.stringify({
    threads,
    questions: records.length,
    promptTokens: prompts.reduce((sum, { length }) => sum + length, 0) / prompts.length,
    questionsPerSecond: Object.fromEntries(Object.entries(times).map(([name, time]) => [name, records.length / time])),
    batchedOverNodeLlamaCpp: times.nodeLlamaCpp / times.batched,
    batchedOverOneByOne: times.oneByOne / times.batched,
    batchedOverOneByOneGgml: times.oneByOneGgml / times.batched,
    lettersOverOneByOne: times.lettersOneByOne / times.letters,
  }),
);
