import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { loadTrainConfig, parseTrainConfig } from "../../dist/config/load.js";
import { repoFile, temporaryFolder } from "../native/helpers.js";

const temporary = await temporaryFolder();

const OURS = {
  base_model: "base.gguf",
  adapter: "qlora",
  datasets: [{ path: "rows.jsonl", type: "chatml" }],
  output_dir: "out",
};

function notesOf(object: object): string[] {
  const notes: string[] = [];
  parseTrainConfig({ ...OURS, ...object }, { onNote: (note) => notes.push(note) });
  return notes;
}

function problemsOf(object: object): string[] {
  try {
    parseTrainConfig({ ...OURS, ...object });
  } catch (error) {
    return (error as Error).message.split("\n- ").slice(1);
  }
  return [];
}

test("a file of Axolotl for completion is a configuration of ours, with one note", async () => {
  const notes: string[] = [];
  const config = await loadTrainConfig(repoFile("test/fixtures/axolotl/completion.yml"), {
    onNote: (note) => notes.push(note),
  });
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /load_in_4bit, .*special_tokens.*flash_attention.*deepspeed.*wandb_project/);
  assert.doesNotMatch(notes[0]!, /load_in_8bit|fsdp|tf32/, "what is off needs no note");
  assert.deepEqual(config.datasets, [
    { path: repoFile("test/fixtures/axolotl/data/notes.jsonl"), type: "completion" },
    { path: repoFile("test/fixtures/axolotl/data/textbooks.jsonl"), type: "completion" },
  ]);
  const { optimizer, lora_r, warmup_steps, gradient_checkpointing, sequence_len } = config;
  assert.deepEqual(
    { optimizer, lora_r, warmup_steps, gradient_checkpointing, sequence_len },
    { optimizer: "adamw_8bit", lora_r: 8, warmup_steps: 100, gradient_checkpointing: true, sequence_len: 1024 },
  );
  assert.ok(!Object.keys(config).some((key) => key.startsWith("wandb")));
});

test("a file of Axolotl for chat learns what chat_template learns there: the content", async () => {
  const config = await loadTrainConfig(repoFile("test/fixtures/axolotl/chat.yml"));
  assert.deepEqual(config.datasets, [
    { path: repoFile("test/fixtures/axolotl/data/pubmedqa.jsonl"), type: "chatml", label_span: "content" },
  ]);
  assert.equal(config.lora_model_dir, repoFile("test/fixtures/axolotl/completion-out/adapter.gguf"));
  const written = parseTrainConfig({
    ...OURS,
    chat_template: "chatml",
    label_span: "turn",
    datasets: [{ path: "a.jsonl", type: "chat_template" }],
  });
  assert.deepEqual(
    written.datasets.map((dataset) => "label_span" in dataset && dataset.label_span),
    ["turn"],
    "a label_span that is written out wins",
  );
});

test("what would change what is learnt is refused with what to use instead", () => {
  const answers: Array<[object, RegExp]> = [
    [{ s2_attention: true }, /^s2_attention: this key of Axolotl cannot be followed here\. .*sequence_len/],
    [{ warmup_ratio: 0.05 }, /^warmup_ratio: .*warmup_steps/],
    [{ evals_per_epoch: 4 }, /^evals_per_epoch: .*eval_steps/],
    [{ peft_use_dora: true }, /^peft_use_dora: .*plain LoRA/],
    [{ train_on_inputs: true }, /^train_on_inputs: .*completion/],
    [{ chat_template: "llama3" }, /^chat_template: .*chatml/],
    [{ tokens: ["<|im_start|>"] }, /^tokens: .*vocabulary/],
    [{ shuffle_merged_datasets: false }, /^shuffle_merged_datasets: .*every epoch/],
    [{ peft_init_lora_weights: false }, /^peft_init_lora_weights: /],
    [{ lora_modules_to_save: ["embed_tokens"] }, /^lora_modules_to_save: /],
    [{ batch_size: 32 }, /^batch_size: .*gradient_accumulation_steps: the batch size divided by micro_batch_size/],
    [{ merge_lora: true }, /^merge_lora: .*medilora merge/],
    [{ auto_resume_from_checkpoints: "true" }, /^auto_resume_from_checkpoints: expected true or false, got "true"/],
    [{ datasets: [{ path: "a", type: "chatml", roles: { user: ["patient"] } }] }, /^datasets\[0\]\.roles: /],
    [{ datasets: [{ path: "a", type: "sharegpt" }] }, /^datasets\[0\]\.type: .*medilora prepare any/],
    [{ datasets: [{ path: "a", type: "chat_template" }] }, /^datasets\[0\]\.chat_template: .*chatml/],
    [{ datasets: [{ path: "a", type: "completion", field: "body" }] }, /^datasets\[0\]\.field: .*called text/],
    [{ datasets: [{ path: "a", type: "chatml", split: "test" }] }, /^datasets\[0\]\.split: /],
  ];
  for (const [object, expected] of answers) {
    const problems = problemsOf(object);
    assert.equal(problems.length, 1, JSON.stringify([object, problems]));
    assert.match(problems[0]!, expected);
  }
  assert.equal(problemsOf({ peft_use_dora: true, lora_rank: 4, lora_r: "8" }).length, 3, "beside problems of ours");
});

test("keys that ask for nothing, or for what is done anyway, pass without a word", () => {
  for (const object of [
    { s2_attention: false, tokens: [], special_tokens: {}, deepspeed: "", fsdp: [], special: undefined },
    { saves_per_epoch: 1, evals_per_epoch: 1, save_strategy: "epoch", eval_strategy: "no", chat_template: "chatml" },
    { special_tokens: { pad_token: null }, peft_init_lora_weights: true, shuffle_merged_datasets: true },
  ])
    assert.deepEqual(notesOf(object), []);
});

test("a resume that is automatic, and the optimizer's other names", () => {
  assert.equal(parseTrainConfig({ ...OURS, auto_resume_from_checkpoints: true }).resume_from_checkpoint, "auto");
  assert.equal(parseTrainConfig({ ...OURS, auto_resume_from_checkpoints: false }).resume_from_checkpoint, undefined);
  assert.equal(parseTrainConfig({ ...OURS, optimizer: "paged_adamw_8bit" }).optimizer, "adamw_8bit");
  assert.equal(parseTrainConfig({ ...OURS, optimizer: "adamw_torch_fused" }).optimizer, "adamw_torch");
});

test("the merge keys of YAML 1.1, which Axolotl reads, are merged here too", async () => {
  const path = temporary("merge.yaml");
  await writeFile(
    path,
    `base_model: b.gguf
adapter: qlora
output_dir: out
datasets:
  - &first {path: a.jsonl, type: chatml, label_span: turn}
  - {<<: *first, path: b.jsonl}
`,
  );
  const { datasets } = await loadTrainConfig(path);
  assert.deepEqual(datasets[1], { path: temporary("b.jsonl"), type: "chatml", label_span: "turn" });
});

test("a key that neither program knows is still found", () => {
  assert.deepEqual(problemsOf({ flash_atention: true }), ["flash_atention: is no known key. Remove it."]);
  assert.deepEqual(problemsOf({ wandb_projects: "x", learning_rat: 1 }), [
    "wandb_projects: is no known key. Remove it.",
    "learning_rat: is no known key. Did you mean learning_rate?",
  ]);
});
