import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { before, describe, it } from "node:test";
import { readGguf } from "../../dist/native/gguf.js";
import { quantize, quantizeTypes } from "../../dist/quantize/quantize.js";
import { sha256File } from "../../dist/util/hash.js";
import { rejectsWith, repoFile, sharedFile, skipWithout, temporaryFolder } from "./helpers.js";
import { QuantizeReference, skipReference } from "./quantizeReference.js";

const temporary = await temporaryFolder();
const medtiny = repoFile("assets/medtiny-f16.gguf");

describe("quantize", () => {
  describe("byte for byte what llama.cpp writes", { skip: skipReference }, () => {
    let reference: QuantizeReference;
    before(() => {
      reference = new QuantizeReference(temporary("quantize_reference"));
    });

    // llama_ftype numbers, from llama.h.
    for (const [type, ftype] of Object.entries({ Q3_K_L: 13, Q4_K_M: 15, Q4_0: 2, Q8_0: 7, BF16: 32, IQ4_XS: 30 }))
      it(`${type} of the embedded base`, async () => {
        const ours = temporary(`ours-${type}.gguf`);
        const theirs = temporary(`theirs-${type}.gguf`);
        const { bytes } = await quantize({ input: medtiny, output: ours, type, threads: 2 });
        reference.run(medtiny, theirs, ftype);
        assert.equal(bytes, statSync(theirs).size);
        assert.equal(await sha256File(ours), await sha256File(theirs));
      });

    it("Q3_K_L of stories260K, whose rows fit no K-quant", {
      skip: skipWithout("models/stories260K.gguf"),
    }, async () => {
      const input = sharedFile("models/stories260K.gguf")!;
      const { warnings } = await quantize({ input, output: temporary("ours-stories.gguf"), type: "Q3_K_L" });
      assert.match(warnings.join(), /the rows of \d+ tensors are no whole blocks/);
      reference.run(input, temporary("theirs-stories.gguf"), 13);
      assert.equal(
        await sha256File(temporary("ours-stories.gguf")),
        await sha256File(temporary("theirs-stories.gguf")),
      );
    });
  });

  it("writes llama.cpp's mix for Q3_K_L: v, o and down in Q5_K, the tied embedding in Q6_K, the rest in Q3_K", async () => {
    const output = temporary("mix.gguf");
    await quantize({ input: medtiny, output, type: "Q3_K_L" });
    const { tensors, metadata } = await readGguf(output);
    assert.equal(metadata["general.file_type"], 13);
    for (const { name, type } of tensors) {
      const expected = /norm/.test(name)
        ? "f32"
        : /attn_v|attn_output|ffn_down/.test(name)
          ? "q5_K"
          : /token_embd/.test(name)
            ? "q6_K"
            : "q3_K";
      assert.equal(type, expected, name);
    }
    assert.equal(statSync(output).mode & 0o777, 0o600);
  });

  it("reports progress and stops on request, leaving no file", async () => {
    const seen: number[] = [];
    const output = temporary("progress.gguf");
    await quantize({ input: medtiny, output, type: "Q4_0", onProgress: ({ done, total }) => seen.push(done / total) });
    assert.ok(seen.length > 10 && seen.every((share, i) => share >= (seen[i - 1] ?? 0)));
    const controller = new AbortController();
    const stopped = temporary("stopped.gguf");
    const call = quantize({
      input: medtiny,
      output: stopped,
      type: "IQ3_S",
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await rejectsWith("ABORTED", call);
    assert.deepEqual(
      readdirSync(dirname(stopped)).filter((name) => name.startsWith("stopped")),
      [],
    );
  });

  it("lists its types and refuses others", async () => {
    assert.ok(quantizeTypes().includes("Q3_K_L"));
    const output = temporary("refused.gguf");
    await rejectsWith("TYPE_UNSUPPORTED", quantize({ input: medtiny, output, type: "Q3_K_XXL" }), /Q3_K_L/);
    await quantize({ input: medtiny, output: temporary("alias.gguf"), type: "q4_k" });
    assert.equal((await readGguf(temporary("alias.gguf"))).metadata["general.file_type"], 15);
    await quantize({ input: medtiny, output: temporary("q8.gguf"), type: "Q8_0" });
    await rejectsWith(
      "QUANTIZE_FAILED",
      quantize({ input: temporary("q8.gguf"), output, type: "Q4_0" }),
      /allowRequantize/,
    );
    await quantize({
      input: temporary("q8.gguf"),
      output: temporary("again.gguf"),
      type: "Q4_0",
      allowRequantize: true,
    });
    await rejectsWith(
      "MODEL_INVALID",
      quantize({ input: repoFile("test/fixtures/gradients/odd-all.gguf"), output, type: "Q4_0" }),
      /adapter/,
    );
    assert.equal(existsSync(output), false);
  });

  it("lists only types that work, or says that one needs an importance matrix", async () => {
    const needing: string[] = [];
    for (const type of quantizeTypes()) {
      const output = temporary(`listed-${type}.gguf`);
      try {
        await quantize({ input: medtiny, output, type, threads: 2 });
        assert.ok(existsSync(output), type);
      } catch (error) {
        assert.match(String(error), /blk\.\d+\.\S+ would be written as \w+, which needs an importance matrix/, type);
        assert.equal((error as { code: string }).code, "QUANTIZE_FAILED");
        assert.equal(existsSync(output), false);
        needing.push(type);
      }
    }
    // Those of which tensor_requires_imatrix of llama.cpp says so, for tensors that medtiny has.
    assert.deepEqual(needing.sort(), [
      "IQ1_M",
      "IQ1_S",
      "IQ2_M",
      "IQ2_S",
      "IQ2_XS",
      "IQ2_XXS",
      "IQ3_XS",
      "IQ3_XXS",
      "Q2_K_S",
    ]);
    await rejectsWith("TYPE_UNSUPPORTED", quantize({ input: medtiny, output: temporary("x.gguf"), type: "NVFP4" }));
  });

  it("refuses damaged input and lets a finished file stand when a new one fails", async () => {
    const bytes = await readFile(medtiny);
    const output = temporary("standing.gguf");
    await copyFile(medtiny, output);
    const damaged = temporary("damaged.gguf");
    for (const cut of [0, 3, 20, 1000, 200_000, 5_000_000, bytes.length - 1]) {
      await writeFile(damaged, bytes.subarray(0, cut));
      await rejectsWith("MODEL_INVALID", quantize({ input: damaged, output, type: "Q4_0" }));
    }
    await rejectsWith("FILE_NOT_FOUND", quantize({ input: temporary("absent.gguf"), output, type: "Q4_0" }));
    await rejectsWith("FILE_READ", quantize({ input: dirname(damaged), output, type: "Q4_0" }));
    await rejectsWith(
      "FILE_WRITE",
      quantize({ input: medtiny, output: temporary("no/such/folder.gguf"), type: "Q4_0" }),
    );
    assert.equal(await sha256File(output), await sha256File(medtiny));
  });
});
