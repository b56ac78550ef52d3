import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { loadTrainConfig, parseTrainConfig } from "../../dist/config/load.js";
import { LORA_MODULES, modelConfigSchema, PRESETS, trainConfigSchema } from "../../dist/config/schema.js";
import { editDistance, suggest } from "../../dist/config/suggest.js";
import { isMediloraError } from "../../dist/errors.js";

const MINIMAL = {
  base_model: "base.gguf",
  adapter: "lora",
  datasets: [{ path: "rows.jsonl", type: "chatml" }],
  output_dir: "out",
};

const MODEL = {
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 128,
  max_position_embeddings: 512,
};

const FROM_SCRATCH = {
  adapter: "none",
  model_config: MODEL,
  tokenizer_model: "vocabulary.gguf",
  datasets: [{ path: "rows.jsonl", type: "completion" }],
  output_dir: "out",
};

/** The problems that a configuration is refused with, without their dashes. */
function problemsOf(object: unknown): string[] {
  try {
    parseTrainConfig(object, { source: "run.yaml" });
  } catch (error) {
    assert.ok(isMediloraError(error), String(error));
    assert.equal(error.code, "CONFIG_INVALID");
    assert.ok(error.message.startsWith("run.yaml "), error.message);
    return error.message
      .split("\n- ")
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

function folderWith(t: TestContext, yaml: string): string {
  const folder = mkdtempSync(join(tmpdir(), "medilora-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "run.yaml"), yaml);
  return folder;
}

test("defaults are those of the documentation", () => {
  assert.deepEqual(parseTrainConfig(MINIMAL, { baseDir: "/data" }), {
    base_model: resolve("/data/base.gguf"),
    adapter: "lora",
    lora_r: 8,
    lora_alpha: 16,
    lora_dropout: 0.05,
    lora_target_modules: ["q_proj", "v_proj"],
    lora_target_linear: false,
    datasets: [{ path: resolve("/data/rows.jsonl"), type: "chatml", label_span: "turn" }],
    label_span: "turn",
    val_set_size: 0,
    sequence_len: 512,
    sample_packing: true,
    micro_batch_size: 2,
    gradient_accumulation_steps: 4,
    num_epochs: 2,
    optimizer: "adamw_torch",
    adam_beta1: 0.9,
    adam_beta2: 0.999,
    adam_epsilon: 1e-8,
    weight_decay: 0,
    max_grad_norm: 1,
    learning_rate: 2e-4,
    lr_scheduler: "cosine",
    warmup_steps: 100,
    loss_normalization: "token",
    gradient_checkpointing: "auto",
    group_by_length: false,
    load_best_model_at_end: false,
    peft_use_rslora: false,
    logging_steps: 1,
    eval_max_new_tokens: 48,
    seed: 42,
    output_dir: resolve("/data/out"),
  });
});

test("every key has a help text", () => {
  for (const schema of [trainConfigSchema, modelConfigSchema])
    for (const [key, field] of Object.entries(schema.shape)) {
      assert.ok((field.description ?? "").length > 10, `${key} has no help text`);
    }
});

test("a preset gives its recipe, and keys that are written out win", () => {
  const { adapter: _, ...rest } = MINIMAL;
  const config = parseTrainConfig({ ...rest, preset: "medilora", lora_r: 32 });
  assert.equal(config.lora_r, 32);
  assert.equal(config.adapter, "qlora");
  const { lora_r: __, ...recipe } = PRESETS.medilora;
  for (const [key, value] of Object.entries(recipe)) assert.deepEqual(config[key as keyof typeof config], value);
  assert.equal(parseTrainConfig({ ...MINIMAL, preset: "medilora" }).adapter, "lora");
  assert.match(problemsOf({ ...MINIMAL, preset: "medlora" })[0]!, /^preset: .*"medlora".*Did you mean medilora\?/);
  assert.match(problemsOf({ ...MINIMAL, preset: "toString" })[0]!, /^preset: /);
});

test("shorthands and aliases are resolved", () => {
  const config = parseTrainConfig({ ...MINIMAL, lora_target_linear: true, optimizer: "adamw" });
  assert.deepEqual(config.lora_target_modules, LORA_MODULES);
  assert.equal(config.optimizer, "adamw_torch");
});

test("a data set takes the top-level label_span unless it has its own", () => {
  const config = parseTrainConfig({
    ...MINIMAL,
    label_span: "content",
    datasets: [
      { path: "a", type: "chatml" },
      { path: "b", type: "chatml", label_span: "turn" },
      { path: "c", type: "completion" },
    ],
  });
  assert.deepEqual(
    config.datasets.map((dataset) => ("label_span" in dataset ? dataset.label_span : "none")),
    ["content", "turn", "none"],
  );
});

test("relative paths start from the base folder, absolute ones stay", () => {
  const absolute = resolve("/elsewhere/a.gguf");
  const config = parseTrainConfig(
    { ...MINIMAL, base_model: absolute, lora_model_dir: "../old/adapter.gguf", resume_from_checkpoint: "c/5" },
    { baseDir: "/data/run" },
  );
  assert.equal(config.base_model, absolute);
  assert.equal(config.lora_model_dir, resolve("/data/old/adapter.gguf"));
  assert.equal(config.resume_from_checkpoint, resolve("/data/run/c/5"));
  for (const word of [true, "auto"] as const)
    assert.equal(parseTrainConfig({ ...MINIMAL, resume_from_checkpoint: word }).resume_from_checkpoint, word);
  assert.equal(parseTrainConfig(MINIMAL).output_dir, resolve("out"));
});

test("a complete configuration can be parsed again and stays as it is", () => {
  for (const input of [{ ...MINIMAL, preset: "medilora", lora_target_linear: true }, FROM_SCRATCH]) {
    const config = parseTrainConfig(input, { baseDir: "/data" });
    assert.deepEqual(parseTrainConfig(config, { baseDir: "/other" }), config);
  }
});

test("an empty key means the default", () => {
  const config = parseTrainConfig({ ...MINIMAL, lora_r: null, max_steps: undefined, resume_from_checkpoint: null });
  assert.equal(config.lora_r, 8);
  assert.equal(config.resume_from_checkpoint, undefined);
  const model = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1 };
  const shape = { ...model, intermediate_size: 8, max_position_embeddings: 512, rope_theta: null };
  const { base_model: _, ...rest } = MINIMAL;
  const fresh = parseTrainConfig({ ...rest, adapter: "none", model_config: shape, tokenizer_model: "t.gguf" });
  assert.equal(fresh.model_config?.rope_theta, 10000);
});

test("an unknown key is named, with the nearest known one", () => {
  const suggestions = {
    learning_rat: "learning_rate",
    laerning_rate: "learning_rate",
    epochs: "num_epochs",
    micro_batch: "micro_batch_size",
    lora_rank: "lora_r",
    gradient_accumulation: "gradient_accumulation_steps",
    Seed: "seed",
  };
  for (const [key, known] of Object.entries(suggestions))
    assert.deepEqual(problemsOf({ ...MINIMAL, [key]: 1 }), [`${key}: is no known key. Did you mean ${known}?`]);
  assert.deepEqual(problemsOf({ ...MINIMAL, xyzzy: 1 }), ["xyzzy: is no known key. Remove it."]);
  const hostile = JSON.parse('{"__proto__": {"lora_r": 1}}') as object;
  assert.deepEqual(problemsOf(Object.assign(Object.create(null), MINIMAL, { constructor: 1 })), [
    "constructor: is no known key. Remove it.",
  ]);
  assert.ok(problemsOf(hostile).includes("__proto__: is no known key. Remove it."));
});

test("unknown keys inside data sets and the model's shape are found too", () => {
  const datasets = [
    { path: "a", type: "chatml", label_spam: "turn" },
    { path: "b", type: "completion", label_span: "turn" },
  ];
  assert.deepEqual(problemsOf({ ...MINIMAL, datasets }), [
    "datasets[0].label_spam: is no known key. Did you mean label_span?",
    "datasets[1].label_span: is only for type: chatml. Remove it.",
  ]);
  assert.deepEqual(problemsOf({ ...FROM_SCRATCH, model_config: { ...MODEL, hiddensize: 1 } }), [
    "model_config.hiddensize: is no known key. Did you mean hidden_size?",
  ]);
});

test("all problems are listed at once, with path, expected and found", () => {
  const problems = problemsOf({
    ...MINIMAL,
    lora_r: "8",
    lora_alpha: 0,
    lora_dropout: 1,
    lora_target_modules: ["qproj", "v_proj"],
    optimizer: "adamw8",
    datasets: [{ path: "a", type: "chat" }, { type: "completion" }, 4],
    seed: 1.5,
    learning_rate: Number.NaN,
    val_set_size: 2,
    sample_packing: "yes",
    output_dir: "",
    resume_from_checkpoint: false,
  });
  assert.deepEqual(problems.sort(), [
    'datasets[0].type: expected chatml or completion, got "chat". Did you mean chatml?',
    "datasets[1].path: is missing. JSON lines of plain texts.",
    "datasets[2]: expected keys and values, got 4.",
    "learning_rate: expected a finite number, got NaN.",
    "lora_alpha: expected more than 0, got 0.",
    "lora_dropout: expected less than 1, got 1.",
    'lora_r: expected a finite number, got "8".',
    'lora_target_modules[0]: expected q_proj or k_proj or v_proj or o_proj or gate_proj or up_proj or down_proj, got "qproj". Did you mean q_proj?',
    'optimizer: expected adamw_torch or adamw or adamw_torch_fused or adamw_hf or paged_adamw_32bit or adamw_8bit or adamw_bnb_8bit or paged_adamw_8bit, got "adamw8". Did you mean adamw?',
    "output_dir: expected at least 1 characters, got a text of 0 characters.",
    "resume_from_checkpoint: expected true or auto or a text, got false.",
    'sample_packing: expected true or false, got "yes".',
    "seed: expected an integer, got 1.5.",
    "val_set_size: expected less than 1, got 2.",
  ]);
});

test("what the engine does not take is refused by the key's own name, and its limits are allowed", () => {
  const shape = (more: object) => ({ ...FROM_SCRATCH, model_config: { ...MODEL, ...more } });
  for (const [config, problem] of [
    [{ ...MINIMAL, lora_r: 4097 }, "lora_r: expected at most 4096, got 4097."],
    [{ ...MINIMAL, threads: 513 }, "threads: expected at most 512, got 513."],
    [{ ...MINIMAL, sequence_len: 1 }, "sequence_len: expected at least 2, got 1."],
    [shape({ num_hidden_layers: 513 }), "model_config.num_hidden_layers: expected at most 512, got 513."],
    [shape({ hidden_size: 2 ** 31 }), "model_config.hidden_size: expected at most 1073741824, got 2147483648."],
  ] as const)
    assert.deepEqual(problemsOf(config), [problem]);
  for (const config of [{ ...MINIMAL, lora_r: 4096, threads: 512, sequence_len: 2 }, shape({ num_hidden_layers: 512 })])
    assert.deepEqual(problemsOf(config), []);
});

test("a missing key comes with its help; a long text is not repeated", () => {
  const { output_dir: _, ...rest } = MINIMAL;
  assert.match(problemsOf(rest)[0]!, /^output_dir: is missing\. Folder for/);
  const long = "somebody's notes, ".repeat(10);
  assert.deepEqual(problemsOf({ ...MINIMAL, lora_r: long }), [
    "lora_r: expected a finite number, got a text of 180 characters.",
  ]);
});

test("what is no set of keys is refused", () => {
  for (const [value, found] of [
    [null, "empty"],
    [[1, 2], "a list of 2"],
    [3, "3"],
  ] as const)
    assert.throws(() => parseTrainConfig(value), { code: "CONFIG_INVALID", message: new RegExp(`it is ${found}`) });
});

test("keys that do not go together", () => {
  const cases: Array<[object, RegExp]> = [
    [{ ...MINIMAL, model_config: MODEL }, /^model_config: is only for adapter: none/],
    [{ ...MINIMAL, tokenizer_model: "t.gguf" }, /^tokenizer_model: is only for adapter: none/],
    [{ ...MINIMAL, base_model: null }, /^base_model: is missing/],
    [{ ...FROM_SCRATCH, base_model: "b.gguf" }, /^adapter: none needs either/],
    [{ ...FROM_SCRATCH, model_config: null, tokenizer_model: null }, /^adapter: none needs either/],
    [{ ...FROM_SCRATCH, tokenizer_model: null }, /^tokenizer_model: goes together/],
    [{ ...FROM_SCRATCH, lora_r: 4 }, /^lora_r: has no effect with adapter: none/],
    [{ ...FROM_SCRATCH, lora_model_dir: "a.gguf" }, /^lora_model_dir: has no effect/],
    [{ ...FROM_SCRATCH, sequence_len: 1024 }, /^sequence_len: 1024 is more than .*\(512\)/],
    [{ ...FROM_SCRATCH, model_config: { ...MODEL, hidden_size: 66 } }, /^model_config.hidden_size: .* 66 \/ 4 = 16.5/],
    [{ ...FROM_SCRATCH, model_config: { ...MODEL, hidden_size: 60 } }, /^model_config.hidden_size: .* 60 \/ 4 = 15/],
    [{ ...FROM_SCRATCH, model_config: { ...MODEL, num_key_value_heads: 3 } }, /num_key_value_heads: must divide/],
    [{ ...MINIMAL, max_steps: 100 }, /^warmup_steps: 100 steps .*max_steps \(100\)/],
    [{ ...MINIMAL, eval_steps: 10 }, /^eval_steps: .*Set val_set_size/],
    [{ ...MINIMAL, lora_target_modules: ["q_proj", "q_proj"] }, /^lora_target_modules: a module is named twice/],
  ];
  for (const [config, expected] of cases) {
    const problems = problemsOf(config);
    assert.equal(problems.length, 1, `${expected}: ${problems.join(" / ")}`);
    assert.match(problems[0]!, expected);
  }
  assert.deepEqual(problemsOf({ ...MINIMAL, max_steps: 1, warmup_steps: 0 }), []);
  assert.deepEqual(problemsOf({ ...MINIMAL, max_steps: 101, val_set_size: 0.1, eval_steps: 5 }), []);
});

test("training from random initialisation fills the rest of the shape", () => {
  const config = parseTrainConfig(FROM_SCRATCH, { baseDir: "/data" });
  assert.deepEqual(config.model_config, {
    ...MODEL,
    rope_theta: 10000,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  });
  assert.equal(config.tokenizer_model, resolve("/data/vocabulary.gguf"));
  assert.equal(config.base_model, undefined);
});

test("a YAML file is read, and its paths start from its folder", async (t) => {
  const folder = folderWith(
    t,
    [
      "preset: medilora",
      "base_model: models/base.gguf  # relative",
      "learning_rate: 1e-4",
      "resume_from_checkpoint:",
      "datasets:",
      "  - path: rows.jsonl",
      "    type: chatml",
      "output_dir: ./out",
    ].join("\n"),
  );
  const config = await loadTrainConfig(join(folder, "run.yaml"));
  assert.equal(config.base_model, join(folder, "models", "base.gguf"));
  assert.equal(config.output_dir, join(folder, "out"));
  assert.equal(config.learning_rate, 1e-4);
});

test("a YAML error has its line and column", async (t) => {
  for (const [yaml, place] of [
    ["seed: 1\nlora_r: [1, 2\n", /run\.yaml is no valid YAML at line 3, column 1/],
    ["seed: 1\nlora_r: 8\nseed: 2\n", /run\.yaml is no valid YAML at line 3, column 1: .*unique/],
    ["seed: 1\n---\nseed: 2\n", /at line 2, column 1: a second document begins here\. Put each into a file of its own/],
    ["seed: 1\n  lora_r: 8\n", /run\.yaml is no valid YAML at line \d, column \d+/],
  ] as const) {
    const folder = folderWith(t, yaml);
    await assert.rejects(loadTrainConfig(join(folder, "run.yaml")), { code: "CONFIG_INVALID", message: place });
  }
});

test("aliases that multiply are refused, an empty file and a missing one are named", async (t) => {
  const levels = Array.from(
    { length: 12 },
    (_, i) => `l${i + 1}: &l${i + 1} [${"*l".concat(String(i), ",").repeat(9)}]`,
  );
  const bomb = folderWith(t, ["l0: &l0 [x]", ...levels].join("\n"));
  await assert.rejects(loadTrainConfig(join(bomb, "run.yaml")), { code: "CONFIG_INVALID", message: /aliases/ });
  const empty = folderWith(t, "# nothing\n");
  await assert.rejects(loadTrainConfig(join(empty, "run.yaml")), { code: "CONFIG_INVALID", message: /it is empty/ });
  await assert.rejects(loadTrainConfig(join(empty, "other.yaml")), { code: "FILE_NOT_FOUND", message: /other\.yaml/ });
});

test("problems name the file", async (t) => {
  const folder = folderWith(t, "learning_rat: 1\n");
  await assert.rejects(loadTrainConfig(join(folder, "run.yaml")), (error: Error) => {
    assert.ok(error.message.startsWith(`${join(folder, "run.yaml")} has 4 problems:\n- `), error.message);
    return true;
  });
});

test("edit distances known by hand", () => {
  for (const [a, b, distance] of [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "", 3],
    ["kitten", "sitting", 3],
    ["ab", "ba", 1],
    ["ca", "abc", 3],
    ["learning", "laerning", 1],
  ] as const)
    assert.equal(editDistance(a, b), distance, `${a} ${b}`);
});

test("suggest takes the nearest, if it is near", () => {
  assert.equal(suggest("coffee", ["tea", "toffee", "cake"]), "toffee");
  assert.equal(suggest("steps", ["max_steps_x", "stops"]), "max_steps_x");
  assert.equal(suggest("dropout", ["lora_dropout", "output_dir"]), "lora_dropout");
  assert.equal(suggest("", ["a"]), undefined);
  assert.equal(suggest("water", ["tea", "cake"]), undefined);
  assert.equal(suggest("x".repeat(65), ["x".repeat(64)]), undefined);
});
