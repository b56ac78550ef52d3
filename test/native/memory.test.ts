import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { gguf } from "./gguf.js";
import { maxDifference, relativeError, repoFile, temporaryFolder } from "./helpers.js";

const temporary = await temporaryFolder();
const lora = { rank: 2, alpha: 4, modules: ["attn_q", "attn_v"] as const, seed: 0 };

/** A one-block Llama, 16 wide, with this vocabulary. */
async function modelWithVocabulary(vocab: number): Promise<string> {
  const metadata = {
    "general.architecture": "llama",
    "llama.embedding_length": 16,
    "llama.block_count": 1,
    "llama.feed_forward_length": 16,
    "llama.context_length": 4096,
    "llama.attention.head_count": 2,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
  };
  const values = (count: number) =>
    Float32Array.from({ length: count }, (_, i) => (((i * 7919) % 1000) / 1000 - 0.5) / 2);
  const matrix = (name: string, input: number, output: number) => ({
    name,
    shape: [input, output],
    values: values(input * output),
  });
  const norm = (name: string) => ({ name, shape: [16], values: new Float32Array(16).fill(1) });
  const block = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"].map((m) =>
    matrix(`blk.0.${m}.weight`, 16, 16),
  );
  const norms = ["blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "output_norm.weight"].map(norm);
  const path = temporary(`vocab-${vocab}.gguf`);
  await writeFile(path, gguf(metadata, [matrix("token_embd.weight", 16, vocab), ...block, ...norms]));
  return path;
}

const batch = (count: number, vocab: number) => {
  const tokens = Int32Array.from({ length: count }, (_, i) => (i * 7919) % vocab);
  return {
    tokens,
    positions: tokens.map((_, i) => i),
    sequences: tokens.map(() => 0),
    labels: tokens.map((_, i) => ((i + 1) * 7919) % vocab),
  };
};

describe("memory", () => {
  it("of the loss does not grow with the vocabulary times the tokens", async () => {
    const vocab = 131_072;
    await using trainer = await NativeTrainer.open({ model: await modelWithVocabulary(vocab), lora, threads: 1 });
    await trainer.accumulate(batch(32, vocab));
    const before = process.memoryUsage.rss();
    const loss = await trainer.accumulate(batch(2048, vocab));
    assert.ok(Math.abs(loss / 2048 / Math.log(vocab) - 1) < 0.3, "close to a guess");
    const grown = process.memoryUsage.rss() - before;
    // All logits of this batch would be 1 GB.
    assert.ok(grown < 200e6, `${(grown / 1e6).toFixed(0)} MB`);
    const predicted = trainer.memory({ tokens: 2048, labels: 2048, checkpointing: false });
    assert.ok(predicted.buffers < 200e6 && predicted.buffers > 50e6);
  });

  it("of checkpointing is less, and grows with the tokens in proportion", async () => {
    await using trainer = await NativeTrainer.open({ model: repoFile("assets/medtiny-f16.gguf"), lora, threads: 1 });
    const buffers = (tokens: number, checkpointing: boolean) =>
      trainer.memory({ tokens, labels: 0, checkpointing }).buffers;
    assert.ok(buffers(1000, true) < 0.5 * buffers(1000, false));
    assert.equal(buffers(2000, true), 2 * buffers(1000, true));
  });
});

describe("attention", () => {
  it("in tiles gives what the row-by-row path gives: logits and gradients, packed and windowed", async () => {
    for (const name of ["odd", "qwen3", "window", "deep"]) {
      const model = repoFile(`test/fixtures/gradients/${name}-f32.gguf`);
      const adapter = repoFile(`test/fixtures/gradients/${name}-all.gguf`);
      const lengths = [61, 1, 49, 64];
      const tokens = lengths.flatMap((length, row) => Array.from({ length }, (_, i) => 3 + ((i * 11 + row) % 37)));
      const call = {
        tokens: Int32Array.from(tokens),
        positions: Int32Array.from(lengths.flatMap((length) => Array.from({ length }, (_, i) => i))),
        sequences: Int32Array.from(lengths.flatMap((length, row) => Array.from({ length }, () => row))),
        labels: Int32Array.from(tokens, (token, i) => (i % 3 === 0 ? -100 : token)),
      };
      await using fused = await NativeTrainer.open({ model, adapter, threads: 2 });
      await using plain = await NativeTrainer.open({ model, adapter, threads: 2, plainAttention: true });
      assert.ok(maxDifference(await fused.logits(call), await plain.logits(call)) < 1e-4, name);
      await fused.accumulate(call);
      await plain.accumulate(call);
      const [a, b] = [await fused.tensors({ gradients: true }), await plain.tensors({ gradients: true })];
      for (const [tensor, { data }] of Object.entries(b))
        assert.ok(relativeError(a[tensor]!.data, data) < 1e-4, `${name} ${tensor}`);
    }
  });
});
