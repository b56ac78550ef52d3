import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isMediloraError } from "../../dist/errors.js";
import { prepareQuestions } from "../../dist/eval/questions.js";
import { type GenerationTask, taskId } from "../../dist/eval/task.js";
import { findTask, GENERATION_TASKS } from "../../dist/eval/tasks/index.js";
import { pubmedqaTask } from "../../dist/eval/tasks/pubmedqa.js";
import { pubmedqaJson } from "./helpers/stubRuntime.js";

const sample = fileURLToPath(new URL("../../assets/sample/pubmedqa-synthetic.json", import.meta.url));

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-task-"));
});
after(() => rm(folder, { recursive: true }));

function refused(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => isMediloraError(error) && error.code === code && pattern.test(error.message);
}

test("tasks are found by name, and an unknown name gets a suggestion or the list", () => {
  assert.equal(findTask("pubmedqa"), pubmedqaTask);
  assert.throws(() => findTask("pubmeqda"), refused("ARGUMENT_INVALID", /Did you mean pubmedqa\?$/));
  assert.throws(() => findTask("weather"), refused("ARGUMENT_INVALID", /Known tasks: pubmedqa/));
  assert.throws(() => findTask("toString"), refused("ARGUMENT_INVALID", /There is no task/));
  assert.equal(new Set(GENERATION_TASKS.map(({ name }) => name)).size, GENERATION_TASKS.length);
});

test("PubMedQA asks with the published system prompt and user turn, and shows neither label nor long answer", async () => {
  const path = join(folder, "one.json");
  await writeFile(
    path,
    JSON.stringify({
      7: { QUESTION: "Does it?", CONTEXTS: ["A.", "B."], final_decision: "Maybe", LONG_ANSWER: "Hidden conclusion." },
    }),
  );
  const [record] = await pubmedqaTask.load(path);
  const [system, user, ...rest] = pubmedqaTask.messages(record!);
  assert.equal(system!.role, "system");
  assert.match(system!.content, /^Consider yourself .* options: 'yes,' 'no,' or 'maybe\.' .* understanding\.$/);
  assert.deepEqual(user, { role: "user", content: "Context: A. B. Question: Does it?" });
  assert.deepEqual(rest, []);
  assert.deepEqual([pubmedqaTask.id(record!), pubmedqaTask.gold(record!)], ["7", "maybe"]);
  assert.equal(taskId(pubmedqaTask), "pubmedqa@1");
  assert.deepEqual([...pubmedqaTask.labels], ["yes", "no", "maybe"]);
  assert.equal(pubmedqaTask.extraction.id, "pubmedqa/strict@1");
});

test("the package's sample is prepared whole, every prompt its own", async () => {
  const questions = await prepareQuestions(pubmedqaTask, sample);
  assert.equal(questions.length, 360);
  assert.equal(new Set(questions.map(({ promptSha256 }) => promptSha256)).size, 360);
  assert.equal(questions.filter(({ gold }) => gold === "yes").length, 198);
  assert.ok(questions.every(({ prompt }) => prompt.endsWith("<|im_end|>\n<|im_start|>assistant\n")));
});

test("a gold label that the task does not know is refused by the question's number", async () => {
  const path = join(folder, "three.json");
  await writeFile(path, pubmedqaJson(["yes", "no", "maybe"]));
  const binary: GenerationTask = { ...pubmedqaTask, labels: ["yes", "no"] };
  await assert.rejects(prepareQuestions(binary, path), refused("DATA_INVALID", /question 3: the gold label/));
});

test("an empty set and a repeated id are refused by the loader", async () => {
  const empty = join(folder, "empty.json");
  await writeFile(empty, "{}");
  await assert.rejects(prepareQuestions(pubmedqaTask, empty), refused("DATA_EMPTY", /empty\.json/));
  const twice = join(folder, "twice.json");
  const one = pubmedqaJson(["yes"]).slice(1, -1);
  await writeFile(twice, `{${one},${one}}`);
  await assert.rejects(
    prepareQuestions(pubmedqaTask, twice),
    refused("DATA_INVALID", /records 1 and 2 have the same id/),
  );
});
