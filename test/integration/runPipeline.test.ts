import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { PlannedStep } from "../../dist/pipeline/plan.js";
import type { PipelineResult } from "../../dist/pipeline/run.js";
import { repoFile } from "../native/helpers.js";
import { type RunOptions, runCli, whenStderrSays } from "../unit/helpers/cli.js";

const skip = existsSync(repoFile("build/Release/medilora.node")) ? false : "the native addon is not built";
const base = repoFile("assets/medtiny-f16.gguf");

let folder: string;
const file = (name: string) => join(folder, name);
const work = (name: string) => file(`run-work/${name}`);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-run-"));
  const all = Object.entries(
    JSON.parse(await readFile(repoFile("assets/sample/pubmedqa-synthetic.json"), "utf8")) as Record<
      string,
      { CONTEXTS: string[] }
    >,
  );
  await writeFile(file("questions.json"), JSON.stringify(Object.fromEntries(all.slice(0, 14))));
  await mkdir(file("books"));
  await writeFile(
    file("books/a.txt"),
    all
      .slice(20, 24)
      .map(([, { CONTEXTS }]) => CONTEXTS.join(" "))
      .join("\n"),
  );
  await writeFile(
    file("run.yaml"),
    `base_model: ${JSON.stringify(base)}
quantize_base: Q4_K_M
prepare:
  books: {source: textbook, inputs: [books]}
  questions: {source: pubmedqa, input: questions.json, eval_size: 4}
train:
  - name: completion
    preset: medilora
    num_epochs: 1
    warmup_steps: 0
    datasets: [{prepared: books, type: completion}]
  - name: chat
    preset: medilora
    num_epochs: 1
    warmup_steps: 1
    micro_batch_size: 1
    gradient_accumulation_steps: 1
    datasets: [{prepared: questions, type: chatml}]
quantize: {type: Q3_K_L}
eval:
  held: {task: pubmedqa, prepared: questions, max_tokens: 4, limit: 3}
report: {title: A small pipeline}
threads: 2
`,
  );
});
after(() => rm(folder, { recursive: true }));

const ALL = [
  ...["prepare.books", "prepare.questions", "quantize_base", "train.completion", "train.chat", "merge", "quantize"],
  ...["quantize.base", "eval.held.base", "eval.held.tuned", "report"],
];

async function medilora(args: string[], options: RunOptions = {}) {
  const finished = await runCli(["run", "run.yaml", ...args], { cwd: folder, ...options });
  assert.equal(finished.code, 0, finished.stderr);
  return finished;
}

/** Ids of the steps that a run did. */
async function done(...args: string[]): Promise<string[]> {
  const { stdout } = await medilora([...args, "--json"]);
  const { steps } = JSON.parse(stdout) as PipelineResult;
  assert.deepEqual(
    steps.map(({ id }) => id),
    ALL,
  );
  return steps.filter(({ state }) => state === "done").map(({ id }) => id);
}

async function planned(...args: string[]): Promise<Map<string, PlannedStep>> {
  const { stdout } = await medilora(["--dry-run", "--json", ...args]);
  const { steps } = JSON.parse(stdout) as { steps: PlannedStep[] };
  return new Map(steps.map((step) => [step.id, step]));
}

// One test after the other: each takes the work folder as the one before left it.
test("--dry-run writes nothing, and tells the most memory of a training without its rows", { skip }, async () => {
  const steps = await planned();
  assert.deepEqual([...steps.keys()], ALL);
  assert.ok([...steps.values()].every(({ state }) => state === "to-do"));
  const { mostMemory, estimateNote, reason } = steps.get("train.chat")!;
  assert.ok(mostMemory! > 20e6 && mostMemory! < 2e9, String(mostMemory));
  assert.match(estimateNote!, /not quantised yet; time can be predicted after prepare\.questions/);
  assert.equal(reason, "follows quantize_base, prepare.questions, train.completion");
  assert.ok(!existsSync(file("run-work")));
});

