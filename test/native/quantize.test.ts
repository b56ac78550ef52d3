import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { before, describe, it } from "node:test";
import { readGguf } from "../../dist/native/gguf.js";
import { quantize, quantizeTypes } from "../../dist/quantize/quantize.js";
import { sha256File } from "../../dist/util/hash.js";
import { rejectsWith, repoFile, sharedFile, skipWithout, temporaryFolder } from "./helpers.js";

const temporary = await temporaryFolder();
const medtiny = repoFile("assets/medtiny-f16.gguf");

/** Folder of the prebuilt llama.cpp libraries; undefined where this platform has none. */
function prebuiltFolder(): string | undefined {
  const platform = { darwin: `mac-${process.arch}`, linux: `linux-${process.arch}` }[process.platform as string];
  try {
    const entry = createRequire(import.meta.url).resolve(`@node-llama-cpp/${platform}`);
    const folder = join(dirname(dirname(entry)), "bins", `${platform}`);
    return existsSync(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

const prebuilt = prebuiltFolder();
const reference = temporary("quantize_reference");

/** Builds the reference program against the very libraries that the addon uses. */
function buildReference(): void {
  const libraries = readdirSync(prebuilt!).filter((file) =>
    /^lib(llama|ggml|ggml-base)(\.v[\d.]+)?\.(so|dylib)$/.test(file),
  );
  execFileSync("cc", [
    repoFile("test/native/quantize_reference.c"),
    ...["include", "ggml/include"].map((folder) => `-I${repoFile(`vendor/llama.cpp/${folder}`)}`),
    ...libraries.map((file) => join(prebuilt!, file)),
    `-Wl,-rpath,${prebuilt}`,
    "-o",
    reference,
  ]);
}

describe("quantize", () => {
  describe("byte for byte what llama.cpp writes", { skip: prebuilt === undefined && "no prebuilt libraries" }, () => {
    before(buildReference);

    // llama_ftype numbers, from llama.h.
    for (const [type, ftype] of Object.entries({ Q3_K_L: 13, Q4_K_M: 15, Q4_0: 2, Q8_0: 7, BF16: 32, IQ4_XS: 30 }))
      it(`${type} of the embedded base`, async () => {
        const ours = temporary(`ours-${type}.gguf`);
        const theirs = temporary(`theirs-${type}.gguf`);
        const { bytes } = await quantize({ input: medtiny, output: ours, type, threads: 2 });
        execFileSync(reference, [medtiny, theirs, String(ftype), prebuilt!]);
        assert.equal(bytes, statSync(theirs).size);
        assert.equal(await sha256File(ours), await sha256File(theirs));
      });

    it("Q3_K_L of stories260K, whose rows fit no K-quant", {
      skip: skipWithout("models/stories260K.gguf"),
    }, async () => {
      const input = sharedFile("models/stories260K.gguf")!;
      await quantize({ input, output: temporary("ours-stories.gguf"), type: "Q3_K_L" });
      execFileSync(reference, [input, temporary("theirs-stories.gguf"), "13", prebuilt!]);
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
        assert.match(String(error), /needs an importance matrix for this model, which medilora cannot give yet/, type);
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
