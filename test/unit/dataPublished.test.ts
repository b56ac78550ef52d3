import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { loadMedQA, multipleChoiceMessages } from "../../dist/data/medqa.js";
import { prepareBioASQ, prepareDialogue, prepareMedMCQA, prepareMedQA } from "../../dist/data/qaSources.js";
import { medqaPrefix3 } from "../../dist/eval/extraction.js";
import { shared, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const output = folder.path("out.jsonl");

const medqa = shared("medqa/dev_4options.jsonl");
test("the published MedQA development set, whole", { skip: medqa.skip }, async () => {
  const records = await loadMedQA(medqa.path);
  assert.equal(records.length, 1272);
  const rule = medqaPrefix3(4);
  for (const record of records) {
    const answer = multipleChoiceMessages(record, { answer: true })[2]?.content ?? "";
    assert.equal(rule.extract(answer), record.label);
    assert.ok(!record.options.some((option) => /\n"?$/.test(option)), record.id);
  }
  const manifest = await prepareMedQA({ inputs: [medqa.path], output });
  assert.deepEqual(manifest.counts, { read: 1272, used: 1272, skipped: {} });
});

const medmcqa = shared("medmcqa/dev.json");
test("the published MedMCQA development set, whole", { skip: medmcqa.skip }, async () => {
  const manifest = await prepareMedMCQA({ inputs: [medmcqa.path], output });
  assert.deepEqual(manifest.outputs[0].labels, { A: 1348, B: 1085, C: 925, D: 825 });
});

const bioasq = shared("bioasq/10B1_golden.json");
test("published BioASQ files, whole", { skip: bioasq.skip }, async () => {
  const place = dirname(bioasq.path);
  const inputs = (await readdir(place)).map((name) => `${place}/${name}`);
  const manifest = await prepareBioASQ({ inputs, output });
  // 209 yes/no questions of 813, one of which answers Yes under the label no.
  assert.deepEqual(manifest.counts, {
    read: 813,
    used: 208,
    skipped: { "other-type": 604, "answer-contradicts-label": 1 },
  });
  assert.deepEqual(manifest.outputs[0].labels, { no: 78, yes: 130 });
});

const dialogue = shared("dialogue/MTS-Dialog-TrainingSet.csv");
test("the published MTS-Dialog training set, whole", { skip: dialogue.skip }, async () => {
  const manifest = await prepareDialogue({ inputs: [dialogue.path], output });
  assert.equal(manifest.counts.used, 1201);
  assert.equal(manifest.outputs[0].labels["FAM/SOCHX"], 351);
});
