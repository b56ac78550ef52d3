import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { describe, it } from "node:test";
import { evaluateLikelihood } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { chosenBy } from "../../dist/eval/loglikelihood/metrics.js";
import { type PreparedChoices, prepareRun } from "../../dist/eval/loglikelihood/prepare.js";
import { questionPairs } from "../../dist/eval/loglikelihood/scoreQuestions.js";
import { cutLeft } from "../../dist/eval/loglikelihood/split.js";
import { findTask, isLikelihood } from "../../dist/eval/tasks/index.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { type NativeTokenizer, openTokenizer } from "../../dist/native/tokenizer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { repoFile, sharedFile, skipWithout, temporaryFolder } from "./helpers.js";
import { base, facts, medtiny, stories } from "./support.js";

const path = await temporaryFolder();
const exact = path("medtiny-f32.gguf");
await quantize({ input: medtiny, output: exact, type: "F32", threads: 1 });

/** Rows in MMLU's form, of 20 to 200 tokens. */
async function ownRows(count: number): Promise<string> {
  const rows = Array.from({ length: count }, (_, i) => {
    const options = [3, 1, 4, 2].map((step) => facts[(i * step + 1) % facts.length]!.slice(0, 12 + (i % 9)).trim());
    const question = `${facts[i % facts.length]!.repeat(1 + (i % 4))}Which one fits ${i}?`;
    return `${[question, ...options].map((text) => `"${text}"`).join(",")},${"ABCD"[i % 4]}\n`;
  });
  const file = path(`own-${count}.csv`);
  await writeFile(file, rows.join(""));
  return file;
}

async function prepared(name: string, data: string, limit: number, shots = 0): Promise<PreparedChoices[]> {
  const task = findTask(name);
  assert.ok(isLikelihood(task));
  const { tasks } = await prepareRun(task, data, shots);
  return tasks.flatMap(({ questions }) => questions.slice(0, limit));
}

async function batched(engine: InferenceEngine, tokenizer: NativeTokenizer, questions: readonly PreparedChoices[]) {
  const pairs = questions.map((question) =>
    questionPairs(tokenizer, question, false).map((pair) => cutLeft(pair, engine.info.sequenceLimit)),
  );
  const requests = pairs.flatMap((choices) =>
    choices.map(({ context, continuation }) => ({ context, continuations: [continuation] })),
  );
  const sums = new Float64Array(requests.length);
  await engine.score(requests, {
    onResult: ({ index, logprobs }) => {
      sums[index] = logprobs[0]!;
    },
  });
  let at = 0;
  return pairs.map(({ length }) => {
    at += length;
    return [...sums.slice(at - length, at)];
  });
}

/** By the harness's words, without our code: one forward a choice, softmax in double. */
async function unbatched(engine: InferenceEngine, tokenizer: NativeTokenizer, question: PreparedChoices) {
  const encode = (text: string) => [...tokenizer.tokenize(text, { addSpecial: false, parseSpecial: false })];
  const size = engine.info.vocabSize;
  const sums: number[] = [];
  for (const [i, text] of question.contexts.entries()) {
    const context = text.trimEnd();
    const before = encode(context);
    const after = encode(text + question.continuations[i]!).slice(before.length);
    const input = [...before, ...after].slice(-(engine.info.sequenceLimit + 1)).slice(0, -1);
    const logits = await engine.logits(Int32Array.from(input));
    let sum = 0;
    after.forEach((token, j) => {
      const at = input.length - after.length + j;
      const row = logits.subarray(at * size, (at + 1) * size);
      const highest = row.reduce((a, b) => Math.max(a, b));
      sum += row[token]! - highest - Math.log(row.reduce((total, logit) => total + Math.exp(logit - highest), 0));
    });
    sums.push(sum);
  }
  return sums;
}

