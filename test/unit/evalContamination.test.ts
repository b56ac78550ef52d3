import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { checkBenchmarks } from "../../dist/eval/contamination.js";
import { evaluateWith } from "../../dist/eval/evaluate.js";
import { evaluateLikelihoodWith } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { benchmarkTable } from "../../dist/report/benchmarkTable.js";
import { evaluationMarkdown, evaluationTable } from "../../dist/report/evaluationTable.js";
import { likelihoodMarkdown, likelihoodTable } from "../../dist/report/likelihoodTable.js";
import { jsonLines, temporaryFolder } from "./helpers/data.js";
import { StubRuntime } from "./helpers/stubRuntime.js";
import { StubScoreRuntime } from "./helpers/stubScoreRuntime.js";

const folder = await temporaryFolder();
const root = folder.path(".");
const numbered = (word: string, count: number) => Array.from({ length: count }, (_, i) => `${word}${i}`).join(" ");

let model: string;
let training: string;
before(async () => {
  model = await folder.write("model.gguf", "weights");
  const record = (context: string) => ({ QUESTION: "Is it?", CONTEXTS: [context], final_decision: "yes" });
  const records = { 11: record(numbered("leak", 20)), 12: record(numbered("clean", 20)), 13: record("Short.") };
  await folder.write("test_set.json", JSON.stringify(records));
  const row = (question: string) => ({ question, choices: ["right", "wrong choice"], answer: 0 });
  await folder.write("ARC-Easy.jsonl", jsonLines([row(numbered("leak", 13)), row(numbered("fresh", 14)), row("Why?")]));
  await folder.write("openbookqa.jsonl", jsonLines([row(numbered("leak", 14))]));
  await folder.write("anatomy_test.csv", "Which is it here?,a,b,c,d,A\n");
  training = await folder.write(
    "train.jsonl",
    jsonLines([
      { id: "t1", text: "The following are multiple choice questions (with answers) about anatomy. Which is it now?" },
      {
        id: "t2",
        messages: [
          { role: "user", content: "Hello" },
          { role: "assistant", content: `So ${numbered("leak", 16)}!` },
        ],
      },
    ]),
  );
});

const answering = () => new StubRuntime({ answer: (prompt) => (prompt.includes("leak") ? "Yes" : "No") });
const scoring = () =>
  new StubScoreRuntime({ logprob: (text, context) => (context.includes("leak") === (text === " right") ? -1 : -9) });

describe("contamination in the result of", () => {
  it("generated answers: question by question, and the accuracy of the clean ones", async () => {
    const contamination = await checkBenchmarks({
      training: [training],
      benchmarks: [{ task: "pubmedqa", data: root }],
    });
    const result = await evaluateWith(answering(), { model, task: "pubmedqa", data: root, contamination });
    const { rule, rows, questions, tooShort, overlaps, clean, training: files } = result.contamination!;
    assert.deepEqual([rule, rows, questions, tooShort], ["13-gram@1", 2, 3, 1]);
    assert.equal(files[0]!.file, "train.jsonl");
    // "Context: leak0 ... leak19 Question: Is it?" has 24 words and 12 13-grams, of which leak0..leak15 hold 4.
    assert.deepEqual(overlaps, [{ id: "pubmedqa/11", matched: 4, grams: 12, row: { file: "train.jsonl", id: "t2" } }]);
    assert.deepEqual([clean!.metrics.n, clean!.metrics.accuracy], [2, 0]);
    assert.ok(Math.abs(result.metrics.accuracy - 1 / 3) < 1e-12);
    assert.deepEqual(JSON.parse(JSON.stringify(result.contamination)), result.contamination);
    for (const render of [evaluationTable, evaluationMarkdown]) {
      const text = render([result]);
      assert.match(text, /Accuracy, clean questions +[│|] +0\.0% \[0\.0, 65\.8\] \(2\)/);
      assert.match(text, /1 of 3 questions share a run of 13 words with 2 rows of train\.jsonl; 1 are too short/);
    }
  });

  it("log-likelihoods: of each task and of a group's mean", async () => {
    const contamination = await checkBenchmarks({
      training: [training],
      benchmarks: [{ task: "gpt4all", data: root }],
    });
    const result = await evaluateLikelihoodWith(scoring(), { model, task: "gpt4all", data: root, contamination });
    assert.deepEqual(
      result.contamination!.overlaps.map(({ id }) => id),
      ["arc_easy/row-1", "openbookqa/row-1"],
    );
    const { tasks, group } = result.contamination!.clean!;
    // The only question of openbookqa overlaps, so that the task has no clean score.
    assert.deepEqual(
      tasks.map(({ name, n, metrics }) => [name, n, metrics[0]!.mean]),
      [["arc_easy", 2, 0]],
    );
    assert.deepEqual([group!.plainMean, result.group!.plainMean], [0, (1 / 3 + 1) / 2]);
    for (const render of [likelihoodTable, likelihoodMarkdown])
      assert.match(render([result]), /openbookqa, clean questions +[│|] +n\/a/);
    const table = benchmarkTable([[result, result]]);
    assert.match(table, /arc_easy, clean questions +│ +0\.0% ± 0\.0 \(2\) │ +0\.0% ± 0\.0 \(2\)/);
    assert.match(table, /gpt4all, plain mean, clean questions/);
  });

  it("a task with a preamble: only the question itself is looked up", async () => {
    const benchmark = { task: "mmlu_anatomy", data: root };
    const contamination = await checkBenchmarks({ training: [training], benchmarks: [benchmark] });
    const result = await evaluateLikelihoodWith(scoring(), { model, ...benchmark, contamination });
    assert.deepEqual(result.contamination!.overlaps, []);
    assert.equal(result.contamination!.questions, 1);
  });

  it("questions that all overlap: no clean score", async () => {
    const only = { task: "openbookqa", data: folder.path("openbookqa.jsonl") };
    const contamination = await checkBenchmarks({ training: [training], benchmarks: [only] });
    const result = await evaluateLikelihoodWith(scoring(), { model, ...only, contamination });
    assert.equal(result.contamination!.clean, null);
    assert.match(likelihoodTable([result]), /openbookqa, clean questions +│ +n\/a/);
  });

  it("other questions than were checked is refused, as is a check without files", async () => {
    const contamination = await checkBenchmarks({
      training: [training],
      benchmarks: [{ task: "arc_easy", data: root }],
    });
    const other = evaluateLikelihoodWith(scoring(), { model, task: "openbookqa", data: root, contamination });
    await assert.rejects(other, {
      code: "ARGUMENT_INVALID",
      message: /does not know question 1 of those that were asked/,
    });
    await assert.rejects(checkBenchmarks({ training: [], benchmarks: [] }), { code: "ARGUMENT_INVALID" });
    await assert.rejects(
      checkBenchmarks({ training: [folder.path("none.jsonl")], benchmarks: [{ task: "arc_easy", data: root }] }),
      { code: "FILE_NOT_FOUND" },
    );
  });
});
