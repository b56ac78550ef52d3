import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { dumpRequests, dumpRequestsWith } from "../../dist/eval/dumpRequests.js";
import { evaluateLikelihoodWith } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import type { LikelihoodOptions } from "../../dist/eval/loglikelihood/options.js";
import type { EvaluationRuntime, ScoreEngine } from "../../dist/eval/runtime.js";
import type { EvaluationStrategy } from "../../dist/eval/strategies/strategy.js";
import { likelihoodTable } from "../../dist/report/likelihoodTable.js";
import { jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";
import { fails, withoutTimings } from "./helpers/results.js";
import { byDegrees, StubEmbedder } from "./helpers/stubEmbedder.js";
import { StubScoreRuntime } from "./helpers/stubScoreRuntime.js";

const folder = await temporaryFolder();
const model = await folder.write("model.gguf", "weights");
const rows = [
  '"Turn by 40?",Iron,Zinc,Aspirin,Gold,C\n',
  '"Turn by 100?",Aspirin,Milk,Wine,Beer,A\n',
  '"Turn by 7?",Rum,Milk,Wine,Aspirin,D\n',
];
await mkdir(folder.path("test"));
await mkdir(folder.path("dev"));
const data = await folder.write("test/virology_test.csv", rows.join(""));
const base: LikelihoodOptions = { model, task: "mmlu_virology", data };

/** Likes the option Aspirin by a little, and the letter C by much. */
function logprob(continuation: string, context: string): number {
  const letter = continuation.trim();
  const question = context.slice(context.lastIndexOf("Turn by"));
  return (question.includes(`${letter}. Aspirin`) ? -0.2 : -0.6) - (letter === "C" ? 0 : 3);
}

const stub = (afterScore?: (given: number) => void) =>
  new StubScoreRuntime({ logprob, ...(afterScore && { afterScore }) });

const every: EvaluationStrategy = { choiceShuffling: { permutations: 24 } };

test("shuffling takes away the liking of a letter", async () => {
  const plain = await evaluateLikelihoodWith(stub(), base);
  assert.deepEqual(
    plain.items.map(({ chosen }) => chosen),
    [2, 2, 2],
  );
  assert.equal(plain.tasks[0]!.metrics[0]!.mean, 1 / 3);
  const runtime = stub();
  const result = await evaluateLikelihoodWith(runtime, { ...base, strategy: every });
  assert.equal(runtime.requests.length, 72);
  assert.deepEqual(
    result.items.map(({ chosen }) => chosen),
    [2, 0, 3],
  );
  // By hand: Aspirin under C in a quarter of the orders, else another option under C.
  const [liked, letter] = [Math.exp(0.4), Math.exp(3)];
  const inC = (liked * letter) / (liked * letter + 3);
  const elsewhere = liked / (liked + letter + 2);
  const mean = inC / 4 + (3 / 4) * elsewhere;
  for (const { logprobs, gold } of result.items) {
    assert.ok(Math.abs(Math.exp(logprobs[gold[0]!]!) - mean) < 1e-12);
    assert.ok(Math.abs(logprobs.reduce((sum, one) => sum + Math.exp(one), 0) - 1) < 1e-12);
  }
  assert.deepEqual(result.strategy, {
    label: "choice shuffling 24",
    choiceShuffling: { permutations: 24, seed: 0 },
  });
  assert.match(likelihoodTable([plain, result]), /model\.gguf, choice shuffling 24/);
});

test("a stopped run goes on, scoring no order twice, and only its own strategy's", async () => {
  const strategy: EvaluationStrategy = { choiceShuffling: { permutations: 5, seed: 2 } };
  const whole = await evaluateLikelihoodWith(stub(), { ...base, strategy });
  const answersFile = folder.path("scores.jsonl");
  const stopping = stub((given) => {
    if (given === 4) throw new Error("power cut");
  });
  await assert.rejects(evaluateLikelihoodWith(stopping, { ...base, strategy, answersFile }), /power cut/);
  const stored = (await readJsonLines<{ id: string }>(answersFile)).slice(1).map(({ id }) => id);
  assert.deepEqual(
    stored,
    [5, 4, 3, 2].map((number) => `mmlu_virology/row-3#${number}`),
  );
  const limited = stub();
  await evaluateLikelihoodWith(limited, { ...base, strategy, answersFile, limit: 1 });
  const rest = stub();
  const resumed = await evaluateLikelihoodWith(rest, { ...base, strategy, answersFile });
  assert.equal(limited.requests.length + rest.requests.length, 11);
  assert.deepEqual(withoutTimings(resumed), withoutTimings(whole));
  for (const other of [undefined, every, { choiceShuffling: { permutations: 5 } }])
    await assert.rejects(
      evaluateLikelihoodWith(stub(), { ...base, answersFile, ...(other && { strategy: other }) }),
      fails("ARGUMENT_INVALID", /strategy differs/),
    );
});

test("what does not fit the task is refused", async () => {
  const cases: Array<[Partial<LikelihoodOptions>, RegExp]> = [
    [{ strategy: { selfConsistency: { samples: 3 } } }, /selfConsistency is for generated answers/],
    [{ strategy: { chainOfThought: {} } }, /chainOfThought is for generated answers/],
    [{ strategy: { neighbours: { train: data, shots: 1 } }, shots: 1, data: folder.path("") }, /Use one of them/],
    [{ strategy: { choiceShuffling: { permutations: 25 } } }, /24 orders/],
    [{ strategy: {} }, /sets nothing/],
  ];
  for (const [more, message] of cases)
    await assert.rejects(evaluateLikelihoodWith(stub(), { ...base, ...more }), fails("ARGUMENT_INVALID", message));
  const arc = await folder.write("arc.jsonl", jsonLines([{ question: "Why?", choices: ["a", "b"], answer: 0 }]));
  await assert.rejects(
    evaluateLikelihoodWith(stub(), { ...base, task: "arc_easy", data: arc, strategy: every }),
    fails("ARGUMENT_INVALID", /arc_easy does not take choice shuffling/),
  );
});

const train = await folder.write(
  "dev/virology_dev.csv",
  [
    '"Turn by 90?",a,b,c,d,B\n',
    '"Turn by 41?",e,f,g,h,A\n',
    '"Turn by 41 ?",i,j,k,l,D\n',
    '"Turn by 40?",m,n,o,p,A\n',
  ].join(""),
);

function withEmbedder(): { runtime: EvaluationRuntime<ScoreEngine>; scores: StubScoreRuntime; embedder: StubEmbedder } {
  const scores = stub();
  const embedder = new StubEmbedder(byDegrees);
  const runtime: EvaluationRuntime<ScoreEngine> = {
    llamaCpp: () => scores.llamaCpp(),
    openTokenizer: () => scores.openTokenizer(),
    openEngine: (options) => scores.openEngine(options),
    openEmbedder: embedder.open,
  };
  return { runtime, scores, embedder };
}

const preamble = "The following are multiple choice questions (with answers) about virology.\n\n";

test("nearest solved questions stand in front in the task's own form, the nearest next to the question", async () => {
  for (const path of [train, folder.path("")]) {
    const { runtime, scores } = withEmbedder();
    const strategy: EvaluationStrategy = { neighbours: { train: path, shots: 2 } };
    const result = await evaluateLikelihoodWith(runtime, { ...base, strategy });
    const contexts = [...new Set(scores.texts.map(([context]) => context))];
    // Question 1 has the text of row 4. All ids count rows only: none keeps a row of the other file away.
    const shot = (question: string, options: string, answer: string) =>
      `${question}\n${[..."ABCD"].map((letter, i) => `${letter}. ${options[i]}`).join("\n")}\nAnswer: ${answer}\n\n`;
    const near = shot("Turn by 41?", "efgh", "A");
    assert.equal(
      contexts[0],
      `${preamble}${shot("Turn by 41 ?", "ijkl", "D")}${near}Turn by 40?\nA. Iron\nB. Zinc\nC. Aspirin\nD. Gold\nAnswer:`,
    );
    assert.ok(contexts[1]!.startsWith(`${preamble}${near}${shot("Turn by 90?", "abcd", "B")}Turn by 100?`));
    assert.ok(contexts[2]!.startsWith(`${preamble}${near}${shot("Turn by 40?", "mnop", "A")}Turn by 7?`));
    assert.equal(result.strategy!.neighbours!.train[0]!.file, "virology_dev.csv");
    assert.equal(result.shots, 0);
    assert.match(likelihoodTable([result]), /shots by question/);
  }
});

test("a group takes its solved questions from a folder, and leaves their options as they are", async () => {
  const strategy: EvaluationStrategy = {
    neighbours: { train: folder.path(""), shots: 2 },
    choiceShuffling: { permutations: 3 },
  };
  const { runtime, scores } = withEmbedder();
  const result = await evaluateLikelihoodWith(runtime, {
    ...base,
    task: "mmlu_medical",
    data: folder.path(""),
    strategy,
  });
  assert.equal(scores.requests.length, 9);
  assert.ok(scores.texts.slice(0, 4).every(([context]) => context!.includes("A. e\nB. f\nC. g\nD. h\nAnswer: A")));
  assert.equal(result.strategy!.label, "choice shuffling 3 + nearest shots 2");
});

test("a dump has the plain requests and those of each strategy, with what is right as they stand", async () => {
  const output = folder.path("requests.jsonl");
  const strategies: EvaluationStrategy[] = [{ choiceShuffling: { permutations: 2 } }];
  assert.equal(await dumpRequests({ task: "mmlu_virology", data, output, strategies, limit: 1 }), 12);
  const lines = await readJsonLines<{ context: string; gold: number[]; strategy?: string; ballot?: number }>(output);
  assert.deepEqual(
    lines.map(({ strategy, ballot }) => [strategy, ballot]),
    [
      ...Array(4).fill([undefined, undefined]),
      ...Array(4).fill(["choice shuffling 2", 1]),
      ...Array(4).fill(["choice shuffling 2", 2]),
    ],
  );
  for (const { context, gold } of lines) assert.ok(context.includes(`${"ABCD"[gold[0]!]}. Aspirin`));
  const medqa = await folder.write(
    "medqa.jsonl",
    jsonLines([
      { question: "First?", answer: "Right", options: { A: "I", B: "Z", C: "Right", D: "G" }, answer_idx: "C" },
    ]),
  );
  const samples: EvaluationStrategy = { choiceShuffling: { permutations: 3 }, selfConsistency: { samples: 2 } };
  assert.equal(await dumpRequests({ task: "medqa_4options", data: medqa, output, strategies: [samples] }), 7);
  const asked = await readJsonLines<{ context: string; gold: string; ballot?: number; docId: string }>(output);
  assert.deepEqual(
    asked.map(({ ballot, docId }) => [docId, ballot]),
    [undefined, 1, 2, 3, 4, 5, 6].map((number) => ["medqa-1", number]),
  );
  for (const { context, gold } of asked) assert.ok(context.includes(`(${gold}) Right`));
});

test("a dump of nearest shots needs a model for their embeddings, and loads no other", async () => {
  const output = folder.path("nearest.jsonl");
  const dump = (neighbours: EvaluationStrategy["neighbours"]) => {
    const { runtime, embedder, scores } = withEmbedder();
    const strategies = [{ neighbours }] as EvaluationStrategy[];
    return { embedder, scores, done: dumpRequestsWith(runtime, { task: "mmlu_virology", data, output, strategies }) };
  };
  await assert.rejects(dump({ train, shots: 1 }).done, fails("ARGUMENT_INVALID", /need strategy\.neighbours\.model/));
  const { embedder, scores, done } = dump({ train, shots: 1, model });
  assert.equal(await done, 24);
  assert.deepEqual([embedder.opened.length, scores.opened.length], [1, 0]);
});
