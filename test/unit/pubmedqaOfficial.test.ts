import assert from "node:assert/strict";
import { before, test } from "node:test";
import { evaluateWith } from "../../dist/eval/evaluate.js";
import { evaluateLikelihoodWith } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { temporaryFolder } from "./helpers/data.js";
import { StubRuntime } from "./helpers/stubRuntime.js";
import { StubScoreRuntime } from "./helpers/stubScoreRuntime.js";

// A file with the label counts of PubMedQA's 500 test questions, scored by the definition of its evaluation script:
// accuracy, and the plain mean of the F1 of yes, no and maybe, over exactly the ids of the file.

const COUNTS = { yes: 276, no: 169, maybe: 55 } as const;
const folder = await temporaryFolder();
let model: string;
let data: string;

before(async () => {
  model = await folder.write("model.gguf", "weights");
  const labels = Object.entries(COUNTS).flatMap(([label, count]) => Array.from({ length: count }, () => label));
  const records = labels.map((label, i) => {
    // 7 and 500 have no common factor: labels alternate as they do in the real file.
    const QUESTION = `Question ${label}?`;
    const record = { QUESTION, CONTEXTS: ["Part."], LABELS: ["A"], MESHES: [], final_decision: label };
    return [(i * 7) % 500, { ...record, LONG_ANSWER: "Long.", reasoning_required_pred: "no" }] as const;
  });
  records.sort(([a], [b]) => a - b);
  data = await folder.write(
    "test_set.json",
    JSON.stringify(Object.fromEntries(records.map(([n, record]) => [`pmid-${n}`, record]))),
  );
});

const goldOf = (prompt: string) => /Question (yes|no|maybe)\?/.exec(prompt)![1] as keyof typeof COUNTS;
const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}`);

async function metricsOf(answer: (prompt: string) => string) {
  const { metrics } = await evaluateWith(new StubRuntime({ answer }), { model, task: "pubmedqa", data });
  assert.equal(metrics.n, 500);
  return metrics;
}

test("all yes: .552 and .2371134", async () => {
  const { accuracy, macroF1, validRate } = await metricsOf(() => "Yes. It does.");
  near(accuracy, 0.552);
  assert.equal(macroF1.toFixed(7), "0.2371134");
  assert.equal(validRate, 1);
});

test("all no and all maybe", async () => {
  const no = await metricsOf(() => "no");
  near(no.accuracy, 169 / 500);
  near(no.macroF1, (2 * 169) / (500 + 169) / 3);
  const maybe = await metricsOf(() => "maybe");
  near(maybe.accuracy, 55 / 500);
  near(maybe.macroF1, (2 * 55) / (500 + 55) / 3);
});

test("right but for every maybe, which is answered in prose: wrong, and no class of its own", async () => {
  const metrics = await metricsOf((prompt) => (goldOf(prompt) === "maybe" ? "It is unclear." : `${goldOf(prompt)}.`));
  near(metrics.accuracy, 445 / 500);
  near(metrics.validRate, 445 / 500);
  near(metrics.accuracyOfValid!, 1);
  near(metrics.macroF1, 2 / 3);
});

test("yes for no and no for yes, maybe right", async () => {
  const swapped = { yes: "no", no: "yes", maybe: "maybe" } as const;
  const metrics = await metricsOf((prompt) => swapped[goldOf(prompt)]);
  near(metrics.accuracy, 55 / 500);
  near(metrics.macroF1, 1 / 3);
});

test("all yes by log-likelihood: the same accuracy and its standard error", async () => {
  const runtime = new StubScoreRuntime({ logprob: (text) => (text === " yes" ? -1 : -2) });
  const { tasks } = await evaluateLikelihoodWith(runtime, { model, task: "pubmedqa_likelihood", data });
  const [{ metric, mean, stderr }] = tasks[0]!.metrics as [(typeof tasks)[0]["metrics"][0]];
  assert.equal(metric, "acc");
  near(mean, 0.552);
  near(stderr!, Math.sqrt((0.552 * 0.448) / 499));
});
