import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { firstUntargeted, moduleScales, type PeftConfig, readPeftConfig } from "../../dist/adapter/peftConfig.js";
import { patternKeys } from "../../dist/adapter/peftPatterns.js";
import { rejectsWith, temporaryFolder } from "../native/helpers.js";

const temporary = await temporaryFolder();
const plain = { peft_type: "LORA", r: 8, lora_alpha: 16 };
const modules = ["model.layers.0.self_attn.q_proj", "model.layers.11.self_attn.q_proj", "model.layers.1.mlp.up_proj"];

async function read(config: unknown): Promise<PeftConfig> {
  const path = temporary("adapter_config.json");
  await writeFile(path, typeof config === "string" ? config : JSON.stringify(config));
  return readPeftConfig(path);
}

/** What PEFT 0.17 writes for `LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"])`. */
const SAVED = {
  alpha_pattern: {},
  auto_mapping: null,
  base_model_name_or_path: "meta-llama/Llama-2-7b-hf",
  bias: "none",
  corda_config: null,
  eva_config: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_alpha: 16,
  lora_bias: false,
  lora_dropout: 0.05,
  megatron_config: null,
  megatron_core: "megatron.core",
  modules_to_save: null,
  peft_type: "LORA",
  qalora_group_size: 16,
  r: 8,
  rank_pattern: {},
  revision: null,
  target_modules: ["q_proj", "v_proj"],
  target_parameters: null,
  task_type: "CAUSAL_LM",
  trainable_token_indices: null,
  use_dora: false,
  use_qalora: false,
  use_rslora: false,
};

describe("adapter_config.json", () => {
  it("is read as PEFT saves it", async () => {
    const { r, loraAlpha, useRslora, targetModules, baseModel } = await read(SAVED);
    assert.deepEqual(
      [r, loraAlpha, useRslora, targetModules, baseModel],
      [8, 16, false, ["q_proj", "v_proj"], "meta-llama/Llama-2-7b-hf"],
    );
  });

  it("is refused, by name, for what GGUF cannot carry", async () => {
    const refused: Array<[object, RegExp]> = [
      [{ modules_to_save: ["score"] }, /modules_to_save/],
      [{ bias: "lora_only" }, /bias is not none/],
      [{ use_dora: true }, /DoRA/],
      [{ peft_type: "ADALORA" }, /ADALORA/],
      [{ peft_type: undefined }, /peft_type/],
      [{ task_type: "SEQ_CLS" }, /SEQ_CLS.*score/],
      [{ layer_replication: [[0, 4]] }, /layer_replication/],
      [{ trainable_token_indices: [1] }, /trainable_token_indices/],
      [{ target_parameters: ["mlp.experts"] }, /target_parameters/],
      [{ lora_bias: true }, /lora_bias/],
      [{ use_qalora: true }, /QALoRA/],
      [{ alora_invocation_tokens: [1, 2] }, /activated/],
      [{ megatron_config: { a: 1 } }, /Megatron/],
      [{ init_lora_weights: "pissa_niter_16" }, /init_lora_weights/],
      [{ init_lora_weights: "olora" }, /init_lora_weights/],
      [{ layers_pattern: "blocks" }, /layers_pattern/],
      [{ use_something_new: true }, /"use_something_new" is unknown/],
      [{ some_factor: 0.5 }, /"some_factor" is unknown/],
    ];
    for (const [more, message] of refused) await rejectsWith("ADAPTER_INVALID", read({ ...SAVED, ...more }), message);
  });

  it("is refused where a value is malformed", async () => {
    const refused: Array<[object, RegExp]> = [
      [{ r: 0 }, /r is no/],
      [{ r: 1.5 }, /r is no/],
      [{ r: "8" }, /r is no/],
      [{ lora_alpha: 0 }, /lora_alpha/],
      [{ lora_alpha: null }, /lora_alpha/],
      [{ use_rslora: "yes" }, /use_rslora/],
      [{ rank_pattern: { a: 0 } }, /rank_pattern/],
      [{ rank_pattern: [4] }, /rank_pattern/],
      [{ alpha_pattern: { a: "x" } }, /alpha_pattern/],
      [{ target_modules: [1] }, /target_modules/],
      [{ exclude_modules: {} }, /exclude_modules/],
      [{ layers_to_transform: ["a"] }, /layers_to_transform/],
    ];
    for (const [more, message] of refused) await rejectsWith("ADAPTER_INVALID", read({ ...plain, ...more }), message);
    for (const text of ["", "[]", "{", '{"r":8,"r":16}', `{"a":${"[".repeat(50_000)}`])
      await rejectsWith("ADAPTER_INVALID", read(text), /no JSON object/);
    await rejectsWith("ADAPTER_INVALID", read(`{"a":"${"x".repeat(2 << 20)}"}`), /larger/);
    await rejectsWith("FILE_NOT_FOUND", readPeftConfig(temporary("absent.json")));
  });
});

