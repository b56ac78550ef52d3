import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { type DumpedRequest, dumpRequests } from "../../dist/eval/dumpRequests.js";
import { evaluateLikelihood } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { MMLU_MEDICAL_SUBJECTS } from "../../dist/eval/tasks/mmlu.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { harnessSums } from "./harness.js";
import { maxDifference, repoFile, sharedFile, skipWithout, temporaryFolder } from "./helpers.js";
import { type MmluRow, mmluFile, ownRows } from "./mmluRows.js";
import { base, facts, medtiny, stories } from "./support.js";

// What an evaluation by log-likelihood finds, against llama.cpp's logits of one whole sequence at a time. The prompts
// are those of --dump-requests, which test/unit checks against prompts written by hand.

/** All rows, for minutes instead of seconds. */
const FULL = process.env.MEDILORA_FULL_PARITY === "1";
const path = await temporaryFolder();
const exact = path("medtiny-f32.gguf");
await quantize({ input: medtiny, output: exact, type: "F32", threads: 1 });
const TOLERANCE = 1e-3;

interface Run {
  task: string;
  data: string;
  limit?: number;
  shots?: number;
}

/** By the right scoring of every choice; the first of equal sums. */
function chosenOf(sums: readonly number[]): number {
  return sums.indexOf(Math.max(...sums));
}

/**
 * Every question's choice must be the same, and the sums within the tolerance.
 * @returns the largest difference of a sum
 */
async function compare(model: string, run: Run): Promise<string> {
  const output = path("requests.jsonl");
  await dumpRequests({ ...run, output });
  const lines = (await readFile(output, "utf8")).trimEnd().split("\n");
  const requests = lines.map((line) => JSON.parse(line) as DumpedRequest);
  const { items } = await evaluateLikelihood({ model, threads: 1, ...run });
  await using engine = await InferenceEngine.open({ ...base, model, kvType: "f32" });
  await using tokenizer = await openTokenizer(model);
  const sums = await harnessSums(engine, tokenizer, requests);
  let gap = 0;
  let at = 0;
  for (const { task, id, logprobs, scores, gold } of items) {
    const own = sums.slice(at, at + logprobs.length);
    assert.ok(requests.slice(at, at + logprobs.length).every((one) => one.task === task && one.docId === id));
    at += logprobs.length;
    gap = Math.max(gap, maxDifference(logprobs, own));
    assert.equal(chosenOf(logprobs), chosenOf(own), `${task}, ${id}`);
    if (scores.acc !== undefined) assert.equal(scores.acc, gold.includes(chosenOf(own)) ? 1 : 0);
  }
  assert.equal(at, requests.length);
  assert.ok(gap < TOLERANCE, `${gap}`);
  return `${basename(model)}: ${items.length} questions, largest difference of a sum ${gap.toExponential(1)}`;
}

/** Questions with two to six answers of different lengths. */
async function ownTruths(count: number): Promise<string> {
  const rows = Array.from({ length: count }, (_, i) => {
    const choices = facts.map((fact, j) => `${fact.slice(0, 20 + ((i * 7 + j * 11) % 40)).trim()} ${i + j}`);
    const kept = choices.slice(0, 2 + (i % 4));
    const labels = kept.map((_, j) => (j === 0 ? 1 : 0));
    return { question: `Is it so, ${i}?`, mc1_targets: { choices: kept, labels } };
  });
  await writeFile(path("truths.json"), JSON.stringify(rows));
  return path("truths.json");
}

/** Every `step`-th question of MedMCQA and of MedQA, in MMLU's form. */
async function sharedRows(count: number): Promise<MmluRow[]> {
  const read = async (file: string) =>
    (await readFile(sharedFile(file)!, "utf8"))
      .split("\n")
      .slice(0, count)
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const medmcqa = (await read("medmcqa/dev.jsonl")).map(
    ({ question, opa, opb, opc, opd, cop }): MmluRow => [question, [opa, opb, opc, opd], cop - 1],
  );
  const medqa = (await read("medqa/dev_4options.jsonl")).map(
    ({ question, options, answer_idx }): MmluRow => [question, Object.values(options), "ABCD".indexOf(answer_idx)],
  );
  return medmcqa.flatMap((row, i) => [row, medqa[i]!]).slice(0, count);
}

describe("rows of our own on medtiny", () => {
  it("in MMLU's form", async (t) => {
    const data = await mmluFile(path("own.csv"), ownRows(FULL ? 200 : 24));
    for (const model of [exact, medtiny]) t.diagnostic(await compare(model, { task: "mmlu_anatomy", data }));
  });

  it("in TruthfulQA's form", async (t) => {
    const data = await ownTruths(FULL ? 100 : 5);
    for (const model of [exact, medtiny]) t.diagnostic(await compare(model, { task: "truthfulqa_mc1", data }));
  });

  it("in BIG-bench's and WinoGrande's, whose contexts end in a space or differ", async (t) => {
    const examples = facts.map((input, i) => ({ input, target_scores: { [`yes ${i}`]: 1, no: 0, "no one knows": 0 } }));
    await writeFile(path("snarks.json"), JSON.stringify({ examples, task_prefix: "Decide.\n" }));
    const blanks = facts.map((fact) => ({
      sentence: `${fact}So _ was ill.`,
      option1: "Ann",
      option2: "he",
      answer: "1",
    }));
    await writeFile(path("winogrande.json"), JSON.stringify(blanks));
    t.diagnostic(await compare(exact, { task: "bigbench_snarks", data: path("snarks.json") }));
    t.diagnostic(await compare(exact, { task: "winogrande", data: path("winogrande.json") }));
  });
});

describe("published rows on stories260K and medtiny", { skip: skipWithout("models/stories260K.gguf") }, () => {
  const check = async (t: TestContext, run: Run) => {
    for (const model of FULL ? [stories, exact, medtiny] : [stories, exact]) t.diagnostic(await compare(model, run));
  };

  it("MedMCQA's and MedQA's in MMLU's form", async (t) => {
    await check(t, {
      task: "mmlu_nutrition",
      data: await mmluFile(path("shared.csv"), await sharedRows(FULL ? 200 : 8)),
    });
  });

  it("MMLU's, with two shots", async (t) => {
    const root = path("mmlu");
    await mkdir(`${root}/test`, { recursive: true });
    await symlink(sharedFile("mmlu_med/dev")!, `${root}/dev`);
    for (const subject of Object.keys(MMLU_MEDICAL_SUBJECTS).slice(0, FULL ? 9 : 2))
      await symlink(sharedFile(`mmlu_med/dev/${subject}_dev.csv`)!, `${root}/test/${subject}_test.csv`);
    await check(t, { task: "mmlu_medical", data: root, shots: 2 });
  });

  for (const [task, file, limit] of [
    ["truthfulqa_mc1", "truthfulqa/mc_task_derived.json", [2, 100]],
    ["winogrande", "general_mc/winogrande.jsonl", [10, 40]],
    ["openbookqa", "general_mc/openbookqa.jsonl", [10, 40]],
    ["bigbench_disambiguation_qa", "bigbench_mc/disambiguation_qa.json", [6, 30]],
  ] as const)
    it(`${task}'s`, { skip: skipWithout(file) }, async (t) => {
      await check(t, { task, data: repoFile(`../shared/data/${file}`), limit: limit[FULL ? 1 : 0] });
    });
});
