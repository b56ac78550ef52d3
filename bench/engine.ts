// Claim: many questions over one model are answered, and choices scored, faster than one by one.
//   npm run build && npx tsc -p bench/tsconfig.json && node bench-dist/engine.js MODEL [questions] [data.json]
// All ways in one process on the same prompts (PubMedQA's form; assets/sample unless a file is given), one after the
// other, after a warm-up. Prints one JSON line.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { getLlama, LlamaLogLevel, type Token } from "node-llama-cpp";
import { renderChatML } from "../dist/chat/chatml.js";
import { tokenizeChatPrompt } from "../dist/chat/tokenizePrompt.js";
import { loadPubMedQA, type PubMedQARecord, pubmedqaMessages } from "../dist/data/pubmedqa.js";
import { SAMPLER_PRESETS } from "../dist/eval/samplers.js";
import { InferenceEngine } from "../dist/native/engine.js";
import { openTokenizer } from "../dist/native/tokenizer.js";

const NEW_TOKENS = 16;
const asset = (path: string) => fileURLToPath(new URL(`../assets/${path}`, import.meta.url));
const [model = "", countText = "200", data = asset("sample/pubmedqa-synthetic.json")] = process.argv.slice(2);
const threads = availableParallelism();
const records = (await loadPubMedQA(data)).slice(0, Number(countText));
// A model of random weights has no words: the embedded model's vocabulary gives prompts of a usual length.
const tokenizer = await openTokenizer(asset("medtiny-f16.gguf"));
const prompts = records.map((record) => tokenizeChatPrompt(tokenizer, chat(record)));
const longest = Math.max(...prompts.map(({ length }) => length)) + NEW_TOKENS;

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

/** The usual loop of node-llama-cpp, which keeps what a prompt has in common with the one before. */
async function answerByNodeLlamaCpp(): Promise<number> {
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
  const loaded = await llama.loadModel({ modelPath: model });
  const context = await loaded.createContext({ contextSize: longest + 64, threads });
  const sequence = context.getSequence();
  const ask = async (prompt: Int32Array) => {
    const tokens = Array.from(prompt) as Token[];
    await sequence.adaptStateToTokens(tokens.slice(0, -1), false);
    let count = 0;
    const rest = tokens.slice(sequence.nextTokenIndex);
    const sampling = { temperature: 0.2, topK: 40, topP: 0.95, minP: 0.05, yieldEogToken: true };
    for await (const _token of sequence.evaluate(rest, sampling)) if (++count === NEW_TOKENS) break;
  };
  await ask(prompts[0]!);
  const time = await seconds(async () => {
    for (const prompt of prompts) await ask(prompt);
  });
  await context.dispose();
  await loaded.dispose();
  return time;
}

/** Seconds for the log-likelihoods of four letters behind every prompt: together, or with one forward pass a choice. */
async function score(together: boolean): Promise<number> {
  const letters = ["A", "B", "C", "D"].map((text) =>
    tokenizer.tokenize(text, { addSpecial: false, parseSpecial: false }).slice(-1),
  );
  const engine = await InferenceEngine.open({ model, threads, sequences: together ? 64 : 1, contextSize: 8 * longest });
  const call = { onResult: () => {} };
  const time = await seconds(async () => {
    if (together)
      return engine.score(
        prompts.map((context) => ({ context, continuations: letters })),
        call,
      );
    for (const context of prompts)
      for (const letter of letters) await engine.score([{ context, continuations: [letter] }], call);
  });
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
