import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, copyFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type ErrorCode, isMediloraError } from "../../dist/errors.js";
import { evaluateWith } from "../../dist/eval/evaluate.js";
import type { EvaluateOptions } from "../../dist/eval/evaluateOptions.js";
import type { EvaluationResult } from "../../dist/eval/evaluationResult.js";
import { identifyFile } from "../../dist/eval/runIdentity.js";
import { pubmedqaTask } from "../../dist/eval/tasks/pubmedqa.js";
import { sha256Text } from "../../dist/util/hash.js";
import { pubmedqaJson, type StubLabel, StubRuntime } from "./helpers/stubRuntime.js";

const LABELS: StubLabel[] = ["yes", "no", "maybe", "yes", "no", "yes"];
const IDS = ["q1", "q2", "q3", "q4", "q5", "q6"];

let folder: string;
let base: EvaluateOptions;
let undisturbed: EvaluationResult;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-resume-"));
  base = { model: join(folder, "model.gguf"), task: "pubmedqa", data: join(folder, "data.json") };
  await writeFile(base.model, "weights");
  await writeFile(base.data, pubmedqaJson(LABELS));
  undisturbed = await evaluateWith(stub(), base);
});
after(() => rm(folder, { recursive: true }));

/** Right but for q2, whose answer is invalid and holds what JSON lines must escape. */
function answer(prompt: string): string {
  const label = /Part (\w+)\./.exec(prompt)![1];
  return prompt.includes("Question 2?") ? 'line\nbreak "quoted" ü \u2028' : `${label}.`;
}

function stub(afterAnswer?: (given: number) => void): StubRuntime {
  return new StubRuntime({ answer, ...(afterAnswer && { afterAnswer }) });
}

function newFile(): string {
  return join(folder, `answers-${Math.random()}.jsonl`);
}

async function readLines(path: string): Promise<Array<Record<string, unknown>>> {
  const text = await readFile(path, "utf8");
  assert.ok(text.endsWith("\n"));
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function idsIn(path: string): Promise<unknown[]> {
  return (await readLines(path)).slice(1).map(({ id }) => id);
}

function withoutTimings({ timings: _, ...rest }: EvaluationResult): Omit<EvaluationResult, "timings"> {
  return rest;
}

function fails(code: ErrorCode, ...patterns: RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isMediloraError(error), String(error));
    assert.equal(error.code, code, error.message);
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  };
}

/** Stops after two answers, q6 and q5. */
async function interrupted(options: Partial<EvaluateOptions> = {}): Promise<string> {
  const answersFile = newFile();
  const stop = (given: number) => {
    if (given === 2) throw new Error("power cut");
  };
  await assert.rejects(evaluateWith(stub(stop), { ...base, answersFile, ...options }), /power cut/);
  return answersFile;
}

test("every answer is in the file, behind a header with the run's key, mode 0600", async () => {
  const answersFile = newFile();
  await evaluateWith(stub(), { ...base, answersFile, seed: 5 });
  const [header, ...rows] = await readLines(answersFile);
  assert.deepEqual(header, {
    type: "medilora-answers",
    format: 1,
    key: {
      model: undisturbed.model.sha256,
      adapters: [],
      task: "pubmedqa@1",
      data: undisturbed.data.sha256,
      sampler: "llama-cpp-python-2023",
      seed: 5,
      maxTokens: 64,
      extraction: "pubmedqa/strict@1",
      medilora: undisturbed.versions.medilora,
      llamaCpp: "v0.0.0-stub",
    },
  });
  assert.deepEqual(
    rows.map(({ id }) => id),
    [...IDS].reverse(),
  );
  const { prompt: asked, ...item } = undisturbed.items[0]!;
  const { seconds, promptSha256, ...last } = rows[5]!;
  assert.deepEqual(last, item);
  assert.ok(Number.isFinite(seconds));
  const content = pubmedqaTask.messages((await pubmedqaTask.load(base.data))[0]!).map((message) => message.content);
  const prompt = `<|im_start|>system\n${content[0]}<|im_end|>\n<|im_start|>user\n${content[1]}<|im_end|>\n<|im_start|>assistant\n`;
  assert.equal(asked, prompt);
  assert.equal(promptSha256, sha256Text(prompt));
  if (process.platform !== "win32") assert.equal((await stat(answersFile)).mode & 0o777, 0o600);
});

