import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isMediloraError } from "../../dist/errors.js";
import { compareResults } from "../../dist/eval/benchmarkResults.js";
import { type EvaluationResult, MEDICAL_NOTICE } from "../../dist/eval/evaluationResult.js";
import { compareLikelihoods } from "../../dist/eval/loglikelihood/compare.js";
import type { PreparedTask } from "../../dist/eval/loglikelihood/prepare.js";
import { buildLikelihoodResult, type LikelihoodResult } from "../../dist/eval/loglikelihood/result.js";
import type { LikelihoodMetric } from "../../dist/eval/loglikelihood/task.js";
import { paperBaseline } from "../../dist/eval/paperBaseline.js";
import { baselineMarkdown, baselineTable } from "../../dist/report/baselineTable.js";
import { benchmarkMarkdown, benchmarkTable } from "../../dist/report/benchmarkTable.js";
import { resultOf, yesAnswers } from "./helpers/results.js";

const identity = { sha256: "0", bytes: 1000 };

/** Of each task, sums of log-probabilities for two choices a question, of which the first is right. */
function likelihoodOf(
  tasks: Record<string, { metrics: [LikelihoodMetric, ...LikelihoodMetric[]]; sums: number[][] }>,
  options: { name?: string; model?: string } = {},
): LikelihoodResult {
  const names = Object.keys(tasks);
  const { name = names[0]!, model = "base.gguf" } = options;
  const prepared = names.map((task): PreparedTask => {
    const questions = tasks[task]!.sums.map((_, i) => ({
      ...{ key: `${task}/q${i}`, task, id: `q${i}`, promptSha256: "", where: "", contexts: ["", ""] },
      ...{ continuations: ["a", "bb"], choices: ["a", "bb"], gold: [0] },
    }));
    const read = () => assert.fail("not read");
    const none = { path: "", header: "", sources: [] };
    const fixed = { kind: "likelihood" as const, version: 1, description: "", files: "", fileNames: [], preamble: "" };
    return { task: { ...fixed, name: task, delimiter: "", metrics: tasks[task]!.metrics, read }, ...none, questions };
  });
  const scores = names.flatMap((task) =>
    tasks[task]!.sums.map((logprobs, i) => ({
      ...{
        id: `${task}/q${i}`,
        promptSha256: "",
        logprobs,
        isGreedy: [false, false],
        tokens: [1, 1],
        cut: 0,
        seconds: 1,
      },
    })),
  );
  return buildLikelihoodResult(
    {
      model: { file: model, ...identity },
      adapters: [],
      task: { name, version: 1 },
      shots: 0,
      addBos: false,
      data: [],
      timings: { asked: 0, resumed: 0, loadSeconds: 0, answerSeconds: 0 },
      versions: { medilora: "0", llamaCpp: "v0", node: "20" },
      machine: { cpu: "x", threads: 1 },
      isGroup: names.length > 1,
      missing: [],
      available: scores.length,
    },
    prepared,
    scores,
  );
}

