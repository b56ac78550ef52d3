import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { evaluateWith } from "../../dist/eval/evaluate.js";
import type { EvaluateOptions } from "../../dist/eval/evaluateOptions.js";
import { questionSeed } from "../../dist/eval/samplers.js";
import type { EvaluationStrategy } from "../../dist/eval/strategies/strategy.js";
import { pubmedqaTask } from "../../dist/eval/tasks/pubmedqa.js";
import { jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";
import { fails, withoutTimings } from "./helpers/results.js";
import { pubmedqaJson, StubRuntime } from "./helpers/stubRuntime.js";

const folder = await temporaryFolder();
const model = await folder.write("model.gguf", "weights");
const pubmedqa = await folder.write("pubmedqa.json", pubmedqaJson(["yes", "no", "maybe"]));
/** Right options: Aspirin (C), Water (A). */
const medqa = await folder.write(
  "medqa.jsonl",
  jsonLines([
    {
      question: "First?",
      answer: "Aspirin",
      options: { A: "Iron", B: "Zinc", C: "Aspirin", D: "Gold" },
      answer_idx: "C",
    },
    { question: "Second?", answer: "Water", options: { A: "Water", B: "Milk", C: "Wine", D: "Beer" }, answer_idx: "A" },
  ]),
);
const onPubMedQA: EvaluateOptions = { model, task: "pubmedqa", data: pubmedqa };
const onMedQA: EvaluateOptions = { model, task: "medqa_4options", data: medqa };

/** Answers by turns, question by question; the stub asks from the last prompt to the first. */
function byTurns(answers: Record<string, string[]>): StubRuntime {
  const left = new Map(Object.entries(answers).map(([part, list]) => [part, [...list]]));
  return new StubRuntime({
    answer: (prompt) => {
      const part = [...left.keys()].find((one) => prompt.includes(one))!;
      return left.get(part)!.pop()!;
    },
  });
}

/** Gives the letter under which a text stands. */
function letterOf(prompt: string, text: string): string {
  return new RegExp(`\\(([A-E])\\) ${text}`).exec(prompt)![1]!;
}

describe("self-consistency", () => {
  const strategy: EvaluationStrategy = { selfConsistency: { samples: 4 } };
  const answers = {
    "Part yes": ["no.", "yes.", "yes.", "maybe."],
    "Part no": ["?", "yes", "no", "..."],
    "Part maybe": ["?", "?", "?", "?"],
  };

  it("takes the label of most answers, keeps the votes, and says what it is", async () => {
    const runtime = byTurns(answers);
    const result = await evaluateWith(runtime, { ...onPubMedQA, strategy });
    assert.equal(runtime.requests.length, 12);
    assert.deepEqual(
      result.items.map(({ id, extracted, response, vote }) => ({ id, extracted, response, vote })),
      [
        {
          id: "q1",
          extracted: "yes",
          response: "yes.",
          vote: { ballots: ["no", "yes", "yes", "maybe"], share: 1 / 2, isTie: false },
        },
        {
          id: "q2",
          extracted: "yes",
          response: "yes",
          vote: { ballots: [null, "yes", "no", null], share: 1 / 2, isTie: true },
        },
        {
          id: "q3",
          extracted: null,
          response: "?",
          vote: { ballots: [null, null, null, null], share: null, isTie: false },
        },
      ],
    );
    assert.deepEqual([result.metrics.n, result.metrics.correct, result.metrics.valid], [3, 1, 2]);
    assert.deepEqual(result.strategy, { label: "self-consistency 4", selfConsistency: { samples: 4 } });
    assert.ok(result.notes.includes("1 of 12 answers were cut at 64 tokens."));
    assert.ok(result.notes.some((note) => note.startsWith("1 of 3 votes were ties")));
  });

  it("draws each answer by a seed of its own, the first by the plain run's", async () => {
    const plain = byTurns(answers);
    await evaluateWith(plain, { ...onPubMedQA, seed: 9 });
    const runtime = byTurns(answers);
    await evaluateWith(runtime, { ...onPubMedQA, seed: 9, strategy });
    const seeds = runtime.requests.map(({ seed }) => seed);
    assert.equal(new Set(seeds).size, 12);
    assert.deepEqual(
      [seeds[0], seeds[4], seeds[8]],
      plain.requests.map(({ seed }) => seed),
    );
    assert.equal(seeds[6], questionSeed(9, "q2\n2"));
    assert.deepEqual(runtime.prompts.slice(4, 8), Array(4).fill(plain.prompts[1]));
  });

  it("goes on where it was, asking nothing twice, also after its limit grew", async () => {
    const whole = await evaluateWith(byTurns(answers), { ...onPubMedQA, strategy });
    const answersFile = folder.path("samples.jsonl");
    const given: string[] = [];
    const stopping = new StubRuntime({
      answer: (prompt) => {
        const part = Object.keys(answers).find((one) => prompt.includes(one)) as keyof typeof answers;
        given.push(part);
        const number = 4 - given.filter((one) => one === part).length;
        return answers[part][number]!;
      },
      afterAnswer: (count) => {
        if (count === 6) throw new Error("power cut");
      },
    });
    await assert.rejects(evaluateWith(stopping, { ...onPubMedQA, strategy, answersFile }), /power cut/);
    const stored = (await readJsonLines<{ id?: string }>(answersFile)).slice(1).map(({ id }) => id);
    assert.deepEqual(stored, ["q3#4", "q3#3", "q3#2", "q3#1", "q2#4", "q2#3"]);
    const rest = byTurns({ "Part yes": answers["Part yes"], "Part no": answers["Part no"].slice(0, 2) });
    const limited = await evaluateWith(rest, { ...onPubMedQA, strategy, answersFile, limit: 1 });
    assert.equal(rest.requests.length, 4);
    assert.deepEqual(limited.items, whole.items.slice(0, 1));
    const resumed = await evaluateWith(rest, { ...onPubMedQA, strategy, answersFile });
    assert.equal(rest.requests.length, 6);
    assert.deepEqual(withoutTimings(resumed), withoutTimings(whole));
    const other: EvaluationStrategy = { selfConsistency: { samples: 5 } };
    for (const one of [undefined, other])
      await assert.rejects(
        evaluateWith(byTurns(answers), { ...onPubMedQA, answersFile, ...(one && { strategy: one }) }),
        fails("ARGUMENT_INVALID", /strategy differs/),
      );
  });

  it("is refused where no draw makes answers differ", async () => {
    const run = evaluateWith(byTurns(answers), { ...onPubMedQA, strategy, sampler: "greedy" });
    await assert.rejects(run, fails("ARGUMENT_INVALID", /sampler greedy draws nothing/));
    const unknown = evaluateWith(byTurns(answers), { ...onPubMedQA, strategy, sampler: "x" as "greedy" });
    await assert.rejects(unknown, fails("ARGUMENT_INVALID", /no known preset/));
  });
});

describe("choice shuffling", () => {
  const strategy: EvaluationStrategy = { choiceShuffling: { permutations: 24 } };

  it("maps letters back: one that knows the answer is right in every order", async () => {
    const runtime = new StubRuntime({
      answer: (prompt) => `(${letterOf(prompt, prompt.includes("First?") ? "Aspirin" : "Beer")}) it is`,
    });
    const result = await evaluateWith(runtime, { ...onMedQA, strategy });
    assert.equal(new Set(runtime.prompts).size, 48);
    assert.deepEqual(
      result.items.map(({ extracted, gold, vote }) => [extracted, gold, vote!.share]),
      [
        ["C", "C", 1],
        ["D", "A", 1],
      ],
    );
  });

  it("takes nothing from one that likes a letter: over all orders each option gets the same", async () => {
    const result = await evaluateWith(new StubRuntime({ answer: () => "(B)" }), { ...onMedQA, strategy });
    for (const { vote } of result.items) {
      assert.deepEqual([vote!.share, vote!.isTie], [1 / 4, true]);
      for (const letter of "ABCD") assert.equal(vote!.ballots.filter((one) => one === letter).length, 6);
    }
  });

  it("reorders the labels in PubMedQA's system prompt, and nothing else", async () => {
    const runtime = new StubRuntime({ answer: () => "yes" });
    const six: EvaluationStrategy = { choiceShuffling: { permutations: 6, seed: 3 } };
    const result = await evaluateWith(runtime, { ...onPubMedQA, strategy: six, limit: 1 });
    const lists = runtime.prompts.map((prompt) => /options: '(\w+),' '(\w+),' or '(\w+)\.'/.exec(prompt)!.slice(1));
    assert.equal(new Set(lists.map((list) => list.join())).size, 6);
    for (const list of lists) assert.deepEqual([...list].sort(), ["maybe", "no", "yes"]);
    const rest = runtime.prompts.map((prompt) => prompt.replace(/options: .*?\.'/, ""));
    assert.equal(new Set(rest).size, 1);
    assert.deepEqual(result.items[0]!.vote!.ballots, Array(6).fill("yes"));
    assert.deepEqual(result.strategy!.choiceShuffling, { permutations: 6, seed: 3 });
    const seven = evaluateWith(runtime, { ...onPubMedQA, strategy: { choiceShuffling: { permutations: 7 } } });
    await assert.rejects(seven, fails("ARGUMENT_INVALID", /6 orders/));
  });

  it("has its orders from the run's seed, and its votes together with samples", async () => {
    const prompts = async (more: Partial<EvaluateOptions>) => {
      const runtime = new StubRuntime({ answer: () => "(A)" });
      const result = await evaluateWith(runtime, { ...onMedQA, ...more });
      return { prompts: runtime.prompts, seeds: runtime.requests.map(({ seed }) => seed), result };
    };
    const two: EvaluationStrategy = { choiceShuffling: { permutations: 2 } };
    const first = await prompts({ strategy: two });
    assert.deepEqual((await prompts({ strategy: two })).prompts, first.prompts);
    assert.notDeepEqual((await prompts({ strategy: two, seed: 1 })).prompts, first.prompts);
    const both = await prompts({ strategy: { ...two, selfConsistency: { samples: 3 } } });
    assert.deepEqual(
      both.prompts,
      first.prompts.flatMap((prompt) => [prompt, prompt, prompt]),
    );
    assert.equal(new Set(both.seeds).size, 12);
    assert.equal(both.result.items[0]!.vote!.ballots.length, 6);
  });
});

describe("chain of thought", () => {
  it("asks for the reasoning, gives it room, and reads the answer by its own rule", async () => {
    const runtime = new StubRuntime({ answer: () => "yes at first sight.\nAnswer: no" });
    const result = await evaluateWith(runtime, { ...onPubMedQA, strategy: { chainOfThought: {} }, maxTokens: 8 });
    assert.deepEqual(new Set(result.items.map(({ extracted }) => extracted)), new Set(["no"]));
    assert.deepEqual([result.extraction, result.maxTokens], ["pubmedqa/cot@2", 512]);
    assert.ok(runtime.requests.every(({ maxTokens }) => maxTokens === 512));
    const plain = await pubmedqaTask.load(pubmedqa);
    const [system, user] = pubmedqaTask.messages(plain[0]!);
    const { instruction } = result.strategy!.chainOfThought!;
    assert.equal(
      runtime.prompts[0],
      `[<s>][<|im_start|>]system\n${system!.content} ${instruction}[<|im_end|>]\n` +
        `[<|im_start|>]user\n${user!.content}[<|im_end|>]\n[<|im_start|>]assistant\n`,
    );
    const short = await evaluateWith(runtime, { ...onPubMedQA, strategy: { chainOfThought: { maxTokens: 40 } } });
    assert.equal(short.maxTokens, 40);
  });

  it("joins shuffled choices and samples", async () => {
    const runtime = new StubRuntime({ answer: (prompt) => `Hm.\nAnswer: ${letterOf(prompt, "Aspirin")}` });
    const strategy: EvaluationStrategy = {
      selfConsistency: { samples: 2 },
      choiceShuffling: { permutations: 3 },
      chainOfThought: {},
    };
    const result = await evaluateWith(runtime, { ...onMedQA, strategy, limit: 1 });
    assert.deepEqual(result.items[0]!.vote, { ballots: Array(6).fill("C"), share: 1, isTie: false });
    assert.ok(runtime.prompts.every((prompt) => prompt.includes("Reason step by step")));
  });

  it("is refused for a task without a rule for it", async () => {
    const { chainOfThought: _, optionOrder: __, solved: ___, ...bare } = pubmedqaTask;
    const refuses = (strategy: EvaluationStrategy, message: RegExp) =>
      assert.rejects(
        evaluateWith(new StubRuntime({ answer: () => "" }), { ...onPubMedQA, task: bare, strategy }),
        fails("ARGUMENT_INVALID", message),
      );
    await refuses({ chainOfThought: {} }, /pubmedqa does not take chain of thought/);
    await refuses({ choiceShuffling: { permutations: 2 } }, /does not take choice shuffling/);
    await refuses({ neighbours: { train: "t", shots: 1 } }, /does not take nearest shots/);
  });
});