test("a run that was killed with SIGKILL goes on where it was", { skip: process.platform === "win32" }, async () => {
  const answersFile = newFile();
  const script = `
    import { evaluateWith } from ${JSON.stringify(new URL("../../dist/eval/evaluate.js", import.meta.url).href)};
    import { StubRuntime } from ${JSON.stringify(new URL("./helpers/stubRuntime.js", import.meta.url).href)};
    const answer = ${answer.toString()};
    const afterAnswer = (given) => { if (given === 3) process.kill(process.pid, "SIGKILL"); };
    await evaluateWith(new StubRuntime({ answer, afterAnswer }), ${JSON.stringify({ ...base, answersFile })});
  `;
  const child = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
  assert.equal(child.signal, "SIGKILL", child.stderr);
  assert.deepEqual(await idsIn(answersFile), ["q6", "q5", "q4"]);
  const runtime = stub();
  const result = await evaluateWith(runtime, { ...base, answersFile });
  assert.equal(runtime.requests.length, 3);
  assert.deepEqual(withoutTimings(result), withoutTimings(undisturbed));
  assert.deepEqual([result.timings.asked, result.timings.resumed], [3, 3]);
  assert.deepEqual((await idsIn(answersFile)).sort(), IDS);
});

for (const [name, tail] of [
  ["without its line break", ""],
  ["in the middle of a character", "ü"],
] as const)
  test(`a last line that is torn ${name} is cut off and its question asked again`, async () => {
    const answersFile = await interrupted();
    const whole = await readFile(answersFile);
    const torn =
      tail === "" ? whole.subarray(0, -1) : Buffer.concat([whole, Buffer.from(`{"id":"${tail}`).subarray(0, -1)]);
    await writeFile(answersFile, torn);
    const runtime = stub();
    const result = await evaluateWith(runtime, { ...base, answersFile });
    assert.equal(runtime.requests.length, tail === "" ? 5 : 4);
    assert.deepEqual(withoutTimings(result), withoutTimings(undisturbed));
    assert.deepEqual((await idsIn(answersFile)).sort(), IDS);
  });

test("stored answers alone make the result, without a model being loaded", async () => {
  const answersFile = newFile();
  await evaluateWith(stub(), { ...base, answersFile, threads: 3 });
  const runtime = stub();
  const result = await evaluateWith(runtime, { ...base, answersFile, threads: 3 });
  assert.equal(runtime.opened.length, 0);
  assert.deepEqual(withoutTimings(result), withoutTimings(undisturbed));
});

test("a limit may grow and shrink over one file", async () => {
  const answersFile = newFile();
  await evaluateWith(stub(), { ...base, answersFile, limit: 2 });
  const runtime = stub();
  const all = await evaluateWith(runtime, { ...base, answersFile });
  assert.equal(runtime.requests.length, 4);
  assert.deepEqual(withoutTimings(all), withoutTimings(undisturbed));
  const few = await evaluateWith(stub(), { ...base, answersFile, limit: 3 });
  assert.deepEqual(few.items, undisturbed.items.slice(0, 3));
});

test("an abort keeps what was answered", async () => {
  const answersFile = newFile();
  const controller = new AbortController();
  const stop = (given: number) => {
    if (given === 4) controller.abort();
  };
  const run = evaluateWith(stub(stop), { ...base, answersFile, signal: controller.signal });
  await assert.rejects(run, fails("ABORTED"));
  assert.deepEqual(await idsIn(answersFile), ["q6", "q5", "q4", "q3"]);
  await assert.rejects(evaluateWith(stub(), { ...base, answersFile, signal: controller.signal }), fails("ABORTED"));
  const result = await evaluateWith(stub(), { ...base, answersFile });
  assert.deepEqual(withoutTimings(result), withoutTimings(undisturbed));
});

test("an abort stops the reading of a large file for its hash", async () => {
  const controller = new AbortController();
  const identified = identifyFile(
    fileURLToPath(new URL("../../assets/medtiny-f16.gguf", import.meta.url)),
    controller.signal,
  );
  controller.abort();
  await assert.rejects(identified, fails("ABORTED"));
});

test("a progress callback that throws stops the run, its answer kept", async () => {
  const answersFile = newFile();
  const onProgress = () => {
    throw new Error("mine");
  };
  await assert.rejects(evaluateWith(stub(), { ...base, answersFile, onProgress }), /^Error: mine$/);
  assert.deepEqual(await idsIn(answersFile), ["q6"]);
});

test("progress of a resumed run counts what was stored", async () => {
  const answersFile = await interrupted();
  const seen: number[][] = [];
  await evaluateWith(stub(), {
    ...base,
    answersFile,
    onProgress: ({ done, total, validSoFar }) => seen.push([done, total, validSoFar]),
  });
  // q2, the fifth to be answered, is invalid.
  assert.deepEqual(seen, [
    [3, 6, 3],
    [4, 6, 4],
    [5, 6, 4],
    [6, 6, 5],
  ]);
});

