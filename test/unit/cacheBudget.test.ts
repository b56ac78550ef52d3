import assert from "node:assert/strict";
import { test } from "node:test";
import { cacheBytesPerToken, cacheCells } from "../../dist/eval/cacheBudget.js";

const described = (metadata: Record<string, number | string | number[]>) => ({ bytes: 1, tensors: [], metadata });

test("bytes of a token in the cache of Mistral-7B: 32 layers, 8 heads of 128, keys and values, two bytes", () => {
  const mistral = described({
    "general.architecture": "llama",
    "llama.block_count": 32,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "llama.embedding_length": 4096,
  });
  assert.equal(cacheBytesPerToken(mistral, 2), 131_072);
  assert.equal(cacheBytesPerToken(mistral, 4), 262_144);
});

test("heads that are not grouped, lengths of their own, and a number of heads a layer", () => {
  const shape = {
    "general.architecture": "x",
    "x.block_count": 2,
    "x.attention.head_count": 4,
    "x.embedding_length": 64,
  };
  assert.equal(cacheBytesPerToken(described(shape), 2), 2 * 4 * (16 + 16) * 2);
  const lengths = { ...shape, "x.attention.key_length": 24, "x.attention.value_length": 8 };
  assert.equal(cacheBytesPerToken(described(lengths), 2), 2 * 4 * (24 + 8) * 2);
  const layers = { ...shape, "x.attention.head_count_kv": [1, 3] };
  assert.equal(cacheBytesPerToken(described(layers), 2), (1 + 3) * (16 + 16) * 2);
  assert.equal(cacheBytesPerToken(described({ "general.architecture": "x" }), 2), null);
});

test("a cache takes half of what is free beside the model, but always the longest sequence", () => {
  const memory = { bytesPerToken: 100, modelBytes: 1_000_000, freeBytes: 9_000_000 };
  const cells = (more: Partial<typeof memory> | { bytesPerToken: null }) =>
    cacheCells({ wanted: 10_000, least: 700, memory: { ...memory, ...more } });
  assert.equal(cells({}), 10_240, "wanted, in steps of 256");
  assert.equal(cells({ freeBytes: 1_409_600 }), 2048);
  assert.equal(cells({ freeBytes: 1_000_100 }), 768, "the longest sequence");
  assert.equal(cells({ freeBytes: 0 }), 768);
  assert.equal(cells({ bytesPerToken: null }), 10_240);
  assert.equal(cacheCells({ wanted: 10_000, least: 700, memory: undefined }), 10_240);
});
