import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { readGguf } from "../../dist/native/gguf.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { gguf } from "./gguf.js";
import { plainBatch, rejectsWith, relativeError, repoFile, temporaryFolder } from "./helpers.js";

const temporary = await temporaryFolder();
const tokenizer = repoFile("test/fixtures/gradients/odd-f32.gguf"); // 41 tokens
const fresh = {
  embeddingLength: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  feedForwardLength: 40,
  contextLength: 64,
};
const batch = plainBatch([3, 7, 11, 7, 30, 21, 5, 5, 40, 12, 3]);
const update = { divisor: 10, maxGradNorm: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

async function freshModel(name: string, tiedOutput: boolean): Promise<string> {
  const path = temporary(name);
  await using trainer = await NativeTrainer.open({ fresh: { ...fresh, tiedOutput }, tokenizer, seed: 5, threads: 2 });
  // Weights of a fresh model are so small that finite differences drown in rounding: train it a little first.
  for (let i = 0; i < 30; i++) {
    await trainer.accumulate(batch);
    await trainer.step({ ...update, learningRate: 0.02 });
  }
  await trainer.saveWeights(path);
  return path;
}

async function gradientsOf(model: string) {
  await using trainer = await NativeTrainer.open({ model, threads: 2 });
  await trainer.accumulate(batch);
  return { gradients: await trainer.tensors({ gradients: true }), values: await trainer.tensors({ gradients: false }) };
}

describe("full training", () => {
  it("gives linear layers the gradient that a LoRA of full rank with A = 1, B = 0 sees in B", async () => {
    const model = await freshModel("untied.gguf", false);
    const { gradients } = await gradientsOf(model);
    const layers = Object.entries(gradients).filter(([name]) =>
      /^blk\.\d+\.(attn_[qkvo]|ffn_(gate|up|down))/.test(name),
    );
    assert.equal(layers.length, 14);
    const tensors = layers.flatMap(([name, { shape }]) => {
      const [out, input] = shape;
      const identity = new Float32Array(input * input);
      for (let i = 0; i < input; i++) identity[i * input + i] = 1;
      return [
        { name: `${name}.lora_a`, shape: [input, input], values: identity },
        { name: `${name}.lora_b`, shape: [input, out], values: new Float32Array(out * input) },
      ];
    });
    const adapter = temporary("identity.gguf");
    const metadata = { "general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora" };
    await writeFile(adapter, gguf({ ...metadata, "adapter.lora.alpha": 0 }, tensors));
    await using trainer = await NativeTrainer.open({ model, adapter, threads: 2 });
    await trainer.accumulate(batch);
    const lora = await trainer.tensors({ gradients: true });
    for (const [name, { data }] of layers) assert.ok(relativeError(data, lora[`${name}.lora_b`]!.data) < 1e-5, name);
  });

  it("gives norms the gradient that follows from their layers': w dw = sum over the layers' W dW by column", async () => {
    const { gradients, values } = await gradientsOf(await freshModel("norms.gguf", false));
    const fed: Record<string, string[]> = { "output_norm.weight": ["output.weight"] };
    for (const block of ["blk.0", "blk.1"]) {
      fed[`${block}.attn_norm.weight`] = ["q", "k", "v"].map((m) => `${block}.attn_${m}.weight`);
      fed[`${block}.ffn_norm.weight`] = ["gate", "up"].map((m) => `${block}.ffn_${m}.weight`);
    }
    for (const [norm, layers] of Object.entries(fed)) {
      const expected = new Float64Array(fresh.embeddingLength);
      for (const layer of layers)
        gradients[layer]!.data.forEach((g, i) => {
          expected[i % expected.length]! += g * values[layer]!.data[i]!;
        });
      const computed = gradients[norm]!.data.map((g, i) => g * values[norm]!.data[i]!);
      assert.ok(relativeError(computed, expected) < 1e-5, norm);
    }
  });

  for (const tied of [false, true])
    it(`gives the ${tied ? "tied" : "untied"} embedding the gradient of finite differences`, async () => {
      const model = await freshModel(`embedding-${tied}.gguf`, tied);
      const { gradients } = await gradientsOf(model);
      const gradient = gradients["token_embd.weight"]!.data;
      const bytes = await readFile(model);
      const { tensors } = await readGguf(model);
      assert.equal(tensors[0]?.name, "token_embd.weight");
      const dataStart = bytes.length - tensors.reduce((sum, tensor) => sum + Math.ceil(tensor.bytes / 32) * 32, 0);
      const norm = Math.hypot(...gradient);
      const lossAt = async (distance: number): Promise<number> => {
        const moved = Buffer.from(bytes);
        gradient.forEach((g, i) => {
          const at = dataStart + 4 * i;
          moved.writeFloatLE(moved.readFloatLE(at) + (distance * g) / norm, at);
        });
        await writeFile(temporary("moved.gguf"), moved);
        await using trainer = await NativeTrainer.open({ model: temporary("moved.gguf"), threads: 1 });
        return await trainer.evaluate(batch);
      };
      // Along its own direction the slope is the gradient's norm.
      const step = 3e-3;
      const slope =
        (8 * (await lossAt(step)) - 8 * (await lossAt(-step)) - (await lossAt(2 * step)) + (await lossAt(-2 * step))) /
        (12 * step);
      assert.ok(Math.abs(slope / norm - 1) < 5e-3, `${slope} against ${norm}`);
    });

  it("learns a sequence by heart from random weights and writes a model that reads back the same", async () => {
    await using trainer = await NativeTrainer.open({ fresh: { ...fresh, tiedOutput: true }, tokenizer, seed: 1 });
    const first = await trainer.evaluate(batch);
    assert.ok(Math.abs(first / 10 - Math.log(41)) < 0.2, "an untrained model knows nothing");
    for (let i = 0; i < 80; i++) {
      await trainer.accumulate(batch);
      await trainer.step({ ...update, learningRate: 0.02 });
    }
    const last = await trainer.evaluate(batch);
    assert.ok(last < first / 20, `${first} -> ${last}`);
    await trainer.saveWeights(temporary("learnt.gguf"), { "medilora.version": "test" });
    await using again = await NativeTrainer.open({ model: temporary("learnt.gguf") });
    assert.equal(await again.evaluate(batch), last);
    assert.equal((await readGguf(temporary("learnt.gguf"))).metadata["medilora.version"], "test");
  });

  it("refuses shapes that cannot be", async () => {
    const open = (change: object) => NativeTrainer.open({ fresh: { ...fresh, ...change }, tokenizer });
    await rejectsWith("ARGUMENT_INVALID", open({ heads: 5 }));
    await rejectsWith("ARGUMENT_INVALID", open({ kvHeads: 3 }));
    await rejectsWith("ARGUMENT_INVALID", open({ layers: 0 }));
    await rejectsWith("FILE_NOT_FOUND", NativeTrainer.open({ fresh, tokenizer: temporary("none.gguf") }));
  });
});