test("the answers of another run are refused, naming what differs, and left as they are", async () => {
  const answersFile = await interrupted();
  const before = await readFile(answersFile, "utf8");
  const other = join(folder, "other.gguf");
  const otherData = join(folder, "other.json");
  await writeFile(other, "other weights");
  await writeFile(otherData, pubmedqaJson(LABELS.slice(0, 5)));
  const cases: Array<[Partial<EvaluateOptions>, RegExp]> = [
    [{ model: other }, /: model differs/],
    [{ adapters: [{ path: other }] }, /: adapters differs/],
    [{ data: otherData }, /: data differs/],
    [{ sampler: "greedy", seed: 1 }, /: sampler, seed differ\./],
    [{ maxTokens: 8 }, /: maxTokens differs/],
    [{ task: { ...pubmedqaTask, version: 2 } }, /: task differs/],
    [{ task: { ...pubmedqaTask, extraction: { ...pubmedqaTask.extraction, id: "x@1" } } }, /: extraction differs/],
  ];
  for (const [options, message] of cases)
    await assert.rejects(
      evaluateWith(stub(), { ...base, answersFile, ...options }),
      fails("ARGUMENT_INVALID", message, /overwrite/),
    );
  assert.equal(await readFile(answersFile, "utf8"), before);
});

test("an adapter's scale is part of the key", async () => {
  const adapter = join(folder, "adapter.gguf");
  await copyFile(base.model, adapter);
  const answersFile = await interrupted({ adapters: [{ path: adapter }] });
  const run = (scale: number) => evaluateWith(stub(), { ...base, adapters: [{ path: adapter, scale }], answersFile });
  await assert.rejects(run(0.5), fails("ARGUMENT_INVALID", /: adapters differs/));
  assert.equal((await run(1)).timings.resumed, 2);
});

test("overwrite begins anew", async () => {
  const answersFile = await interrupted();
  const runtime = stub();
  const result = await evaluateWith(runtime, { ...base, answersFile, seed: 1, overwrite: true });
  assert.equal(runtime.requests.length, 6);
  assert.equal(result.timings.resumed, 0);
  assert.equal((await idsIn(answersFile)).length, 6);
  assert.equal((await evaluateWith(stub(), { ...base, answersFile, seed: 1 })).timings.resumed, 6);
});

test("a file that is no answers file is never overwritten, an empty one is used", async () => {
  const notes = newFile();
  for (const content of ["patient notes", '{"type":"something else"}\n', "\n"]) {
    await writeFile(notes, content);
    const run = evaluateWith(stub(), { ...base, answersFile: notes, overwrite: true });
    await assert.rejects(run, fails("ARGUMENT_INVALID", /no answers file/));
    assert.equal(await readFile(notes, "utf8"), content);
  }
  await writeFile(notes, "");
  await evaluateWith(stub(), { ...base, answersFile: notes });
  assert.equal((await idsIn(notes)).length, 6);
});

test("damage before the last line is named by its line", async () => {
  const answersFile = await interrupted();
  await appendFile(answersFile, '{"id":"q1","response":"secret"}\n');
  await assert.rejects(evaluateWith(stub(), { ...base, answersFile }), (error) => {
    assert.ok(error instanceof Error && !error.message.includes("secret"));
    return fails("DATA_INVALID", /line 4: is no answer/)(error);
  });
  const twice = await interrupted();
  const lines = (await readFile(twice, "utf8")).split("\n");
  await appendFile(twice, `${lines[1]}\n`);
  await assert.rejects(evaluateWith(stub(), { ...base, answersFile: twice }), fails("DATA_INVALID", /line 4/));
});

test("an answer to another prompt is not reused, though the key is the same", async () => {
  const answersFile = await interrupted();
  const task: typeof pubmedqaTask = {
    ...pubmedqaTask,
    messages: (record) => [{ role: "user", content: record.question }],
  };
  const run = evaluateWith(stub(), { ...base, answersFile, task });
  await assert.rejects(run, fails("ARGUMENT_INVALID", /line 2: the answer belongs to another prompt/));
});

test("a device is no answers file, and reading one would never end", { skip: !existsSync("/dev/full") }, async () => {
  const run = evaluateWith(stub(), { ...base, answersFile: "/dev/full" });
  await assert.rejects(run, fails("FILE_WRITE", /\/dev\/full exists and is not a regular file/));
  assert.ok(!existsSync("/dev/full.lock"));
});

test("a missing folder is named", async () => {
  const answersFile = join(folder, "none", "answers.jsonl");
  await assert.rejects(evaluateWith(stub(), { ...base, answersFile }), fails("FILE_WRITE", /none/));
});
