import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  bool,
  EditableGguf,
  FLOAT32,
  float32,
  type GgufValue,
  int32Array,
  STRING,
  string,
  stringArray,
  UINT32,
  uint32,
  uint32Array,
} from "./ggufEdit.js";
import { repoFile, temporaryFolder } from "./helpers.js";

interface Mutant {
  name: string;
  file: Buffer;
}

const temporary = await temporaryFolder();
const child = fileURLToPath(new URL("metadataFuzzChild.js", import.meta.url));

// llama_token_type, from llama.h.
const NORMAL = 1;
const CONTROL = 3;
const BYTE = 6;

const COUNTS = [0, 1, 2, 3, 1000, 2 ** 32 - 1].map(uint32);
const REALS = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 3e38].map(float32);

/** Keys that the fixtures do not have, with values that llama.cpp would take. */
const OPTIONAL: Readonly<Record<string, readonly GgufValue[]>> = {
  nextn_predict_layers: COUNTS,
  expert_count: COUNTS,
  expert_used_count: [...COUNTS, uint32Array([1]), uint32Array([1, 9])],
  expert_group_count: COUNTS,
  expert_group_used_count: COUNTS,
  expert_feed_forward_length: COUNTS,
  expert_shared_count: COUNTS,
  embedding_length_out: COUNTS,
  pooling_type: COUNTS,
  "attention.causal": [bool(false), bool(true)],
  "attention.head_count": [uint32Array([]), uint32Array([4]), uint32Array([0, 4]), uint32Array([4, 4])],
  "attention.head_count_kv": [uint32Array([2]), uint32Array([3, 0]), uint32Array([2, 2])],
  "attention.sliding_window": COUNTS,
  "attention.sliding_window_pattern": COUNTS,
  "attention.key_length_swa": COUNTS,
  "attention.value_length_swa": COUNTS,
  "attention.key_length_mla": COUNTS,
  "attention.scale": REALS,
  "attention.clamp_kqv": REALS,
  "attention.max_alibi_bias": REALS,
  "attention.layer_norm_epsilon": REALS,
  "attention.group_norm_epsilon": REALS,
  attn_logit_softcapping: REALS,
  final_logit_softcapping: REALS,
  logit_scale: REALS,
  residual_scale: REALS,
  embedding_scale: REALS,
  "rope.dimension_count_swa": COUNTS,
  "rope.scale_linear": REALS,
  "rope.scaling.type": ["none", "linear", "yarn", "longrope", "banana", ""].map(string),
  "rope.scaling.factor": REALS,
  "rope.scaling.attn_factor": REALS,
  "rope.scaling.original_context_length": COUNTS,
  "rope.scaling.yarn_log_multiplier": REALS,
};

const TOKENIZERS = [
  "gpt2",
  "bert",
  "t5",
  "rwkv",
  "plamo2",
  "none",
  "no_vocab",
  "gemma4",
  "whitespace",
  "hybriddna",
  "test",
];
const SHARED: Readonly<Record<string, readonly GgufValue[]>> = {
  "general.architecture": ["llama", "qwen2", "qwen3", "gemma", "mamba", "bert", "t5", "clip", "rwkv6"].map(string),
  "general.type": ["adapter", "model", "imatrix"].map(string),
  "general.alignment": COUNTS,
  "split.count": COUNTS,
  "tokenizer.ggml.model": TOKENIZERS.map(string),
  "tokenizer.ggml.pre": ["llama-bpe", "qwen2", "banana"].map(string),
  "tokenizer.ggml.add_bos_token": [bool(true), bool(false)],
  "tokenizer.ggml.add_eos_token": [bool(true)],
  "tokenizer.ggml.unknown_token_id": COUNTS,
  "tokenizer.ggml.eot_token_id": COUNTS,
  "tokenizer.ggml.token_type_count": COUNTS,
};

function replacements(value: GgufValue): GgufValue[] {
  if (value.type === UINT32) {
    const now = value.bytes.readUInt32LE();
    return [0, 1, now + 1, now * 2, now * 100, 2 ** 32 - 1].map(uint32).concat(float32(1), string("banana"));
  }
  if (value.type === FLOAT32) return [...REALS, float32(Number.NEGATIVE_INFINITY), uint32(1), string("banana")];
  if (value.type === STRING) return [string("banana"), string(""), uint32(1)];
  return [uint32(1), string("banana"), uint32Array([1, 2])];
}

const show = ({ type, bytes }: GgufValue) => `type ${type} = ${bytes.subarray(0, 24).toString("hex")}`;

/** A fixture whose vocabulary has the tokens that generating needs. */
function whole(fixture: string): Buffer {
  const model = new EditableGguf(readFileSync(repoFile(`test/fixtures/gradients/${fixture}-f32.gguf`)));
  const tokens = Array.from({ length: 61 }, (_, i) => `token ${i}`);
  const types = Array.from(tokens, () => NORMAL);
  tokens[3] = "<0x0A>";
  types[3] = BYTE;
  tokens[4] = "<|im_end|>";
  types[4] = CONTROL;
  return model.with({ "tokenizer.ggml.tokens": stringArray(tokens), "tokenizer.ggml.token_type": int32Array(types) });
}

function mutants(fixture: string): Mutant[] {
  const model = new EditableGguf(whole(fixture));
  const architecture = model.metadata.get("general.architecture")!.bytes.toString("utf8", 8);
  const out: Mutant[] = [];
  const add = (key: string, value?: GgufValue) =>
    out.push({
      name: `${fixture}: ${key} ${value === undefined ? "removed" : show(value)}`,
      file: model.with({ [key]: value }),
    });
  for (const [key, value] of model.metadata)
    for (const changed of [undefined, ...replacements(value)]) add(key, changed);
  for (const [key, values] of Object.entries(OPTIONAL))
    for (const value of values) add(`${architecture}.${key}`, value);
  for (const [key, values] of Object.entries(SHARED)) for (const value of values) add(key, value);
  return out;
}

/** The lines of the child; it starts anew after each mutant that ended it, whose line tells how. */
function run(batch: readonly Mutant[]): string[] {
  const folder = temporary("fuzz");
  mkdirSync(folder, { recursive: true });
  const list = `${folder}/list.json`;
  writeFileSync(list, JSON.stringify(batch.map(({ file }) => file.toString("base64"))));
  const lines: string[] = [];
  while (lines.length < batch.length) {
    const { stdout, stderr, signal, status } = spawnSync(process.execPath, [child, list, folder, `${lines.length}`], {
      encoding: "utf8",
      env: { ...process.env, GGML_NO_BACKTRACE: "1" },
      timeout: 20_000,
    });
    lines.push(...stdout.split("\n").filter((line) => line !== ""));
    if (lines.length < batch.length) lines.push(`ended: ${signal ?? status} ${stderr.slice(0, 400)}`);
  }
  return lines;
}

for (const fixture of ["llama3", "qwen2", "qwen3", "yarn"])
  it(`no metadata value of a ${fixture} model ends the process`, () => {
    const batch = mutants(fixture);
    const lines = run([{ name: "unchanged", file: whole(fixture) }, ...batch]);
    assert.equal(lines.shift(), "OK OK");
    const wrong = batch
      .map(({ name }, i) => `${name}: ${lines[i]}`)
      .filter(
        (line) =>
          !/: (OK|MODEL_INVALID|QUANTIZE_FAILED|FILE_NOT_FOUND) (OK|MODEL_INVALID|ARCHITECTURE_UNSUPPORTED|CONTEXT_EXCEEDED|FILE_NOT_FOUND)$/.test(
            line,
          ),
      );
    assert.deepEqual(wrong, []);
  });