const right = [-1, -2];
const wrong = [-2, -1];
const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}`);

describe("comparing log-likelihoods", () => {
  const metrics: [LikelihoodMetric, ...LikelihoodMetric[]] = ["acc", "acc_norm"];
  const tuned = likelihoodOf({ one: { metrics, sums: [right, right, right, right, wrong] } });
  const base = likelihoodOf({ one: { metrics, sums: [wrong, wrong, wrong, right, right] } });

  it("gives differences, discordant questions and McNemar's p worked out by hand, by each metric", () => {
    const [acc, norm, ...others] = compareLikelihoods(tuned, base);
    assert.deepEqual(others, []);
    assert.deepEqual([acc!.task, acc!.metric, acc!.n], ["one", "acc", 5]);
    near(acc!.difference.difference, 0.4);
    assert.ok(acc!.difference.low < 0.4 && acc!.difference.high >= 0.4);
    assert.deepEqual([acc!.onlyFirstRight, acc!.onlySecondRight], [3, 1]);
    // 2 P(X <= 1), X ~ B(4, 1/2).
    near(acc!.pValue!, (2 * (1 + 4)) / 16);
    // By length "bb" has -1/2 or -2/2 against -2/1 or -1/1: the wrong sums stay wrong, the right ones tie, first wins.
    near(norm!.difference.difference, 0.4);
  });

  it("has no test for mc2, a share", () => {
    const share = (sums: number[][]) => likelihoodOf({ t: { metrics: ["mc2"], sums } });
    const [only] = compareLikelihoods(
      share([
        [0, 0],
        [0, 0],
      ]),
      share([
        [Math.log(3), 0],
        [0, 0],
      ]),
    );
    // 1/2 and 1/2 less 3/4 and 1/2.
    near(only!.difference.difference, -0.125);
    assert.deepEqual([only!.onlyFirstRight, only!.onlySecondRight, only!.pValue], [null, null, null]);
  });

  it("of a group also over all questions by the headlines", () => {
    const group = (first: number[][], second: number[][]) =>
      likelihoodOf({ a: { metrics, sums: first }, b: { metrics: ["acc"], sums: second } }, { name: "both" });
    const rows = compareLikelihoods(group([right, right], [right, wrong]), group([wrong, right], [wrong, right]));
    assert.deepEqual(
      rows.map(({ task, metric, n }) => [task, metric, n]),
      [
        ["a", "acc", 2],
        ["a", "acc_norm", 2],
        ["b", "acc", 2],
        [null, "headline", 4],
      ],
    );
    near(rows[3]!.difference.difference, 0.25);
    assert.deepEqual([rows[3]!.onlyFirstRight, rows[3]!.onlySecondRight], [2, 1]);
  });

  it("refuses other questions, gold labels, tasks, definitions and kinds", () => {
    const refused = (second: LikelihoodResult, message: RegExp) =>
      assert.throws(
        () => compareLikelihoods(tuned, second),
        (error) => isMediloraError(error) && error.code === "ARGUMENT_INVALID" && message.test(error.message),
      );
    refused({ ...base, items: base.items.slice(1) }, /only the first one has its question 1/);
    refused(
      { ...base, items: base.items.map((item) => ({ ...item, gold: [1] })) },
      /gold labels of the first one's question 1 differ/,
    );
    refused({ ...base, task: { name: "one", version: 2 } }, /the tasks differ \(one@1 and one@2\)/);
    refused({ ...base, task: { ...base.task, definition: "x" } }, /the definitions of one@1 differ/);
    assert.throws(() => compareResults(tuned, resultOf(yesAnswers(1, () => true))), /cannot be compared/);
  });
});

describe("the table of several benchmarks and models", () => {
  const first = resultOf(yesAnswers(10, (i) => i <= 3 || i === 8));
  const second = resultOf(
    yesAnswers(10, (i) => i <= 7),
    { model: { file: "tuned.gguf", ...identity } },
  );
  const scores = { metrics: ["acc"] as [LikelihoodMetric], sums: [right, wrong] };
  const blocks = [
    [first, second],
    [
      likelihoodOf({ one: scores }),
      likelihoodOf({ one: { ...scores, sums: [right, right] } }, { model: "tuned.gguf" }),
    ],
  ];
  const rowsOf = (text: string) =>
    text
      .split("\n")
      .filter((line) => /^[│|]/.test(line))
      .map((line) =>
        line
          .split(/[│|]/)
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );

  for (const [form, render] of [
    ["terminal", benchmarkTable],
    ["Markdown", benchmarkMarkdown],
  ] as const)
    it(`${form}: every score, below it the difference to the reference, and the notice once`, () => {
      const text = render(blocks, { lines: ["Not run: x."] });
      const rows = rowsOf(text);
      const at = rows.findIndex(([title]) => title === "pubmedqa accuracy");
      assert.deepEqual(rows[at]!.slice(1), ["40.0% [16.8, 68.7]", "70.0% [39.7, 89.2]"]);
      assert.equal(rows[at + 1]![0], "difference to result 1");
      assert.match(rows[at + 1]![2]!, /^\+30\.0 points \[-?\d+\.\d, \d+\.\d\]$/);
      assert.deepEqual(rows[at + 2], ["McNemar's exact test", "", "p = 0.375"]);
      const acc = rows.findIndex(([title]) => title === "one acc");
      assert.deepEqual(rows[acc]!.slice(1), ["50.0% ± 50.0", "100.0% ± 0.0"]);
      assert.match(rows[acc + 1]![2]!, /^\+50\.0 points/);
      assert.equal(text.split(MEDICAL_NOTICE).length, 2);
      assert.match(text, /Not run: x\./);
      assert.match(text, /Differences are to result 1/);
      assert.ok(!rows.some(([title]) => title === "Invalid"));
    });

  it("compares with the model that is named, and shows answers by label of a single benchmark", () => {
    const rows = rowsOf(benchmarkTable([blocks[0]!], { reference: 1 }));
    const difference = rows.find(([title]) => title === "difference to result 2")!;
    assert.match(difference[1]!, /^-30\.0 points/);
    assert.equal(difference[2], "");
    assert.deepEqual(rows.find(([title]) => title === "Answered yes (gold)")!.slice(1), ["4 (10)", "7 (10)"]);
  });

  it("says why a comparison is not possible", () => {
    const short = resultOf(yesAnswers(9, (i) => i <= 7));
    const text = benchmarkTable([[first, short]]);
    assert.match(text, /pubmedqa, result 2: The results cannot be compared: only the second one has its question 10/);
    assert.ok(!text.includes("difference to model"));
  });
});

describe("the paper's numbers", () => {
  const pubmedqa = resultOf(yesAnswers(4, () => true));
  const task = (name: string): EvaluationResult => ({ ...pubmedqa, task: { ...pubmedqa.task, name } });
  const subjects = (count: number) =>
    likelihoodOf(
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`s${i}`, { metrics: ["acc"], sums: [i === 0 ? right : wrong] }]),
      ),
      { name: "mmlu_medical" },
    );

  it("stand only beside the tasks that they are of", () => {
    assert.equal(paperBaseline(pubmedqa)!.quoted[0]!.percent, 75.8);
    assert.equal(paperBaseline(task("medqa_5options"))!.quoted[0]!.percent, 46.5);
    assert.equal(paperBaseline(task("medqa_4options")), undefined);
    assert.equal(paperBaseline(subjects(9))!.quoted[0]!.percent, 65.4);
    // A mean of fewer subjects, or with shots, is another number.
    assert.equal(paperBaseline(subjects(8)), undefined);
    assert.equal(paperBaseline({ ...subjects(9), shots: 5 }), undefined);
    assert.equal(paperBaseline({ ...subjects(9), task: { name: "mmlu_medical_parentheses", version: 1 } }), undefined);
  });

  it("are marked as quoted beside ours", () => {
    const text = baselineTable([task("medqa_4options"), pubmedqa, subjects(9)], { unicode: false })!;
    assert.match(text, /\| pubmedqa +\| base\.gguf +\| +100\.0% \| 100\.0% \| measured here, 4 questions/);
    assert.match(
      text,
      /\| pubmedqa +\| PubMedQA adapter +\| +75\.8% \| +99\.9% \| quoted: accuracy, the official test set/,
    );
    assert.match(text, /\| Meditron-70B +\| 80\.0% to 81\.6% \|/);
    assert.match(text, /\| mmlu_medical +\| base\.gguf +\| +11\.1% \| +\| measured here, 9 questions/);
    assert.ok(!text.includes("medqa_4options"));
    assert.match(baselineMarkdown([pubmedqa])!, /^\| pubmedqa \| GPT-4-base \| 80\.4% \| {2}\| quoted/m);
    assert.equal(baselineTable([task("medqa_4options")]), undefined);
  });
});
