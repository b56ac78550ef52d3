import assert from "node:assert/strict";
import { copyFile, mkdir } from "node:fs/promises";
import { describe, it } from "node:test";
import { evaluateWith } from "../../dist/eval/evaluate.js";
import type { EvaluateOptions } from "../../dist/eval/evaluateOptions.js";
import type { EvaluationRuntime } from "../../dist/eval/runtime.js";
import type { EvaluationStrategy } from "../../dist/eval/strategies/strategy.js";
import { evaluationTable } from "../../dist/report/evaluationTable.js";
import { jsonLines, temporaryFolder } from "./helpers/data.js";
import { fails, withoutTimings } from "./helpers/results.js";
import { byDegrees, StubEmbedder } from "./helpers/stubEmbedder.js";
import { type StubLabel, StubRuntime } from "./helpers/stubRuntime.js";

const folder = await temporaryFolder();
const model = await folder.write("model.gguf", "weights");
const medqa = await folder.write(
  "medqa.jsonl",
  jsonLines([{ question: "Q?", answer: "z", options: { A: "w", B: "x", C: "y", D: "z" }, answer_idx: "D" }]),
);

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

  it("come from the task's file in a folder, too", async () => {
    await mkdir(folder.path("solved"));
    await copyFile(train, folder.path("solved/ori_pqal.json"));
    const { answers, run: go } = await run({ neighbours: { train: folder.path("solved"), shots: 1 } });
    const { strategy } = await go();
    assert.equal(strategy!.neighbours!.train[0]!.file, "ori_pqal.json");
    assert.ok(answers.prompts[0]!.includes("Turn by 39?"));
  });

  it("hold their reasoning under chain of thought; rows without stay out", async () => {
    const strategy: EvaluationStrategy = { neighbours: { train, shots: 2 }, chainOfThought: {} };
    const { answers, run: go } = await run(strategy);
    await go();
    for (const prompt of answers.prompts) {
      assert.ok(prompt.includes("assistant\nHalf a turn.\nAnswer: maybe[<|im_end|>]"));
      assert.ok(prompt.includes("assistant\nNearly.\nAnswer: yes[<|im_end|>]"));
    }
    const onMed = await run(
      { neighbours: { train: medqa, shots: 1 }, chainOfThought: {} },
      { task: "medqa_4options", data: medqa },
    );
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
      fails("ARGUMENT_INVALID", /Question 1 has 3 other questions/),
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
