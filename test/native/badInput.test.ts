import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { mergeAdapter } from "../../dist/adapter/merge.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { readGguf } from "../../dist/native/gguf.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { gguf } from "./gguf.js";
import { plainBatch, rejectsWith, repoFile, temporaryFolder } from "./helpers.js";

const fixture = (name: string) => repoFile(`test/fixtures/gradients/${name}`);
const temporary = await temporaryFolder();
const medtiny = repoFile("assets/medtiny-f16.gguf");
const base = fixture("odd-f32.gguf");
const adapter = fixture("odd-all.gguf");
const lora = { rank: 2, alpha: 4, modules: ["attn_q"] as const, seed: 0 };

/** Mounts a small file system that fills up; undefined where this process may not. */
function smallDisk(kilobytes: number): string | undefined {
  const folder = temporary("disk");
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", folder], { stdio: "ignore" });
    return folder;
  } catch {
    return undefined;
  }
}

describe("a model inside an archive of Electron", () => {
  it("is refused by every reader, and says where it must be", async () => {
    await writeFile(temporary("app.asar"), "an archive");
    const model = temporary("app.asar/models/base.gguf");
    const output = temporary("out.gguf");
    const readers = [
      () => readGguf(model),
      () => openTokenizer(model),
      () => InferenceEngine.open({ model }),
      () => NativeTrainer.open({ model, lora }),
      () => quantize({ input: model, output, type: "Q8_0" }),
      () => mergeAdapter({ base, adapter: model, output }),
    ];
    for (const read of readers)
      await rejectsWith("FILE_READ", read(), /app\.asar\/models\/base\.gguf is inside an archive.*outside/);
    await rejectsWith("FILE_NOT_FOUND", readGguf(temporary("none.asar/base.gguf")));
  });
});

describe("a full disk", () => {
  it("is DISK_FULL for adapters, checkpoints, merged and quantised models, and leaves nothing behind", async (t) => {
    const disk = smallDisk(60);
    if (disk === undefined) return t.skip("this process may not mount a tmpfs");
    try {
      const modules = ["attn_q", "attn_v", "ffn_up"] as const;
      await using trainer = await NativeTrainer.open({ model: medtiny, lora: { ...lora, rank: 16, modules } });
      const writes = {
        adapter: () => trainer.saveWeights(`${disk}/a.gguf`),
        checkpoint: () => trainer.saveState(`${disk}/c.gguf`, ""),
        merge: () => mergeAdapter({ base, adapter, output: `${disk}/m.gguf` }),
        quantize: () => quantize({ input: medtiny, output: `${disk}/q.gguf`, type: "Q4_0" }),
      };
      for (const write of Object.values(writes)) {
        await rejectsWith("DISK_FULL", write());
        assert.deepEqual(readdirSync(disk), []);
      }
    } finally {
      execFileSync("umount", [disk]);
    }
  });
});

describe("damaged files", () => {
  it("a model cut anywhere, or garbage, is MODEL_INVALID", async () => {
    const bytes = await readFile(base);
    const cuts = [4, 24, 100, 700, 1500, 3000, 20_000, bytes.length - 40];
    for (const cut of cuts) {
      await writeFile(temporary("cut.gguf"), bytes.subarray(0, cut));
      await rejectsWith("MODEL_INVALID", NativeTrainer.open({ model: temporary("cut.gguf"), lora }));
      await rejectsWith("MODEL_INVALID", readGguf(temporary("cut.gguf")));
    }
    await writeFile(temporary("garbage.gguf"), Buffer.concat([Buffer.from("GGUF"), Buffer.alloc(5000, 0xab)]));
    await rejectsWith("MODEL_INVALID", NativeTrainer.open({ model: temporary("garbage.gguf"), lora }));
    await rejectsWith("FILE_NOT_FOUND", NativeTrainer.open({ model: temporary("absent.gguf"), lora }));
  });

  it("every flipped byte of a header either opens or is refused; the process lives", async () => {
    const bytes = await readFile(fixture("odd-qv.gguf"));
    const header = 1600;
    let refused = 0;
    for (let at = 0; at < header; at += 3) {
      const damaged = Buffer.from(bytes);
      damaged[at] = damaged[at]! ^ (1 << (at % 8));
      await writeFile(temporary("flipped.gguf"), damaged);
      try {
        const trainer = await NativeTrainer.open({ model: base, adapter: temporary("flipped.gguf"), threads: 1 });
        trainer.dispose();
      } catch (error) {
        refused++;
        assert.match(
          (error as { code: string }).code,
          /^(ADAPTER_INVALID|ADAPTER_MISMATCH|TYPE_UNSUPPORTED|OUT_OF_MEMORY)$/,
        );
      }
    }
    assert.ok(refused > 100, `${refused} refused`);
  });
});

