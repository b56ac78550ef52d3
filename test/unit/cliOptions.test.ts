import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { answersFileOf, gatherTasks, parseModel } from "../../dist/cli/eval/flags.js";
import { decimalNumber, gather, parseAdapter, wholeNumber } from "../../dist/cli/options.js";
import { loadConfigWith } from "../../dist/cli/overrides.js";

let folder: string;
let config: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-options-"));
  config = join(folder, "run.yaml");
  await writeFile(
    config,
    "base_model: base.gguf\nadapter: qlora\nlora_r: 4\ndatasets:\n  - path: a.jsonl\n    type: chatml\noutput_dir: out\n",
  );
});
after(async () => {
  await rm(folder, { recursive: true });
});

const invalid = { code: "ARGUMENT_INVALID" };

test("whole numbers: digits in the range and nothing else", () => {
  const parse = wholeNumber(1, 10);
  assert.deepEqual(["1", "10", "007"].map(parse), [1, 10, 7]);
  for (const text of ["0", "11", "1.0", "1e1", "-1", "", " 1", "x", "99999999999999999999"])
    assert.throws(() => parse(text), { code: "commander.invalidArgument", message: /whole number from 1 to 10/ });
});

test("decimal numbers are finite", () => {
  assert.deepEqual(["0.5", "-2", "1e-3"].map(decimalNumber), [0.5, -2, 0.001]);
  for (const text of ["", " ", "x", "Infinity", "NaN"])
    assert.throws(() => decimalNumber(text), { code: "commander.invalidArgument" });
});

test("gathered options keep their order", () => {
  const add = gather((text: string) => text.toUpperCase());
  assert.deepEqual(add("b", add("a", undefined)), ["A", "B"]);
});

test("an adapter's scale is a number behind the last colon", () => {
  assert.deepEqual(parseAdapter("a.gguf"), { path: "a.gguf" });
  assert.deepEqual(parseAdapter("a.gguf:0.5"), { path: "a.gguf", scale: 0.5 });
  assert.deepEqual(parseAdapter("dir:1/a.gguf:-2e-1"), { path: "dir:1/a.gguf", scale: -0.2 });
  assert.deepEqual(parseAdapter("C:\\a.gguf"), { path: "C:\\a.gguf" });
  assert.deepEqual(parseAdapter("a.gguf:x"), { path: "a.gguf:x" });
});

test("each of several models and tasks gets an answers file of its own", () => {
  assert.equal(answersFileOf("out.d/answers.jsonl", ["base-q4", "medmcqa"]), "out.d/answers.base-q4.medmcqa.jsonl");
  assert.equal(answersFileOf("out.d/answers", ["m"]), "out.d/answers.m");
  assert.equal(answersFileOf("answers.jsonl", []), "answers.jsonl");
  assert.equal(answersFileOf("a/answers.jsonl", ["base", "cot"]), "a/answers.base.cot.jsonl");
});

test("a model's argument names its adapters behind plus signs, unless a file has that name", async () => {
  assert.deepEqual(parseModel("/m/base.gguf"), { model: "/m/base.gguf", adapters: [], name: "base" });
  assert.deepEqual(parseModel("m/base.GGUF+a.gguf:0.5+d/b.gguf"), {
    model: "m/base.GGUF",
    adapters: [{ path: "a.gguf", scale: 0.5 }, { path: "d/b.gguf" }],
    name: "base+ax0.5+b",
  });
  assert.deepEqual(parseModel("b.gguf+a.gguf:+1e-1+c.gguf").adapters, [
    { path: "a.gguf", scale: 0.1 },
    { path: "c.gguf" },
  ]);
  // A plus sign elsewhere is part of a name.
  assert.equal(parseModel("my+base.gguf").model, "my+base.gguf");
  const odd = join(folder, "x.gguf+y.gguf");
  await writeFile(odd, "");
  assert.deepEqual(parseModel(odd).adapters, []);
});

test("tasks are named between commas and over several options; a task file's path may hold commas", async () => {
  assert.deepEqual(gatherTasks("c, d", gatherTasks("a,b")), ["a", "b", "c", "d"]);
  const file = join(folder, "my,task.yaml");
  await writeFile(file, "");
  assert.deepEqual(gatherTasks(file), [file]);
});

test("--set changes keys as if the file said so: YAML values, lists, paths from the file's folder", async () => {
  const changed = await loadConfigWith(config, [
    "num_epochs=3",
    "lora_target_modules=[k_proj, o_proj]",
    "sample_packing=false",
    "datasets.0.path=b.jsonl",
    "datasets.0.label_span=content",
    "output_dir=elsewhere",
  ]);
  assert.equal(changed.num_epochs, 3);
  assert.equal(changed.lora_r, 4);
  assert.deepEqual(changed.lora_target_modules, ["k_proj", "o_proj"]);
  assert.equal(changed.sample_packing, false);
  assert.deepEqual(changed.datasets, [{ path: join(folder, "b.jsonl"), type: "chatml", label_span: "content" }]);
  assert.equal(changed.output_dir, join(folder, "elsewhere"));
});

test("a preset that --set names fills what the file leaves out", async () => {
  const changed = await loadConfigWith(config, ["preset=medilora"]);
  assert.equal(changed.preset, "medilora");
  assert.equal(changed.lora_r, 4);
});

test("--set makes the objects on its way, and the checks name what is missing in them", async () => {
  await assert.rejects(loadConfigWith(config, ["model_config.hidden_size=64"]), {
    code: "CONFIG_INVALID",
    message: /model_config\.num_hidden_layers: is missing/,
  });
});

test("settings that cannot be read or placed are named", async () => {
  for (const setting of ["num_epochs", "=3", "a..b=3", ".a=3"])
    await assert.rejects(loadConfigWith(config, [setting]), { ...invalid, message: /key=value/ });
  await assert.rejects(loadConfigWith(config, ["lora_r=[1"]), {
    ...invalid,
    message: /lora_r: the value is no valid YAML/,
  });
  await assert.rejects(loadConfigWith(config, ["lora_r.x=1"]), {
    ...invalid,
    message: /lora_r\.x: x would stand inside/,
  });
  for (const setting of ["datasets.1.path=x", "datasets.path=x"])
    await assert.rejects(loadConfigWith(config, [setting]), {
      ...invalid,
      message: /no element of the list \(0 to 0\)/,
    });
});

test("a key that names an object's prototype is an unknown key like any other", async () => {
  await assert.rejects(loadConfigWith(config, ["__proto__.polluted=1"]), { code: "CONFIG_INVALID" });
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test("a broken file is reported with its line, with --set as without", async () => {
  const broken = join(folder, "broken.yaml");
  await writeFile(broken, "adapter: qlora\nlora_r: [1\n");
  await assert.rejects(loadConfigWith(broken, ["lora_r=2"]), {
    code: "CONFIG_INVALID",
    message: /line \d+, column \d+/,
  });
  await assert.rejects(loadConfigWith(join(folder, "none.yaml"), ["lora_r=2"]), { code: "FILE_NOT_FOUND" });
});
