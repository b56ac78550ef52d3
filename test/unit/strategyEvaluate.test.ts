import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ErrorCode, isMediloraError } from "../../dist/errors.js";
import { evaluateWith } from "../../dist/eval/evaluate.js";
import type { EvaluateOptions } from "../../dist/eval/evaluateOptions.js";
import type { EvaluationResult } from "../../dist/eval/evaluationResult.js";
import type { EvaluationRuntime } from "../../dist/eval/runtime.js";
import { questionSeed } from "../../dist/eval/samplers.js";
import type { EvaluationStrategy } from "../../dist/eval/strategies/strategy.js";
import { pubmedqaTask } from "../../dist/eval/tasks/pubmedqa.js";
import { evaluationTable } from "../../dist/report/evaluationTable.js";
import { jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";
import { byDegrees, StubEmbedder } from "./helpers/stubEmbedder.js";
import { pubmedqaJson, type StubLabel, StubRuntime } from "./helpers/stubRuntime.js";

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

const fails = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(isMediloraError(error), String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return true;
};

function withoutTimings({ timings: _, ...rest }: EvaluationResult) {
  return rest;
}

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
    assert.deepEqual([result.extraction, result.maxTokens], ["pubmedqa/cot@1", 512]);
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

describe("nearest shots", async () => {
  const record = (degrees: number, label: StubLabel, more: object = {}) => ({
    QUESTION: `Turn by ${degrees}?`,
    CONTEXTS: [`Context ${degrees}.`],
    final_decision: label,
    ...more,
  });
  const data = await folder.write("turns.json", JSON.stringify({ a: record(40, "yes"), b: record(100, "no") }));
  const train = await folder.write(
    "train.json",
    JSON.stringify({
      a: record(41, "no"),
      t1: record(50, "maybe", { LONG_ANSWER: "Half a turn." }),
      t2: record(40, "no", { CONTEXTS: ["Another abstract."] }),
      t3: record(90, "yes"),
      t4: record(39, "yes", { LONG_ANSWER: "Nearly." }),
    }),
  );
  const run = async (strategy: EvaluationStrategy, more: Partial<EvaluateOptions> = {}) => {
    const answers = new StubRuntime({ answer: () => "yes" });
    const embedder = new StubEmbedder(byDegrees);
    const runtime: EvaluationRuntime = {
      llamaCpp: () => answers.llamaCpp(),
      openTokenizer: () => answers.openTokenizer(),
      openEngine: (options) => answers.openEngine(options),
      openEmbedder: embedder.open,
    };
    const options = { model, task: "pubmedqa", data, strategy, ...more };
    return { answers, embedder, run: () => evaluateWith(runtime, options) };
  };

  it("are turns in front of the question, the nearest last; never its id or its text", async () => {
    const { answers, run: go } = await run({ neighbours: { train, shots: 2 } });
    const result = await go();
    const turns = answers.prompts.map((prompt) => prompt.split("[<|im_start|>]").slice(2, -1));
    const user = (degrees: number) => `user\nContext: Context ${degrees}. Question: Turn by ${degrees}?[<|im_end|>]\n`;
    const assistant = (text: string) => `assistant\n${text}[<|im_end|>]\n`;
    assert.deepEqual(turns, [
      [user(50), assistant("maybe. Half a turn."), user(39), assistant("yes. Nearly."), user(40)],
      [user(50), assistant("maybe. Half a turn."), user(90), assistant("yes."), user(100)],
    ]);
    const { neighbours } = result.strategy!;
    assert.deepEqual([neighbours!.shots, neighbours!.train[0]!.file], [2, "train.json"]);
    assert.equal(neighbours!.embedding.model.file, "model.gguf");
    assert.match(evaluationTable([result]), /nearest shots 2 \(shots of train\.json; embeddings of model\.gguf\)/);
  });

  it("hold their reasoning under chain of thought; rows without stay out", async () => {
    const strategy: EvaluationStrategy = { neighbours: { train, shots: 2 }, chainOfThought: {} };
    const { answers, run: go } = await run(strategy);
    await go();
    for (const prompt of answers.prompts) {
      assert.ok(prompt.includes("assistant\nHalf a turn.\nAnswer: maybe[<|im_end|>]"));
      assert.ok(prompt.includes("assistant\nNearly.\nAnswer: yes[<|im_end|>]"));
    }
    const onMed = await run({ neighbours: { train: medqa, shots: 1 }, chainOfThought: {} }, onMedQA);
    await assert.rejects(onMed.run(), fails("ARGUMENT_INVALID", /holds no reasoning/));
  });

  it("compute no text twice over one cache, whatever the model beside it", async () => {
    const cache = folder.path("embeddings.jsonl");
    const neighbours = { train, shots: 1, cache };
    const first = await run({ neighbours });
    const stop = new Error("power cut");
    first.embedder.afterText = (given) => {
      if (given === 3) throw stop;
    };
    await assert.rejects(first.run(), (error) => error === stop);
    const second = await run({ neighbours });
    const result = await second.run();
    // Six texts: t2 and the question a share theirs.
    assert.deepEqual([first.embedder.texts.length, second.embedder.texts.length], [3, 3]);
    const third = await run({ neighbours });
    assert.deepEqual(withoutTimings(await third.run()), withoutTimings(result));
    assert.equal(third.embedder.opened.length, 0);
    const other = await folder.write("embedding.gguf", "other weights");
    const fourth = await run({ neighbours: { ...neighbours, model: other } });
    const named = await fourth.run();
    assert.equal(fourth.embedder.texts.length, 6);
    assert.equal(fourth.embedder.opened[0]!.model, other);
    assert.equal(named.strategy!.neighbours!.embedding.model.file, "embedding.gguf");
    const fifth = await run({ neighbours }, { adapters: [{ path: other }] });
    await fifth.run();
    assert.deepEqual(fifth.embedder.opened[0]!.adapters, [{ path: other }]);
    assert.equal(fifth.embedder.texts.length, 6);
    const notes = await folder.write("notes.txt", "patient notes");
    const sixth = await run({ neighbours: { ...neighbours, cache: notes } });
    await assert.rejects(sixth.run(), fails("ARGUMENT_INVALID", /no embeddings file/));
  });

  it("report the texts that are embedded, and are refused when there are too few or no embedder", async () => {
    const seen: number[][] = [];
    const { run: go } = await run(
      { neighbours: { train, shots: 1 } },
      { onEmbedProgress: ({ done, total }) => seen.push([done, total]) },
    );
    await go();
    assert.deepEqual(
      seen,
      Array.from({ length: 6 }, (_, i) => [i + 1, 6]),
    );
    await assert.rejects(
      (await run({ neighbours: { train, shots: 4 } })).run(),
      fails("ARGUMENT_INVALID", /Question a has 3 other questions/),
    );
    await assert.rejects(
      evaluateWith(new StubRuntime({ answer: () => "" }), {
        ...{ model, task: "pubmedqa", data },
        strategy: { neighbours: { train, shots: 1 } },
      }),
      fails("ARGUMENT_INVALID", /computes no embeddings/),
    );
  });

  it("resume from their answers file, which another training file cannot go on from", async () => {
    const answersFile = folder.path("shots.jsonl");
    const strategy: EvaluationStrategy = { neighbours: { train, shots: 1 } };
    await (await run(strategy, { answersFile })).run();
    const again = await run(strategy, { answersFile });
    assert.deepEqual((await again.run()).timings.resumed, 2);
    assert.equal(again.answers.requests.length, 0);
    const more = await folder.write("more.json", JSON.stringify({ x: record(1, "no"), y: record(2, "no") }));
    const others = await run({ neighbours: { train: more, shots: 1 } }, { answersFile });
    await assert.rejects(others.run(), fails("ARGUMENT_INVALID", /strategy differs/));
  });
});