async function compare(model: string, questions: readonly PreparedChoices[]): Promise<number> {
  await using engine = await InferenceEngine.open({ ...base, model, kvType: "f32", sequences: 32 });
  await using tokenizer = await openTokenizer(model);
  const results = await batched(engine, tokenizer, questions);
  let gap = 0;
  for (const [i, question] of questions.entries()) {
    const reference = await unbatched(engine, tokenizer, question);
    results[i]!.forEach((sum, j) => {
      gap = Math.max(gap, Math.abs(sum - reference[j]!));
    });
    for (const metric of ["acc", "acc_norm"] as const)
      assert.equal(chosenBy(metric, results[i]!, question.choices), chosenBy(metric, reference, question.choices));
  }
  return gap;
}

/** More rows, for minutes instead of seconds. */
const FULL = process.env.MEDILORA_FULL_PARITY === "1";

describe("choices by log-likelihood are those of unbatched scoring", () => {
  it("on rows of our own", async (t) => {
    const gap = await compare(exact, await prepared("mmlu_anatomy", await ownRows(FULL ? 200 : 60), 200));
    t.diagnostic(`largest difference of a sum: ${gap}`);
    assert.ok(gap < 1e-3);
  });

  for (const [task, file, limit] of [
    ["truthfulqa_mc1", "truthfulqa/mc_task_derived.json", 100],
    ["winogrande", "general_mc/winogrande.jsonl", 40],
    ["openbookqa", "general_mc/openbookqa.jsonl", 40],
    ["bigbench_snarks", "bigbench_mc/snarks.json", 30],
  ] as const)
    it(`on ${task}`, { skip: skipWithout(file) || skipWithout("models/stories260K.gguf") }, async (t) => {
      const questions = await prepared(task, sharedFile(file)!, FULL ? limit : 15);
      const gaps = [await compare(stories, questions), await compare(exact, questions)];
      t.diagnostic(`largest differences of a sum on stories260K and medtiny: ${gaps.join(", ")}`);
      assert.ok(Math.max(...gaps) < 1e-3);
    });

  it("on MMLU with shots", { skip: skipWithout("mmlu_med/dev") }, async (t) => {
    const root = path("mmlu");
    await mkdir(`${root}/test`, { recursive: true });
    await symlink(sharedFile("mmlu_med/dev")!, `${root}/dev`);
    for (const subject of ["anatomy", "virology", "nutrition"])
      await symlink(sharedFile(`mmlu_med/dev/${subject}_dev.csv`)!, `${root}/test/${subject}_test.csv`);
    const questions = await prepared("mmlu_medical", root, 5, 2);
    assert.equal(questions.length, 15);
    const gap = await compare(exact, questions);
    t.diagnostic(`largest difference of a sum: ${gap}`);
    assert.ok(gap < 1e-3);
  });
});

describe("an evaluation by log-likelihood", () => {
  it("runs on the package's own files, and goes on after an abort", async () => {
    const data = repoFile("assets/sample/pubmedqa-synthetic.json");
    const options = { model: medtiny, task: "pubmedqa_likelihood", data, limit: 12, threads: 1 };
    const whole = await evaluateLikelihood(options);
    assert.equal(whole.items.length, 12);
    assert.equal(whole.model.file, basename(medtiny));
    for (const { logprobs, scores, chosen, gold } of whole.items) {
      assert.ok(logprobs.length === 3 && logprobs.every((sum) => sum < 0));
      assert.equal(scores.acc, chosen === gold[0] ? 1 : 0);
    }
    const answersFile = path("scores.jsonl");
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const stopped = evaluateLikelihood({
      ...options,
      sequences: 2,
      answersFile,
      onProgress,
      signal: controller.signal,
    });
    await assert.rejects(stopped, { code: "ABORTED" });
    const resumed = await evaluateLikelihood({ ...options, answersFile });
    assert.ok(resumed.timings.resumed >= 1);
    assert.deepEqual(
      resumed.items.map(({ id, chosen }) => [id, chosen]),
      whole.items.map(({ id, chosen }) => [id, chosen]),
    );
  });

  it("counts what the model's context cuts", { skip: !existsSync(stories) && "stories260K is absent" }, async () => {
    const data = await ownRows(8);
    const result = await evaluateLikelihood({
      model: stories,
      task: "mmlu_anatomy",
      data,
      contextSize: 256,
      threads: 1,
    });
    assert.match(result.notes.join(), /of 8 questions were cut from the left/);
  });
});
