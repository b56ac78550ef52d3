import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { isMediloraError } from "../../dist/errors.js";
import { DataFolder } from "../../dist/eval/dataFolder.js";
import { LIKELIHOOD_TASKS } from "../../dist/eval/tasks/index.js";
import { temporaryFolder } from "./helpers/data.js";

const place = await temporaryFolder();

/** A folder with empty files of these names. */
async function tree(name: string, files: readonly string[]): Promise<{ root: string; folder: DataFolder }> {
  const root = place.path(name);
  await mkdir(root, { recursive: true });
  for (const file of files) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), "");
  }
  return { root, folder: (await DataFolder.open(root))! };
}

describe("a folder of benchmarks", () => {
  it("finds files by their published names, in the folder first, then the shallowest", async () => {
    const { root, folder } = await tree("a", [
      "deep/er/x.jsonl",
      "deep/x.jsonl",
      "MedQA/questions/US/test.jsonl",
      "y.csv",
    ]);
    assert.equal(folder.find(["x.jsonl"]), join(root, "deep/x.jsonl"));
    assert.equal(folder.find(["US/test.jsonl"]), join(root, "MedQA/questions/US/test.jsonl"));
    assert.equal(folder.find(["none", "y.csv"]), join(root, "y.csv"));
    // Part of a folder's name is not the folder.
    assert.equal(folder.find(["eep/x.jsonl"]), undefined);
    assert.equal(folder.find([]), undefined);
  });

  it("takes names that several benchmarks use from the folder itself only", async () => {
    const { folder } = await tree("b", ["sub/test.jsonl", "sub/dev.jsonl"]);
    assert.equal(folder.find(["test.jsonl"]), undefined);
    const { root, folder: own } = await tree("c", ["test.jsonl"]);
    assert.equal(own.find(["test.jsonl"]), join(root, "test.jsonl"));
  });

  it("refuses to choose between two", async () => {
    const { folder } = await tree("d", ["one/x.jsonl", "two/x.jsonl"]);
    assert.throws(
      () => folder.find(["x.jsonl"]),
      (error) => isMediloraError(error) && /holds one\/x\.jsonl and two\/x\.jsonl/.test(error.message),
    );
  });

  it("follows links once, and leaves hidden folders and node_modules out", {
    skip: process.platform === "win32",
  }, async () => {
    const { root } = await tree("e", [".git/x.jsonl", "node_modules/p/x.jsonl", "real/y.csv"]);
    await symlink(root, join(root, "real/up"));
    await symlink(place.path("d/one"), join(root, "linked"));
    await symlink(join(root, "nowhere"), join(root, "broken"));
    const folder = (await DataFolder.open(root))!;
    assert.equal(folder.find(["x.jsonl"]), join(root, "linked/x.jsonl"));
    assert.equal(folder.find(["y.csv"]), join(root, "real/y.csv"));
  });

  it("is none for a file, and named where it is absent", async () => {
    assert.equal(await DataFolder.open(await place.write("file", "")), undefined);
    await assert.rejects(DataFolder.open(place.path("absent")), { code: "FILE_NOT_FOUND" });
  });

  it("that holds every publisher's own names serves every task", async () => {
    const subjects = LIKELIHOOD_TASKS.flatMap((task) =>
      task.name === "mmlu_medical" && task.kind === "group" ? task.tasks : [],
    );
    const { root, folder } = await tree("all", [
      ...subjects.map(({ name }) => `mmlu/data/test/${name.replace("mmlu_", "")}_test.csv`),
      "pubmedqa/data/test_set.json",
      "data_clean/questions/US/test.jsonl",
      "data_clean/questions/US/4_options/phrases_no_exclude_test.jsonl",
      "medmcqa/dev.json",
      "TruthfulQA/data/mc_task.json",
      "ARC-V1-Feb2018-2/ARC-Easy/ARC-Easy-Test.jsonl",
      "ARC-V1-Feb2018-2/ARC-Challenge/ARC-Challenge-Test.jsonl",
      "OpenBookQA-V1-Sep2018/Data/Main/test.jsonl",
      "BoolQ/val.jsonl",
      "hellaswag/hellaswag_val.jsonl",
      "piqa_validation.jsonl",
      "winogrande_1.1/dev.jsonl",
      ...[
        "causal_judgment",
        "logical_deduction/three_objects",
        "tracking_shuffled_objects/seven_objects",
        "snarks",
      ].map((name) => `bigbench/benchmark_tasks/${name}/task.json`),
    ]);
    const found = (name: string) => {
      const task = LIKELIHOOD_TASKS.find((one) => one.name === name)!;
      assert.ok(task.kind === "likelihood");
      return folder.find(task.fileNames)?.slice(root.length + 1);
    };
    assert.equal(found("medqa_5options_likelihood"), "data_clean/questions/US/test.jsonl");
    assert.equal(found("openbookqa"), "OpenBookQA-V1-Sep2018/Data/Main/test.jsonl");
    assert.equal(found("winogrande"), "winogrande_1.1/dev.jsonl");
    assert.equal(found("bigbench_causal_judgement"), "bigbench/benchmark_tasks/causal_judgment/task.json");
    assert.equal(
      found("bigbench_tracking_shuffled_objects_seven_objects"),
      "bigbench/benchmark_tasks/tracking_shuffled_objects/seven_objects/task.json",
    );
    const absent = LIKELIHOOD_TASKS.filter((task) => task.kind === "likelihood" && found(task.name) === undefined);
    assert.deepEqual(
      absent.filter(({ name }) => !name.startsWith("bigbench_")).map(({ name }) => name),
      [],
    );
  });
});
