import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { appendFile, readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EvaluationResult } from "../../dist/eval/evaluationResult.js";
import type { LikelihoodResult } from "../../dist/eval/loglikelihood/result.js";
import { runCli } from "../unit/helpers/cli.js";
import { maxDifference, repoFile, temporaryFolder } from "./helpers.js";
import { medtiny } from "./support.js";

const path = await temporaryFolder();
const LIMIT = 30;
const data = repoFile("assets/sample/pubmedqa-synthetic.json");
const common = ["eval", medtiny, "--data", data, "--limit", `${LIMIT}`, "--sequences", "2", "--threads", "1", "--json"];

async function finished<Result>(args: string[]): Promise<Result> {
  const { code, stdout, stderr } = await runCli([...common, ...args]);
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { results: [Result] }).results[0];
}

/** Whole lines of a file, without the header's; none where there is no file yet. */
async function answersIn(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").slice(1, -1);
}

/** Runs until the file holds `count` answers, then kills the process as a power cut would. */
async function killed(args: string[], file: string, count: number): Promise<string[]> {
  let running = true;
  const kill = async (child: ChildProcess): Promise<void> => {
    while (running && (await answersIn(file)).length < count) await sleep(2);
    child.kill("SIGKILL");
  };
  let killing: Promise<void> | undefined;
  const { signal, stderr } = await runCli([...common, ...args], {
    onStart: (child) => {
      killing = kill(child);
    },
  });
  running = false;
  await killing;
  assert.equal(signal, "SIGKILL", stderr);
  const answers = await answersIn(file);
  assert.ok(answers.length >= count && answers.length < LIMIT, `${answers.length} answers at the end`);
  return answers;
}

const idOf = (line: string) => (JSON.parse(line) as { id: string }).id;

/** Kills a run twice, tears the last line, and lets it end. */
async function interrupted<Result extends { timings: { asked: number; resumed: number } }>(
  task: string[],
  file: string,
) {
  const args = [...task, "--answers", file];
  const first = await killed(args, file, 5);
  const second = await killed(args, file, first.length + 5);
  assert.deepEqual(second.slice(0, first.length), first);
  // Half of an answer, cut within a character.
  await appendFile(file, Buffer.from(`${second[0]!.slice(0, 40)}é`).subarray(0, -1));
  const result = await finished<Result>(args);
  const all = await answersIn(file);
  assert.deepEqual(all.slice(0, second.length), second);
  assert.equal(new Set(all.map(idOf)).size, LIMIT);
  assert.deepEqual(
    [all.length, result.timings.resumed, result.timings.asked],
    [LIMIT, second.length, LIMIT - second.length],
  );
  return result;
}

describe("an evaluation that is killed", { skip: process.platform === "win32" && "there is no SIGKILL" }, () => {
  it("goes on with its generated answers, asks nothing twice and ends as if undisturbed", async () => {
    const task = ["--task", "pubmedqa", "--sampler", "greedy", "--max-tokens", "8"];
    const whole = await finished<EvaluationResult>(task);
    const result = await interrupted<EvaluationResult>(task, path("answers.jsonl"));
    // A log-probability may round differently beside other questions.
    const answers = ({ items }: EvaluationResult) => items.map(({ logprob: _, ...item }) => item);
    assert.deepEqual(answers(result), answers(whole));
    for (const field of ["metrics", "intervals", "model", "task", "data", "sampler", "seed", "notes"] as const)
      assert.deepEqual(result[field], whole[field]);
  });

  it("goes on with its scored choices", async () => {
    const task = ["--task", "pubmedqa_likelihood"];
    const whole = await finished<LikelihoodResult>(task);
    const result = await interrupted<LikelihoodResult>(task, path("scores.jsonl"));
    result.items.forEach(({ logprobs, ...item }, i) => {
      const { logprobs: expected, ...other } = whole.items[i]!;
      assert.deepEqual(item, other);
      assert.ok(maxDifference(logprobs, expected) < 5e-3);
    });
    for (const field of ["tasks", "group", "model", "task", "data", "notes"] as const)
      assert.deepEqual(result[field], whole[field]);
  });
});
