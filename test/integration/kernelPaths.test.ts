import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { preparePubMedQA } from "../../dist/data/prepare.js";
import { native } from "../../dist/native/load.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { relativeError, repoFile, sharedFile, temporaryFolder } from "../native/helpers.js";

// bfloat16 products against float32 ones, in models wide enough to use them.

const temporary = await temporaryFolder();
const tokenizer = repoFile("assets/medtiny-f16.gguf");
const kernels = native().gemmInfo().kernels;
const bf16 = kernels.find((name) => name.endsWith("bf16"));
const float = kernels.find((name) => !name.endsWith("bf16"))!;
const skip = bf16 === undefined && "this processor does not multiply bfloat16";

/** A random model of this depth, 512 wide, quantised to Q4_K. */
async function makeModel(name: string, layers: number): Promise<string> {
  const fresh = { embeddingLength: 512, layers, heads: 8, kvHeads: 8, feedForwardLength: 512, contextLength: 1024 };
  await using trainer = await NativeTrainer.open({ fresh, tokenizer, seed: 11, threads: 2 });
  await trainer.saveWeights(temporary(`${name}-f32.gguf`));
  await quantize({ input: temporary(`${name}-f32.gguf`), output: temporary(`${name}.gguf`), type: "Q4_K_M" });
  return temporary(`${name}.gguf`);
}

function medilora(kernel: string, args: string[]): void {
  const options = { env: { ...process.env, MEDILORA_GEMM: kernel }, stdio: "pipe" } as const;
  execFileSync(process.execPath, [repoFile("dist/cli/medilora.js"), ...args], options);
}

describe("ggml's own operations (MEDILORA_GEMM=off)", () => {
  it("give the gradients that ours give", async () => {
    const fixture = (name: string) => repoFile(`test/fixtures/gradients/${name}`);
    const files = [
      "--model",
      fixture("odd-f32.gguf"),
      "--adapter",
      fixture("odd-all.gguf"),
      "--batch",
      fixture("odd-batch.json"),
    ];
    const gradients = async (kernel: string) => {
      medilora(kernel, ["debug", "gradients", ...files, "--out", temporary(`odd-${kernel}.json`)]);
      const text = await readFile(temporary(`odd-${kernel}.json`), "utf8");
      return (JSON.parse(text) as { gradients: Record<string, { data: number[] }> }).gradients;
    };
    const [ours, ggml] = [await gradients(float), await gradients("off")];
    for (const [name, { data }] of Object.entries(ours)) assert.ok(relativeError(ggml[name]!.data, data) < 1e-4, name);
  });
});

describe("bfloat16 kernels", { skip }, () => {
  it("give the gradients of float32 ones within 2e-2, also through 16 layers", async () => {
    const model = await makeModel("deep", 16);
    const modules = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] as const;
    const tokens = Array.from({ length: 48 }, (_, i) => 300 + ((i * 1237) % 7000));
    const batch = {
      tokens,
      positions: tokens.map((_, i) => i),
      sequences: tokens.map(() => 0),
      labels: tokens.map((_, i) => tokens[i + 1] ?? -100),
    };
    await writeFile(temporary("batch.json"), JSON.stringify(batch));
    await using trainer = await NativeTrainer.open({
      model,
      lora: { rank: 4, alpha: 8, modules, seed: 1 },
      threads: 2,
    });
    const int32 = Object.fromEntries(Object.entries(batch).map(([key, value]) => [key, Int32Array.from(value)]));
    await trainer.accumulate(int32 as never);
    await trainer.step({
      learningRate: 1e-3,
      divisor: 47,
      maxGradNorm: 0,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0,
    });
    await trainer.saveWeights(temporary("deep-adapter.gguf"));
    const gradients = async (kernel: string) => {
      const files = ["--model", model, "--adapter", temporary("deep-adapter.gguf"), "--batch", temporary("batch.json")];
      medilora(kernel, ["debug", "gradients", ...files, "--out", temporary(`${kernel}.json`)]);
      return (
        JSON.parse(await readFile(temporary(`${kernel}.json`), "utf8")) as {
          gradients: Record<string, { data: number[] }>;
        }
      ).gradients;
    };
    const [rough, exact] = [await gradients(bf16!), await gradients(float)];
    const errors = Object.entries(exact).map(([name, { data }]) => ({
      name,
      error: relativeError(rough[name]!.data, data),
    }));
    const worst = errors.reduce((a, b) => (a.error > b.error ? a : b));
    assert.ok(worst.error <= 2e-2, `${worst.name}: ${worst.error}`);
    assert.ok(worst.error > 1e-6, "the kernels must differ, or nothing was tested");
  });

  describe("in a run of 200 steps", () => {
    before(async () => {
      const real = sharedFile("pubmedqa/pqal_train_500.json");
      const input = real ?? repoFile("assets/sample/pubmedqa-synthetic.json");
      await preparePubMedQA({ input, output: temporary("rows.jsonl"), limit: 60, answer: "label" });
    });

    it("end within 1% of the loss of float32 kernels, same seed", async () => {
      const model = await makeModel("shallow", 2);
      const finalLoss = async (kernel: string): Promise<number> => {
        const config = {
          base_model: model,
          adapter: "qlora",
          lora_r: 8,
          lora_target_linear: true,
          datasets: [{ path: temporary("rows.jsonl"), type: "chatml" }],
          sequence_len: 1024,
          sample_packing: false,
          micro_batch_size: 1,
          gradient_accumulation_steps: 1,
          num_epochs: 4,
          max_steps: 200,
          warmup_steps: 10,
          learning_rate: 1e-3,
          output_dir: temporary(`run-${kernel}`),
        };
        await writeFile(temporary("config.json"), JSON.stringify(config));
        medilora(kernel, ["train", temporary("config.json")]);
        const lines = (await readFile(temporary(`run-${kernel}/metrics.jsonl`), "utf8")).trim().split("\n");
        assert.equal(lines.length, 200);
        const losses = lines.slice(-20).map((line) => (JSON.parse(line) as { loss: number }).loss);
        return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
      };
      const [rough, exact] = [await finalLoss(bf16!), await finalLoss(float)];
      assert.ok(Math.abs(rough / exact - 1) < 0.01, `${rough} and ${exact}`);
    });
  });
});