test("a missing input is named by step and key before anything is done", { skip }, async () => {
  const args = ["run", "run.yaml", "--set", "prepare.questions.input=none.json"];
  const { code, stderr } = await runCli(args, { cwd: folder });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /Step prepare\.questions, key prepare\.questions\.input: .*none\.json does not exist.* \[FILE_NOT_FOUND\]\n$/,
  );
  assert.deepEqual(await readdir(file("run-work")), []);
  const type = await runCli(["run", "run.yaml", "--set", "quantize.type=Q3_KL"], { cwd: folder });
  assert.match(type.stderr, /key quantize\.type: is no quantisation type\. Did you mean Q3_K_L\? \[CONFIG_INVALID\]/);
});

test("SIGINT in a training exits with 130; the same command goes on from its checkpoint", { skip }, async () => {
  const onStart = whenStderrSays("train.chat  10%", (child) => child.kill("SIGINT"));
  const stopped = await runCli(["run", "run.yaml"], { cwd: folder, onStart });
  assert.equal(stopped.code, 130, stopped.stderr);
  assert.match(stopped.stderr, /^medilora: finishing the running step of a training; press again to drop it$/m);
  assert.match(
    stopped.stderr,
    /Stopped on request in step train\.chat\. The same command goes on from there\. \[ABORTED\]\n$/,
  );
  const steps = await planned();
  assert.equal(steps.get("train.completion")?.state, "up-to-date");
  const { state, estimate } = steps.get("train.chat")!;
  assert.equal(state, "resume");
  assert.equal(estimate?.steps, 10, "10 rows, one a step");
  assert.ok(estimate.memory.peak > 0 && estimate.totalSeconds > 0);
  const { stderr, stdout } = await medilora([]);
  assert.match(stderr, /^\[4\/11\] train\.completion: up to date$/m);
  assert.match(stderr, /^\[5\/11\] train\.chat: goes on\n.*resumed after step [1-9]/m);
  assert.match(
    stdout,
    /^7 of 11 steps done in .*, 4 up to date\nmodel {3}.*run-work\/quantize\/run-Q3_K_L\.gguf\nreport {2}/,
  );
  assert.match(await readFile(work("report/report.html"), "utf8"), /A small pipeline/);
});

test("a second run does nothing", { skip }, async () => {
  const before = await stat(work("train.chat/adapter.gguf"));
  assert.deepEqual(await done(), []);
  assert.equal((await stat(work("train.chat/adapter.gguf"))).mtimeMs, before.mtimeMs);
  assert.ok([...(await planned()).values()].every(({ state }) => state === "up-to-date"));
});

test("a stopped and resumed training ends with the bytes of an undisturbed one", { skip }, async () => {
  const resumed = await readFile(work("train.chat/adapter.gguf"));
  assert.deepEqual(await done("--from", "train.chat"), ALL.slice(4));
  assert.ok(resumed.equals(await readFile(work("train.chat/adapter.gguf"))));
});

/** Stops the evaluation of the base after its first answer, then runs it with these settings. @returns its timings */
async function stopThenRun(...settings: string[]): Promise<{ asked: number; resumed: number }> {
  const onStart = whenStderrSays("eval.held.base  33%", (child) => child.kill("SIGINT"));
  const args = ["run", "run.yaml", "--from", "eval", ...SLOW];
  const stopped = await runCli(args, { cwd: folder, onStart });
  assert.equal(stopped.code, 130, stopped.stderr);
  assert.match(stopped.stderr, /in step eval\.held\.base\./);
  await medilora(settings);
  const { results } = JSON.parse(await readFile(work("eval.held.base/results.json"), "utf8")) as {
    results: [{ timings: { asked: number; resumed: number } }];
  };
  return results[0].timings;
}
const SLOW = ["--set", "eval.held.sequences=1", "--set", "eval.held.max_tokens=64"];

test("an evaluation that was stopped goes on from its answers, unless an option changed", { skip }, async () => {
  const { asked, resumed } = await stopThenRun(...SLOW);
  assert.equal(asked + resumed, 3);
  assert.ok(resumed >= 1, "answers of the stopped run were kept");
  const changed = await stopThenRun();
  assert.deepEqual([changed.asked, changed.resumed], [3, 0]);
});

