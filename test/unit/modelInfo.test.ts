import assert from "node:assert/strict";
import { test } from "node:test";
import { describeModel } from "../../dist/modelInfo.js";
import type { GgufDescription } from "../../dist/native/binding.js";

const gguf: GgufDescription = {
  bytes: 12345,
  metadata: {
    "general.architecture": "qwen2",
    "general.name": "Tiny",
    "general.file_type": 13,
    "qwen2.context_length": 32768,
    "llama.context_length": 4096,
  },
  tensors: [
    { name: "token_embd.weight", type: "q3_K", shape: [256, 1000], bytes: 110_000, offset: 0 },
    { name: "output.weight", type: "q6_K", shape: [256, 1000], bytes: 210_000, offset: 0 },
    { name: "output_norm.weight", type: "f32", shape: [256], bytes: 1024, offset: 0 },
  ],
};

test("a model's facts are those of its metadata and tensors", () => {
  assert.deepEqual(describeModel(gguf), {
    architecture: "qwen2",
    name: "Tiny",
    parameters: 512_256,
    contextLength: 32768,
    quantization: "Q3_K_L",
    bytes: 12345,
  });
});

test("what the file does not say is null, and its type is that of most bytes", () => {
  assert.deepEqual(describeModel({ ...gguf, metadata: {} }), {
    architecture: null,
    name: null,
    parameters: 512_256,
    contextLength: null,
    quantization: "Q6_K",
    bytes: 12345,
  });
  assert.equal(describeModel({ ...gguf, metadata: { "general.file_type": 999 } }).quantization, "Q6_K");
  assert.equal(describeModel({ ...gguf, metadata: { "general.file_type": 0 } }).quantization, "F32");
});