describe("an adapter of another model", () => {
  it("is ADAPTER_MISMATCH in training and merging, naming the tensor, and writes nothing", async () => {
    const output = temporary("mismatch.gguf");
    for (const other of [fixture("wide-all.gguf")]) {
      await rejectsWith("ADAPTER_MISMATCH", NativeTrainer.open({ model: base, adapter: other }), /blk\.\d+\./);
      await rejectsWith("ADAPTER_MISMATCH", mergeAdapter({ base, adapter: other, output }), /blk\.\d+\./);
    }
    await rejectsWith("ADAPTER_INVALID", mergeAdapter({ base, adapter: base, output }));
    await rejectsWith("ADAPTER_INVALID", NativeTrainer.open({ model: base, adapter: medtiny }));
    assert.equal(existsSync(output), false);
  });

  const metadata = {
    "general.type": "adapter",
    "general.architecture": "llama",
    "adapter.type": "lora",
    "adapter.lora.alpha": 2,
  };
  const pair = (name: string, input: number, out: number, rank = 2) => [
    { name: `${name}.lora_a`, shape: [input, rank], values: new Float32Array(input * rank) },
    { name: `${name}.lora_b`, shape: [rank, out], values: new Float32Array(rank * out) },
  ];
  const refuse = async (code: "ADAPTER_INVALID" | "ADAPTER_MISMATCH", file: Buffer, message: RegExp) => {
    await writeFile(temporary("made.gguf"), file);
    await rejectsWith(code, NativeTrainer.open({ model: base, adapter: temporary("made.gguf") }), message);
  };

  it("says what is wrong with one that is malformed", async () => {
    const good = pair("blk.0.attn_q.weight", 36, 36);
    await refuse("ADAPTER_INVALID", gguf(metadata, [good[0]!]), /lora_b/);
    await refuse("ADAPTER_INVALID", gguf(metadata, [good[1]!]), /lora_a/);
    await refuse("ADAPTER_INVALID", gguf(metadata, [good[0]!, pair("blk.0.attn_q.weight", 36, 36, 3)[1]!]), /rank/);
    await refuse("ADAPTER_INVALID", gguf(metadata, []), /no tensors/);
    await refuse("ADAPTER_INVALID", gguf({ ...metadata, "adapter.type": "other" }, good), /lora/);
    await refuse("ADAPTER_MISMATCH", gguf({ ...metadata, "general.architecture": "qwen2" }, good), /qwen2/);
    await refuse("ADAPTER_MISMATCH", gguf(metadata, pair("blk.9.attn_q.weight", 36, 36)), /blk\.9/);
    await refuse("ADAPTER_MISMATCH", gguf(metadata, pair("token_embd.weight", 36, 41)), /token_embd/);
  });

  it("refuses architectures that it does not train, naming those it does", async () => {
    await writeFile(temporary("other.gguf"), gguf({ "general.architecture": "mamba" }, []));
    await rejectsWith(
      "ARCHITECTURE_UNSUPPORTED",
      NativeTrainer.open({ model: temporary("other.gguf"), lora }),
      /mamba.*llama/s,
    );
  });
});

describe("options", () => {
  it("are checked by name", async () => {
    const open = (change: object) => NativeTrainer.open({ model: base, lora, ...change } as never);
    await rejectsWith("ARGUMENT_INVALID", open({ threads: 0 }), /threads/);
    await rejectsWith("ARGUMENT_INVALID", open({ dropout: 1 }), /dropout/);
    await rejectsWith("ARGUMENT_INVALID", open({ lora: { ...lora, rank: 0 } }), /rank/);
    await rejectsWith("ARGUMENT_INVALID", open({ lora: { ...lora, modules: [] } }), /modules/);
    await rejectsWith("ARGUMENT_INVALID", open({ lora: { ...lora, modules: ["lm_head"] } }), /module/);
    await rejectsWith("ARGUMENT_INVALID", open({ model: 7 }), /model/);
    await rejectsWith(
      "TYPE_UNSUPPORTED",
      mergeAdapter({ base, adapter, output: temporary("x"), type: "Q4_0" as never }),
    );
    await using trainer = await NativeTrainer.open({ model: base, lora });
    await rejectsWith(
      "ARGUMENT_INVALID",
      trainer.accumulate({ ...plainBatch([3, 4]), tokens: [3, 4] as never }),
      /tokens/,
    );
  });
});
