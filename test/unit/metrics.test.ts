import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { classificationMetrics } from "../../dist/eval/metrics.js";

const LABELS = ["yes", "no", "maybe"];

function near(actual: number, expected: number, tolerance = 1e-12): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
}

function repeat(gold: string, predicted: string | null, times: number) {
  return Array.from({ length: times }, () => ({ gold, predicted }));
}

test("all-yes on the official label counts gives the published accuracy and macro-F1", () => {
  const items = [...repeat("yes", "yes", 276), ...repeat("no", "yes", 169), ...repeat("maybe", "yes", 55)];
  const metrics = classificationMetrics(items, LABELS);
  assert.equal(metrics.n, 500);
  near(metrics.accuracy, 0.552);
  near(metrics.macroF1, 0.2371134, 5e-8);
  near(metrics.macroF1, 552 / 776 / 3);
  assert.deepEqual(metrics.perLabel.no, { precision: 0, recall: 0, f1: 0, support: 169, predicted: 0 });
});

test("counts, rates and confusion of a small set worked out by hand", () => {
  const items = [
    { gold: "yes", predicted: "yes" },
    { gold: "yes", predicted: "yes" },
    { gold: "yes", predicted: "no" },
    { gold: "yes", predicted: null },
    { gold: "no", predicted: "no" },
    { gold: "no", predicted: "yes" },
    { gold: "maybe", predicted: null },
    { gold: "maybe", predicted: "no" },
  ];
  const metrics = classificationMetrics(items, LABELS);
  assert.deepEqual(metrics.confusion, [
    [2, 1, 0, 1],
    [1, 1, 0, 0],
    [0, 1, 0, 1],
  ]);
  assert.deepEqual([metrics.n, metrics.correct, metrics.valid], [8, 3, 6]);
  near(metrics.accuracy, 3 / 8);
  near(metrics.validRate, 6 / 8);
  near(metrics.accuracyOfValid!, 3 / 6);
  const { yes, no, maybe } = metrics.perLabel;
  assert.deepEqual([yes!.support, yes!.predicted, no!.support, no!.predicted], [4, 3, 2, 3]);
  near(yes!.precision, 2 / 3);
  near(yes!.recall, 2 / 4);
  near(yes!.f1, 4 / 7);
  near(no!.precision, 1 / 3);
  near(no!.recall, 1 / 2);
  near(no!.f1, 2 / 5);
  assert.deepEqual(maybe, { precision: 0, recall: 0, f1: 0, support: 2, predicted: 0 });
  near(metrics.macroF1, (4 / 7 + 2 / 5) / 3);
});

test("an invalid answer lowers recall, no precision, and is no class in the mean", () => {
  const metrics = classificationMetrics([...repeat("yes", "yes", 3), ...repeat("yes", null, 1)], ["yes", "no"]);
  assert.equal(metrics.perLabel.yes!.precision, 1);
  near(metrics.perLabel.yes!.recall, 3 / 4);
  near(metrics.macroF1, 6 / 7 / 2);
});

test("a label without support and prediction counts with F1 0", () => {
  const metrics = classificationMetrics(repeat("yes", "yes", 5), LABELS);
  assert.equal(metrics.accuracy, 1);
  near(metrics.macroF1, 1 / 3);
});

test("no valid answer at all: the accuracy over valid ones is unknown, not 0", () => {
  const metrics = classificationMetrics(repeat("yes", null, 2), LABELS);
  assert.equal(metrics.accuracyOfValid, null);
  assert.deepEqual([metrics.accuracy, metrics.validRate, metrics.macroF1], [0, 0, 0]);
});

test("a label may have the name of an object's own property", () => {
  const metrics = classificationMetrics(repeat("__proto__", "__proto__", 1), ["__proto__", "constructor"]);
  assert.equal(Object.entries(metrics.perLabel)[0]![1].f1, 1);
});

test("bad arguments are refused, by index and without their text", () => {
  assert.throws(() => classificationMetrics([], LABELS), { code: "DATA_EMPTY" });
  const items = repeat("yes", "yes", 1);
  for (const labels of [[], ["yes", "yes"]])
    assert.throws(() => classificationMetrics(items, labels), { code: "ARGUMENT_INVALID", message: /labels/ });
  const gold = [...items, { gold: "secret", predicted: "yes" }];
  const predicted = [...items, { gold: "yes", predicted: "secret" }];
  for (const [bad, field] of [
    [gold, "gold"],
    [predicted, "predicted"],
  ] as const)
    assert.throws(
      () => classificationMetrics(bad, LABELS),
      (error: Error & { code?: string }) =>
        error.code === "ARGUMENT_INVALID" &&
        error.message.includes(`items[1].${field}`) &&
        !error.message.includes("secret"),
    );
});

test("all-yes on the real PubMedQA training half", (t) => {
  let text: string;
  try {
    text = readFileSync(new URL("../../../shared/data/pubmedqa/pqal_train_500.json", import.meta.url), "utf8");
  } catch {
    t.skip("../shared/data/pubmedqa is not there");
    return;
  }
  const records = Object.values(JSON.parse(text) as Record<string, { final_decision: string }>);
  const yes = records.filter((record) => record.final_decision === "yes").length;
  const metrics = classificationMetrics(
    records.map((record) => ({ gold: record.final_decision, predicted: "yes" })),
    LABELS,
  );
  assert.equal(metrics.n, 500);
  near(metrics.accuracy, yes / 500);
  near(metrics.macroF1, (2 * yes) / (500 + yes) / 3);
});