test("only what a change reaches is done again", { skip }, async () => {
  assert.deepEqual(await done("--set", "report.title=Another", "--set", "threads=1"), ["report"]);
  const chat = ["train.chat", "merge", "quantize", "eval.held.tuned", "report"];
  assert.deepEqual(await done("--set", "train.1.seed=7"), chat);
  assert.deepEqual(await done(), chat, "and back: nothing of the other run is resumed");
});

test("a changed input is seen, and bytes that come out the same stop the chain", { skip }, async () => {
  await appendFile(file("books/a.txt"), "\n\n");
  assert.deepEqual(await done(), ["prepare.books"], "blank lines leave no trace in the rows");
  await appendFile(file("books/a.txt"), "\nAspirin is given to patients who had a stroke in the last year.\n");
  const plan = await planned();
  assert.equal(plan.get("prepare.books")?.reason, "options, inputs or version changed");
  assert.equal(plan.get("train.completion")?.reason, "follows prepare.books");
  assert.equal(plan.get("quantize.base")?.state, "up-to-date");
  const before = await readFile(work("train.chat/adapter.gguf"));
  const chain = ["prepare.books", "train.completion", "train.chat", "merge", "quantize", "eval.held.tuned", "report"];
  assert.deepEqual(await done(), chain);
  const now = await readFile(work("train.chat/adapter.gguf"));
  assert.ok(!before.equals(now), "the second stage starts from the first one's adapter");
});

test("an output that is gone or was changed is made again", { skip }, async () => {
  await rm(work("quantize/run-Q3_K_L.gguf"));
  assert.equal((await planned()).get("quantize")?.reason, "its output is missing or was changed");
  assert.deepEqual(await done(), ["quantize"], "the same bytes came out, so nothing behind it");
  await appendFile(work("eval.held.base/results.json"), "\n");
  assert.deepEqual(await done(), ["eval.held.base", "report"]);
});

test("--model is the base of every step, and a step of no name is told", { skip }, async () => {
  const other = file("other.gguf");
  await writeFile(other, await readFile(work("merge/run.gguf")));
  const steps = await planned("--model", "other.gguf");
  const todo = [...steps.values()].filter(({ state }) => state === "to-do").map(({ id }) => id);
  assert.deepEqual(todo, ALL.slice(2), "all but the preparations");
  const { code, stderr } = await runCli(["run", "run.yaml", "--from", "trian"], { cwd: folder });
  assert.equal(code, 2);
  assert.match(stderr, /from: the pipeline has no step of that name\. .* \[ARGUMENT_INVALID\]/);
});

test("folders and files that no run made are left alone, and one work folder serves one pipeline at a time", {
  skip,
}, async () => {
  await mkdir(file("mine/merge"), { recursive: true });
  await writeFile(file("mine/merge/precious.txt"), "x");
  const foreign = await runCli(["run", "run.yaml", "--set", "work_dir=mine"], { cwd: folder });
  assert.equal(foreign.code, 1);
  assert.match(foreign.stderr, /Step merge: .*mine\/merge is or holds what no run of this pipeline made/);
  assert.equal(await readFile(file("mine/merge/precious.txt"), "utf8"), "x");
  await mkdir(file("ours"));
  await writeFile(file("ours/prepare.books"), "x");
  const single = await runCli(["run", "run.yaml", "--set", "work_dir=ours"], { cwd: folder });
  assert.match(
    single.stderr,
    /Step prepare\.books: .*ours\/prepare\.books is or holds what no run of this pipeline made/,
  );
  assert.equal(await readFile(file("ours/prepare.books"), "utf8"), "x");
  await writeFile(work(".lock"), `${process.pid} 1\n`);
  const busy = await runCli(["run", "run.yaml"], { cwd: folder });
  await rm(work(".lock"));
  assert.match(busy.stderr, /is in use by another pipeline .* \[BUSY\]/);
});

test("everything in the work folder has mode 0600, the state names no text", { skip }, async () => {
  const entries = await readdir(file("run-work"), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  assert.ok(files.length > 20, `${files.length} files`);
  for (const entry of files)
    assert.equal((await stat(join(entry.parentPath, entry.name))).mode & 0o777, 0o600, entry.name);
  assert.doesNotMatch(await readFile(work("pipeline.json"), "utf8"), /Aspirin|systolic/i);
});
