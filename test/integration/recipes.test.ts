import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { PRESETS } from "../../dist/config/schema.js";
import { loadPipeline } from "../../dist/pipeline/load.js";
import type { PipelineResult } from "../../dist/pipeline/run.js";
import { stepsOf } from "../../dist/pipeline/steps.js";
import { repoFile } from "../native/helpers.js";
import { runCli } from "../unit/helpers/cli.js";

const skip = existsSync(repoFile("build/Release/medilora.node")) ? false : "the native addon is not built";
const base = repoFile("assets/medtiny-f16.gguf");
const recipes = readdirSync(repoFile("recipes"));

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-recipes-"));
  await writeData(await sample());
});
after(() => rm(folder, { recursive: true }));

type Sample = Array<[id: string, record: { CONTEXTS: string[] }]>;

async function sample(): Promise<Sample> {
  const text = await readFile(repoFile("assets/sample/pubmedqa-synthetic.json"), "utf8");
  return Object.entries(JSON.parse(text) as Record<string, { CONTEXTS: string[] }>);
}

/** A few rows of each source, under the names that the recipes have. */
async function writeData(records: Sample): Promise<void> {
  const texts = records.map(([, { CONTEXTS }]) => CONTEXTS.join(" "));
  const medqa = await readFile(repoFile("test/fixtures/data/medqa.jsonl"), "utf8");
  const fourOptions = `${medqa.split("\n")[0]}\n`;
  const notes = texts
    .slice(0, 3)
    .map((text, i) => `${i},9,,2151-07-16,,,"Discharge summary",,,,"ASSESSMENT AND PLAN:\n${text}\n"\n`);
  const header = "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,DESCRIPTION,CGID,ISERROR,TEXT\n";
  const files: Record<string, string | Buffer> = {
    "mimic/NOTEEVENTS.csv.gz": gzipSync(header + notes.join("")),
    "textbooks/book.txt": texts.slice(3, 6).join("\n"),
    "guidelines.jsonl": JSON.stringify({ id: "g1", source: "who", title: "Care", clean_text: texts[6] }),
    "pubmedqa/ori_pqal.json": JSON.stringify(Object.fromEntries(records.slice(10, 20))),
    "medqa/phrases_no_exclude_train.jsonl": fourOptions,
    "medqa/phrases_no_exclude_test.jsonl": fourOptions,
    "mmlu/test/anatomy_test.csv": "Which is a bone?,Liver,Rib,Skin,Hair,B\n",
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, "data", name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

test("there is a recipe for each kind of base", () => {
  for (const name of ["medilora-openhermes-2.5-mistral-7b.yaml", "medilora-llama-2-7b.yaml"])
    assert.ok(recipes.includes(name), name);
  assert.ok(recipes.some((name) => name.startsWith("medilora-qwen2.5-")));
});

for (const recipe of recipes) {
  test(`${recipe}: the published numbers, in two stages`, async () => {
    const steps = stepsOf(await loadPipeline(repoFile(`recipes/${recipe}`)));
    const trainings = steps.flatMap(({ training }) => training ?? []);
    assert.equal(trainings.length, 2);
    for (const training of trainings)
      for (const [key, value] of Object.entries(PRESETS.medilora))
        assert.deepEqual(training[key as keyof typeof training], value, key);
    const [completion, chat] = trainings;
    assert.deepEqual(
      completion!.datasets.map(({ type }) => type),
      ["completion", "completion", "completion"],
    );
    assert.equal(chat!.lora_model_dir, join(completion!.output_dir, "adapter.gguf"));
    assert.ok(steps.some(({ id, options }) => id === "quantize" && JSON.stringify(options).includes("Q3_K_L")));
    assert.ok(steps.some(({ id }) => id === "report"));
  });

  test(`${recipe} runs from notes to report on another base`, { skip }, async () => {
    await copyFile(repoFile(`recipes/${recipe}`), join(folder, recipe));
    const small = [
      "train.0.sequence_len=512",
      "train.1.sequence_len=512",
      "train.0.max_steps=1",
      "train.1.max_steps=1",
    ];
    const smaller = ["train.0.warmup_steps=0", "train.1.warmup_steps=0", "prepare.pubmedqa.eval_size=2", "threads=2"];
    const limits = ["eval.pubmedqa.max_tokens=2", "eval.medqa.max_tokens=2"];
    const settings = [...small, ...smaller, ...limits].flatMap((setting) => ["--set", setting]);
    const args = ["run", recipe, "--model", base, ...settings, "--json"];
    const { code, stdout, stderr } = await runCli(args, { cwd: folder });
    assert.equal(code, 0, stderr);
    const { steps, report, model } = JSON.parse(stdout) as PipelineResult;
    assert.equal(steps.length, 5 + 1 + 2 + 3 + 6 + 1);
    assert.ok(existsSync(model));
    assert.equal((await readFile(report!, "utf8")).match(/Not medical advice/g)?.length, 1);
    await rm(join(folder, `${recipe.slice(0, -".yaml".length)}-work`), { recursive: true });
  });
}
