import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { appendFile, readdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { CLINICIAN_SYSTEM_PROMPT } from "../../dist/data/clinicianPrompt.js";
import type { ChatMessage } from "../../dist/data/rows.js";
import {
  type Completion,
  type CompletionRequest,
  LocalBackend,
  type SynthesisBackend,
} from "../../dist/data/synthesize/backend.js";
import type { SynthesisPlan } from "../../dist/data/synthesize/plan.js";
import { synthesisMessages } from "../../dist/data/synthesize/prompt.js";
import { journalPath, synthesizeRows } from "../../dist/data/synthesize/synthesize.js";
import { questionSeed } from "../../dist/eval/samplers.js";
import { jsonLines, readJsonLines, repoFile, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const PROMPT_TOKENS = 100;

/** Answers with two pairs that name the passage's first word; 100 tokens a prompt and 40 an answer. */
class StubBackend implements SynthesisBackend {
  readonly id = { kind: "stub", model: "stub-1" };
  readonly model = "stub-1";
  readonly files: string[] = [];
  readonly requests: CompletionRequest[] = [];
  started = 0;
  longest = 0;

  constructor(private readonly reply: (passage: string) => Partial<Completion> = () => ({})) {}

  countTokens(_: readonly ChatMessage[]): number {
    return PROMPT_TOKENS;
  }

  async start(longest: number): Promise<void> {
    this.started += 1;
    this.longest = longest;
  }

  async complete(request: CompletionRequest): Promise<Completion> {
    this.requests.push(request);
    const passage = /^Passage:\n(\w+)/.exec(request.messages[1]?.content ?? "")?.[1] ?? "";
    const text = `Q: What is ${passage}?\nA: It is ${passage}.\nQ: Why does ${passage} matter?\nA: Because it helps.`;
    return { text, promptTokens: PROMPT_TOKENS, completionTokens: 40, complete: true, ...this.reply(passage) };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function documents(name: string, texts: readonly string[]): Promise<string> {
  return folder.write(name, jsonLines(texts.map((text, i) => ({ id: `doc${i + 1}`, text }))));
}

test("rows are marked as synthetic, with document and model, and the manifest tells the rest", async () => {
  const from = await documents("mark.jsonl", ["alpha text", "beta text"]);
  const output = folder.path("mark.out.jsonl");
  const backend = new StubBackend();
  const plans: SynthesisPlan[] = [];
  const manifest = await synthesizeRows(backend, {
    from,
    output,
    tokenBudget: 10_000,
    pairs: 2,
    maxTokens: 50,
    seed: 7,
    price: { currency: "USD", prompt_per_million: 2, completion_per_million: 10 },
    onPlan: (plan) => plans.push(plan),
  });
  const rows = await readJsonLines<Record<string, unknown>>(output);
  assert.deepEqual(rows[0], {
    id: "doc1#1-1",
    messages: [
      { role: "system", content: CLINICIAN_SYSTEM_PROMPT },
      { role: "user", content: "What is alpha?" },
      { role: "assistant", content: "It is alpha." },
    ],
    synthetic: true,
    source_document: "doc1",
    generator: "stub-1",
  });
  assert.equal(rows.length, 4);
  assert.ok(rows.every(({ synthetic }) => synthetic === true));
  // Two prompts of 100 and two answers of at most 50: 200 x 2 + 100 x 10 millionths.
  assert.deepEqual(plans, [
    {
      documents: 2,
      passages: 2,
      passagesDone: 0,
      promptTokens: 200,
      completionTokens: 100,
      tokensUsed: 0,
      tokenBudget: 10_000,
      budgetSuffices: true,
      cost: 0.0014,
      currency: "USD",
    },
  ]);
  assert.deepEqual(manifest?.usage, {
    passages: 2,
    passagesDone: 2,
    promptTokens: 200,
    completionTokens: 80,
    cost: (200 * 2 + 80 * 10) / 1e6,
    currency: "USD",
  });
  assert.deepEqual(manifest.generator, backend.id);
  assert.equal(backend.longest, 150);
  assert.deepEqual(
    backend.requests.map(({ seed }) => seed),
    [questionSeed(7, "doc1#1"), questionSeed(7, "doc2#1")],
  );
  assert.deepEqual(backend.requests[0]?.messages, synthesisMessages("alpha text", 2));
  for (const path of [output, journalPath(output), `${output}.manifest.json`, `${output}.dropped.jsonl`])
    if (process.platform !== "win32") assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("repeated pairs are dropped, within and across documents", async () => {
  const from = await documents("dup.jsonl", ["same one", "same two", "other"]);
  const output = folder.path("dup.out.jsonl");
  const manifest = await synthesizeRows(new StubBackend(), { from, output, tokenBudget: 1e6, pairs: 2 });
  assert.deepEqual(manifest?.counts, { read: 6, used: 4, skipped: { exact: 2, near: 0 } });
  assert.deepEqual(
    (await readJsonLines<{ id: string; of: string }>(`${output}.dropped.jsonl`)).map(({ id, of }) => [id, of]),
    [
      ["doc2#1-1", "doc1#1-1"],
      ["doc2#1-2", "doc1#1-2"],
    ],
  );
});

test("the budget is never exceeded, and a larger one goes on where it stopped", async () => {
  const from = await documents("budget.jsonl", ["a1", "b2", "c3", "d4"]);
  const output = folder.path("budget.out.jsonl");
  const price = { currency: "USD", prompt_per_million: 1, completion_per_million: 10 };
  const options = { from, output, pairs: 2, maxTokens: 60, price };
  const first = new StubBackend();
  const plans: SynthesisPlan[] = [];
  // After two passages 280 are used, and a third could need 160 more: 440 > 439.
  const partial = await synthesizeRows(first, { ...options, tokenBudget: 439, onPlan: (plan) => plans.push(plan) });
  assert.equal(first.requests.length, 2);
  assert.deepEqual([partial?.usage.passagesDone, partial?.counts.used], [2, 4]);
  assert.equal(plans[0]?.budgetSuffices, false);
  // All four need 400 x 1 and 240 x 10, which is less than 439 x 10.
  assert.equal(plans[0]?.cost, 0.0028);
  // 440 is enough for the third.
  const second = new StubBackend();
  const more = await synthesizeRows(second, { ...options, tokenBudget: 440, onPlan: (plan) => plans.push(plan) });
  assert.deepEqual([second.requests.length, more?.usage.passagesDone], [1, 3]);
  assert.deepEqual([plans[1]?.passagesDone, plans[1]?.tokensUsed, plans[1]?.promptTokens], [2, 280, 200]);
  // What is left are 160 tokens, at most answers all of them: 160 x 10, and the two passages could cost 200 + 1200.
  assert.equal(plans[1]?.cost, 0.0014);
  const last = new StubBackend();
  const all = await synthesizeRows(last, { ...options, tokenBudget: 10_000 });
  assert.equal(last.requests.length, 1);
  assert.equal(all?.usage.promptTokens, 400);
  assert.equal((await readJsonLines(output)).length, 8);
  // Nothing is left to ask: the model is not even loaded.
  const idle = new StubBackend();
  await synthesizeRows(idle, { ...options, tokenBudget: 10_000 });
  assert.deepEqual([idle.started, idle.requests.length], [0, 0]);
});

test("a crash keeps what is done; a torn line is cut off and asked again", async () => {
  const from = await documents("crash.jsonl", ["a1", "b2", "c3"]);
  const output = folder.path("crash.out.jsonl");
  const options = { from, output, tokenBudget: 1e6, pairs: 2 };
  const failing = new StubBackend((passage) => {
    if (passage === "c3") throw new Error("lost");
    return {};
  });
  await assert.rejects(synthesizeRows(failing, options), /lost/);
  assert.equal(existsSync(output), false);
  await appendFile(journalPath(output), '{"key":"doc3#1","pai');
  const again = new StubBackend();
  const manifest = await synthesizeRows(again, options);
  assert.deepEqual([again.requests.length, manifest?.usage.passagesDone, manifest?.counts.read], [1, 3, 6]);

  const controller = new AbortController();
  const aborting = new StubBackend(() => {
    controller.abort();
    return {};
  });
  const other = folder.path("abort.out.jsonl");
  await assert.rejects(synthesizeRows(aborting, { ...options, output: other, signal: controller.signal }), {
    code: "ABORTED",
  });
  assert.equal((await readJsonLines(journalPath(other))).length, 2);
});

test("a journal of other settings, of something else or with a bad line is refused", async () => {
  const from = await documents("key.jsonl", ["a1"]);
  const output = folder.path("key.out.jsonl");
  await synthesizeRows(new StubBackend(), { from, output, tokenBudget: 1e6 });
  const rejects = (change: object, code: string, message: RegExp) =>
    assert.rejects(synthesizeRows(new StubBackend(), { from, output, tokenBudget: 1e6, ...change }), { code, message });
  await rejects({ pairs: 5 }, "ARGUMENT_INVALID", /other settings \(pairs, maxTokens\)/);
  await rejects({ seed: 1 }, "ARGUMENT_INVALID", /\(seed\)/);
  await rejects({ from: await documents("key2.jsonl", ["a2"]) }, "ARGUMENT_INVALID", /\(documents\)/);
  await appendFile(journalPath(output), '{"key":1}\n');
  await rejects({}, "DATA_INVALID", /line 3/);
  await folder.write("foreign.out.jsonl.journal.jsonl", '{"a":1}\n');
  await rejects({ output: folder.path("foreign.out.jsonl") }, "ARGUMENT_INVALID", /no journal/);
  assert.equal(await readFile(folder.path("foreign.out.jsonl.journal.jsonl"), "utf8"), '{"a":1}\n');
});

test("refused passages are recorded and counted, and do not stop the others", async () => {
  const from = await documents("refused.jsonl", ["a1", "b2", "c3", "d4"]);
  const output = folder.path("refused.out.jsonl");
  const options = { from, output, tokenBudget: 1e6, pairs: 2 };
  const refusals: Record<string, Partial<Completion>> = {
    a1: { refused: "rejected", completionTokens: 0 },
    b2: { refused: "content-filter" },
    d4: { refused: "rejected", completionTokens: 0 },
  };
  const backend = new StubBackend((passage) => refusals[passage] ?? {});
  const manifest = await synthesizeRows(backend, options);
  // The rows of b2 would be well-formed, but its answer is not to be used.
  assert.deepEqual(manifest?.counts, { read: 2, used: 2, skipped: { exact: 0, near: 0 } });
  assert.deepEqual(manifest.usage, {
    passages: 4,
    passagesDone: 4,
    passagesRefused: { rejected: 2, "content-filter": 1 },
    promptTokens: 400,
    completionTokens: 80,
    cost: 0,
  });
  const entries = (await readJsonLines<{ key: string; refused?: string }>(journalPath(output))).slice(1);
  assert.deepEqual(
    entries.map(({ key, refused }) => [key, refused]),
    [
      ["doc1#1", "rejected"],
      ["doc2#1", "content-filter"],
      ["doc3#1", undefined],
      ["doc4#1", "rejected"],
    ],
  );
  const idle = new StubBackend();
  assert.deepEqual((await synthesizeRows(idle, options))?.usage, manifest.usage);
  assert.equal(idle.requests.length, 0);
  const again = new StubBackend((passage) => (passage === "d4" ? { refused: "refusal" } : {}));
  const retried = await synthesizeRows(again, { ...options, retryRefused: true });
  assert.equal(again.requests.length, 3);
  assert.deepEqual([retried?.usage.passagesDone, retried?.usage.passagesRefused], [4, { refusal: 1 }]);
  assert.equal(retried?.counts.used, 6);
  assert.equal(retried?.usage.promptTokens, 700);
});

test("a set-up that has every request rejected stops at the third, and none counts as done", async () => {
  const from = await documents("rejected.jsonl", ["a1", "b2", "c3", "d4"]);
  const output = folder.path("rejected.out.jsonl");
  const options = { from, output, tokenBudget: 1e6, pairs: 2 };
  const wrong = new StubBackend(() => ({ refused: "rejected" }));
  await assert.rejects(synthesizeRows(wrong, options), { code: "ARGUMENT_INVALID", message: /first 3 requests/ });
  assert.equal(wrong.requests.length, 3);
  const right = new StubBackend();
  assert.equal((await synthesizeRows(right, options))?.usage.passagesRefused, undefined);
  assert.equal(right.requests.length, 4);
  // Fewer passages than that are recorded; the budget counts them while they are held back.
  const two = folder.path("rejected.two.jsonl");
  const few = { ...options, output: two, tokenBudget: 340, maxTokens: 60 };
  const poor = new StubBackend(() => ({ refused: "rejected", completionTokens: 0 }));
  await assert.rejects(synthesizeRows(poor, few), { code: "DATA_EMPTY", message: /every passage was refused/ });
  // 100 and 100 are used; a third could need 160 more: 360 > 340.
  assert.equal(poor.requests.length, 2);
  assert.equal((await readJsonLines(journalPath(two))).length, 3);
});

test("a dry run only states the plan", async () => {
  const from = await documents("dry.jsonl", ["a1", "x".repeat(450)]);
  const before = await readdir(dirname(from));
  const backend = new StubBackend();
  const plans: SynthesisPlan[] = [];
  const options = {
    from,
    output: folder.path("dry.out.jsonl"),
    tokenBudget: 500,
    passageCharacters: 200,
    dryRun: true,
  };
  assert.equal(await synthesizeRows(backend, { ...options, onPlan: (plan) => plans.push(plan) }), undefined);
  assert.deepEqual([plans[0]?.documents, plans[0]?.passages, plans[0]?.cost], [2, 4, 0]);
  assert.equal(backend.started, 0);
  assert.deepEqual(await readdir(dirname(from)), before);
});

test("what cannot work is refused before anything is generated", async () => {
  const from = await documents("bad.jsonl", ["a1"]);
  const backend = new StubBackend();
  const run = (change: object) =>
    synthesizeRows(backend, { from, output: folder.path("bad.out.jsonl"), tokenBudget: 1000, ...change });
  const cases: Array<[object, RegExp]> = [
    [{ tokenBudget: 0 }, /tokenBudget/],
    [{ pairs: 21 }, /pairs/],
    [{ maxTokens: 0 }, /maxTokens/],
    [{ passageCharacters: 100 }, /passageCharacters/],
    [{ seed: -1 }, /seed/],
    [{ output: from }, /different files/],
  ];
  for (const [change, message] of cases) await assert.rejects(run(change), { code: "ARGUMENT_INVALID", message });
  await assert.rejects(run({ tokenBudget: 99 }), { code: "DATA_EMPTY", message: /budget/ });
  await assert.rejects(run({ from: await folder.write("none.jsonl", "\n") }), { code: "DATA_EMPTY" });
  assert.equal(backend.requests.length, 0);
  const mute = new StubBackend(() => ({ text: "I cannot." }));
  const output = folder.path("mute.out.jsonl");
  await assert.rejects(synthesizeRows(mute, { from, output, tokenBudget: 1000 }), { code: "DATA_EMPTY" });
});

const model = repoFile("assets/medtiny-f16.gguf");
const addon = existsSync(repoFile("build/Release/medilora.node")) ? false : "the addon is not built";
test("a local model writes; its tokens are counted exactly and the same seed gives the same text", {
  skip: addon,
}, async () => {
  await using backend = await LocalBackend.open(model, { threads: 1 });
  const messages = synthesisMessages("Rest helps a sprained ankle.", 1);
  const request = { messages, maxTokens: 12, seed: 3 };
  await assert.rejects(backend.start(5000, undefined), { code: "CONTEXT_EXCEEDED", message: /5000 tokens.*1024/ });
  await backend.start(backend.countTokens(messages) + 12, undefined);
  const first = await backend.complete(request);
  assert.deepEqual(await backend.complete(request), first);
  assert.equal(first.promptTokens, backend.countTokens(messages));
  assert.ok(first.completionTokens >= 1 && first.completionTokens <= 12);
  assert.equal(first.complete, first.completionTokens < 12);
});