describe("modules", () => {
  it("get rank and alpha by the first pattern that matches their name or an end of it", async () => {
    const config = await read({
      ...plain,
      rank_pattern: { "layers.1.*.up_proj": 4, up_proj: 2 },
      alpha_pattern: { "self_attn\\.(q|k)_proj": 32 },
    });
    assert.deepEqual(
      [...moduleScales(config, modules).values()],
      [
        { rank: 8, scale: 4 },
        { rank: 8, scale: 4 },
        { rank: 4, scale: 4 },
      ],
    );
  });

  it("are scaled by alpha over the root of the rank with rslora", async () => {
    const config = await read({ ...plain, r: 4, use_rslora: true, rank_pattern: { up_proj: 16 } });
    assert.deepEqual(
      [...moduleScales(config, modules).values()].map(({ scale }) => scale),
      [8, 8, 4],
    );
  });

  it("match whole parts of names, alternatives as a whole, and what is not said is r", () => {
    const found = (keys: string[]) => modules.map((module) => patternKeys(keys, modules).get(module));
    assert.deepEqual(found(["proj"]), [undefined, undefined, undefined]);
    assert.deepEqual(found(["layers.1.self_attn.q_proj"]), [undefined, undefined, undefined]);
    assert.deepEqual(found(["q_proj|up_proj"]), ["q_proj|up_proj", "q_proj|up_proj", "q_proj|up_proj"]);
    assert.deepEqual(found(["^model.layers.0.self_attn.q_proj"]), [
      "^model.layers.0.self_attn.q_proj",
      undefined,
      undefined,
    ]);
    assert.deepEqual(found(["^layers.0.self_attn.q_proj", ""]), [undefined, undefined, undefined]);
  });

  it("whose pattern is no regular expression, or never ends, are an error", () => {
    for (const key of ["(", "(?P<name>q_proj)", "q_proj\\Z"])
      assert.throws(() => patternKeys([key], modules), { code: "ADAPTER_INVALID", message: /regular expression/ });
    assert.throws(() => patternKeys(["(([a-z._0-9])+)+!"], ["model.layers.0.self_attn.q_proj.abcdefghijkl"]), {
      code: "ADAPTER_INVALID",
      message: /too long/,
    });
  });

  it("that the configuration does not adapt are found", async () => {
    const untargeted = async (more: object, of = modules) => firstUntargeted(await read({ ...plain, ...more }), of);
    assert.equal(await untargeted({}), undefined);
    assert.equal(await untargeted({ target_modules: ["q_proj", "up_proj"] }), undefined);
    assert.equal(await untargeted({ target_modules: ["q_proj"] }), modules[2]);
    assert.equal(await untargeted({ target_modules: ["proj"] }), modules[0]);
    assert.equal(await untargeted({ target_modules: ".*\\.(q|up)_proj" }), undefined);
    assert.equal(await untargeted({ target_modules: "q_proj" }), modules[0]);
    assert.equal(await untargeted({ target_modules: "all-linear" }), undefined);
    assert.equal(await untargeted({ target_modules: "all-linear" }, ["lm_head"]), "lm_head");
    assert.equal(await untargeted({ target_modules: ["lm_head"] }, ["lm_head"]), undefined);
    assert.equal(await untargeted({ exclude_modules: ["up_proj"] }), modules[2]);
    assert.equal(await untargeted({ exclude_modules: ".*layers.11.*" }), modules[1]);
    assert.equal(await untargeted({ layers_to_transform: [0, 1] }), modules[1]);
    assert.equal(await untargeted({ layers_to_transform: 0 }), modules[1]);
    const whole = { target_modules: ["up_proj", "lm_head", modules[0]], layers_to_transform: [1] };
    assert.equal(await untargeted(whole, ["lm_head", modules[0]!, modules[2]!]), undefined);
    assert.equal(await untargeted({ ...whole, layers_to_transform: [0] }, [modules[2]!]), modules[2]);
    assert.equal(await untargeted({ layers_to_transform: [0, 1, 11], layers_pattern: ["layers"] }), undefined);
  });
});
