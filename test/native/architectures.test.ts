import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { InferenceEngine } from "../../dist/native/engine.js";
import { readGguf } from "../../dist/native/gguf.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import type { NamedTensors } from "../../dist/native/trainingBinding.js";
import { gguf } from "./gguf.js";
import { maxDifference, plainBatch, rejectsWith, relativeError, repoFile, temporaryFolder } from "./helpers.js";

// What differs between the architectures that are trained: biases, norms of heads, pairs of RoPE, its scaling, windows.

const temporary = await temporaryFolder();
const fixture = (name: string) => repoFile(`test/fixtures/gradients/${name}`);
const tokens = Int32Array.from({ length: 40 }, (_, i) => 3 + ((i * 11) % 58));

async function ourLogits(model: string, of: Int32Array, adapter?: string): Promise<Float32Array> {
  await using trainer = await NativeTrainer.open({ model, ...(adapter !== undefined && { adapter }), threads: 2 });
  return await trainer.logits(plainBatch(of));
}

async function llamaLogits(model: string, of: Int32Array, adapter?: string): Promise<Float32Array> {
  const adapters = adapter === undefined ? [] : [{ path: adapter }];
  const exact = { kvType: "f32", flashAttention: "off", contextSize: 64, sequences: 1, threads: 1 } as const;
  await using engine = await InferenceEngine.open({ ...exact, model, adapters, repackWeights: false });
  return await engine.logits(of);
}

describe("logits against llama.cpp", () => {
  for (const name of ["qwen2", "qwen3", "linear", "yarn", "llama3", "deep"])
    it(name, async () => {
      const model = fixture(`${name}-f32.gguf`);
      const inVocabulary = tokens.map((token) => token % 50);
      for (const adapter of [undefined, fixture(`${name}-all.gguf`)]) {
        const ours = await ourLogits(model, inVocabulary, adapter);
        const theirs = await llamaLogits(model, inVocabulary, adapter);
        assert.ok(maxDifference(ours, theirs) <= 1e-3, `max abs ${maxDifference(ours, theirs)}`);
        assert.ok(relativeError(ours, theirs) <= 1e-4, `relative ${relativeError(ours, theirs)}`);
      }
    });

  it("RoPE scaling matters to the fixtures", async () => {
    const scaled = await Promise.all(["linear", "yarn", "llama3"].map((name) => readGguf(fixture(`${name}-f32.gguf`))));
    assert.equal(scaled[0]!.metadata["llama.rope.scaling.factor"], 4);
    assert.equal(scaled[1]!.metadata["llama.rope.scaling.type"], "yarn");
    assert.ok(scaled[2]!.tensors.some(({ name }) => name === "rope_freqs.weight"));
  });
});

describe("a sliding window", () => {
  it("of 5 hides what is more than 4 positions back, and nothing else", async () => {
    const model = fixture("window-f32.gguf");
    const vocab = 61;
    const changed = Int32Array.from(tokens);
    changed[10] = 60;
    const before = await ourLogits(model, tokens);
    const after = await ourLogits(model, changed);
    const differs = tokens.map((_, i) =>
      Number(
        maxDifference(before.subarray(i * vocab, (i + 1) * vocab), after.subarray(i * vocab, (i + 1) * vocab)) > 0,
      ),
    );
    assert.deepEqual(
      Array.from(differs.keys()).filter((i) => differs[i] === 1),
      [10, 11, 12, 13, 14],
    );
  });

  it("wider than the sequence changes nothing", async () => {
    const short = tokens.subarray(0, 5);
    const difference = maxDifference(
      await ourLogits(fixture("window-f32.gguf"), short),
      await llamaLogits(fixture("window-f32.gguf"), short),
    );
    assert.ok(difference <= 1e-3, String(difference));
  });
});

describe("gradients against finite differences", () => {
  /** The adapter with its B matrices moved along `direction`. */
  async function moved(values: NamedTensors, direction: NamedTensors, distance: number): Promise<string> {
    const norm = Math.sqrt(bOf(direction).reduce((sum, [, { data }]) => sum + data.reduce((s, g) => s + g * g, 0), 0));
    const tensors = Object.entries(values).map(([name, { shape, data }]) => ({
      name,
      shape: [shape[1], shape[0]],
      values: name.endsWith("lora_b") ? data.map((v, i) => v + (distance * direction[name]!.data[i]!) / norm) : data,
    }));
    const metadata = {
      "general.type": "adapter",
      "general.architecture": "llama",
      "adapter.type": "lora",
      "adapter.lora.alpha": 4,
    };
    await writeFile(temporary("moved.gguf"), gguf(metadata, tensors));
    return temporary("moved.gguf");
  }
  const bOf = (tensors: NamedTensors) => Object.entries(tensors).filter(([name]) => name.endsWith("lora_b"));

  for (const name of ["linear", "yarn", "llama3", "window"])
    it(name, async () => {
      const model = fixture(`${name}-f32.gguf`);
      const batch = plainBatch(tokens);
      await using trainer = await NativeTrainer.open({ model, adapter: fixture(`${name}-all.gguf`), threads: 2 });
      await trainer.accumulate(batch);
      const gradients = await trainer.tensors({ gradients: true });
      const values = await trainer.tensors({ gradients: false });
      const lossAt = async (distance: number): Promise<number> => {
        await using at = await NativeTrainer.open({
          model,
          adapter: await moved(values, gradients, distance),
          threads: 2,
        });
        return await at.evaluate(batch);
      };
      const step = 4e-3;
      const slope =
        (8 * ((await lossAt(step)) - (await lossAt(-step))) - (await lossAt(2 * step)) + (await lossAt(-2 * step))) /
        (12 * step);
      const norm = Math.sqrt(
        bOf(gradients).reduce((sum, [, { data }]) => sum + data.reduce((s, g) => s + g * g, 0), 0),
      );
      assert.ok(Math.abs(slope / norm - 1) < 1e-3, `${slope} against ${norm}`);
    });
});

describe("models that are not trained", () => {
  const metadata = { "general.architecture": "llama" };
  const refuse = async (more: Record<string, string | number>, message: RegExp) => {
    const sizes = {
      embedding_length: 8,
      block_count: 1,
      feed_forward_length: 8,
      context_length: 8,
      "attention.head_count": 2,
    };
    const keys = Object.fromEntries(
      Object.entries({ ...sizes, "attention.layer_norm_rms_epsilon": 1e-5 }).map(([key, value]) => [
        `llama.${key}`,
        value,
      ]),
    );
    const embedding = { name: "token_embd.weight", shape: [8, 4], values: new Float32Array(32) };
    await writeFile(temporary("refused.gguf"), gguf({ ...metadata, ...keys, ...more }, [embedding]));
    const lora = { rank: 2, alpha: 4, modules: ["attn_q"] as const, seed: 0 };
    await rejectsWith(
      "ARCHITECTURE_UNSUPPORTED",
      NativeTrainer.open({ model: temporary("refused.gguf"), lora }),
      message,
    );
  };

  it("are named with the reason", async () => {
    await refuse({ "general.architecture": "gemma3" }, /gemma3.*llama.*qwen2.*qwen3/s);
    await refuse({ "llama.expert_count": 8 }, /experts/);
    await refuse({ "llama.rope.scaling.type": "longrope" }, /longrope/);
    await refuse({ "llama.attention.value_length": 2 }, /value heads/);
  });
});
