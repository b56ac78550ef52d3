import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { exportPeftAdapter } from "../../dist/adapter/exportPeft.js";
import { importPeftAdapter } from "../../dist/adapter/importPeft.js";
import { mergeAdapter } from "../../dist/adapter/merge.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { readGguf } from "../../dist/native/gguf.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { makeImatrix } from "../../dist/quantize/imatrix.js";
import { measurePerplexity } from "../../dist/quantize/perplexity.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { sha256File } from "../../dist/util/hash.js";
import { EditableGguf } from "./ggufEdit.js";
import { rejectsWith, repoFile, temporaryFolder } from "./helpers.js";

const temporary = await temporaryFolder();
const fixture = (name: string) => repoFile(`test/fixtures/gradients/${name}`);
const input = fixture("llama3-f32.gguf");
const base = fixture("odd-f32.gguf");
const adapter = fixture("odd-all.gguf");

/** Everything that native code writes, by the output's path. */
const writers: Record<string, (output: string) => Promise<unknown>> = {
  quantize: (output) => quantize({ input, output, type: "Q8_0" }),
  merge: (output) => mergeAdapter({ base, adapter, output }),
  async adapter(output) {
    await using trainer = await NativeTrainer.open({ model: base, adapter, threads: 1 });
    await trainer.saveWeights(output);
  },
};

function folder(name: string): (file: string) => string {
  mkdirSync(temporary(name));
  return (file) => `${temporary(name)}/${file}`;
}

for (const [name, write] of Object.entries(writers))
  describe(`the output of ${name}`, () => {
    it("replaces what a symbolic link points to, not the link", async () => {
      const at = folder(`link-${name}`);
      mkdirSync(at("inner"));
      writeFileSync(at("inner/real.gguf"), "old");
      symlinkSync("inner/real.gguf", at("link.gguf"));
      await write(at("link.gguf"));
      assert.equal(readlinkSync(at("link.gguf")), "inner/real.gguf");
      assert.ok(statSync(at("inner/real.gguf")).size > 1000);
      assert.equal(statSync(at("inner/real.gguf")).mode & 0o777, 0o600);
      assert.deepEqual(
        [readdirSync(at(".")).sort(), readdirSync(at("inner"))],
        [["inner", "link.gguf"], ["real.gguf"]],
      );
    });

    it("is no FIFO, device or folder", async () => {
      const at = folder(`special-${name}`);
      execFileSync("mkfifo", [at("fifo")]);
      symlinkSync("/dev/null", at("null"));
      mkdirSync(at("folder"));
      for (const target of ["fifo", "null", "folder"])
        await rejectsWith("FILE_WRITE", write(at(target)), /not a regular file/);
      assert.ok(lstatSync(at("fifo")).isFIFO() && statSync("/dev/null").isCharacterDevice());
      assert.deepEqual(readdirSync(at(".")).sort(), ["fifo", "folder", "null"]);
    });
  });

describe("an output that is an input", () => {
  it("is refused under every name, and the input stays as it was", async () => {
    const at = folder("same");
    const files = { input: at("input.gguf"), base: at("base.gguf"), adapter: at("adapter.gguf") };
    for (const [name, source] of Object.entries({ input, base, adapter })) {
      await copyFile(source, at(`${name}.gguf`));
      linkSync(at(`${name}.gguf`), at(`${name}-hard.gguf`));
      symlinkSync(`${name}.gguf`, at(`${name}-soft.gguf`));
    }
    const before = readdirSync(at(".")).sort();
    for (const ending of [".gguf", "-hard.gguf", "-soft.gguf"]) {
      const to = (name: string) => at(`${name}${ending}`);
      await rejectsWith(
        "ARGUMENT_INVALID",
        quantize({ input: files.input, output: to("input"), type: "Q8_0" }),
        /input/,
      );
      await rejectsWith("ARGUMENT_INVALID", mergeAdapter({ ...files, output: to("base") }), /input/);
      await rejectsWith("ARGUMENT_INVALID", mergeAdapter({ ...files, output: to("adapter") }), /input/);
    }
    for (const [name, source] of Object.entries({ input, base, adapter }))
      assert.equal(await sha256File(at(`${name}.gguf`)), await sha256File(source));
    assert.deepEqual(readdirSync(at(".")).sort(), before);
  });
});

describe("a later part of a split model", () => {
  it("is not replaced by what is made of the model", async () => {
    const at = (part: number) => temporary(`parts-0000${part}-of-00002.gguf`);
    const parts = new EditableGguf(readFileSync(fixture("qwen2-f32.gguf"))).split(7);
    parts.forEach((bytes, i) => {
      writeFileSync(at(i + 1), bytes);
    });
    const folder = temporary("parts-peft");
    await exportPeftAdapter({ input: fixture("qwen2-all.gguf"), base: at(1), output: folder });
    const imported = importPeftAdapter({ input: folder, base: at(1), output: at(2) });
    await rejectsWith("ARGUMENT_INVALID", imported, /one of the inputs/);
    writeFileSync(temporary("parts.txt"), "aspirin ".repeat(400));
    const medtiny = new EditableGguf(readFileSync(repoFile("assets/medtiny-f16.gguf"))).split(20);
    medtiny.forEach((bytes, i) => {
      writeFileSync(at(i + 1), bytes);
    });
    const matrix = makeImatrix({ model: at(1), data: temporary("parts.txt"), chunkSize: 64, output: at(2) });
    await rejectsWith("ARGUMENT_INVALID", matrix, /one of the inputs/);
    assert.deepEqual(readFileSync(at(2)), medtiny[1]);
  });
});

describe("a FIFO", () => {
  it("is refused at once as a model, where opening it would wait for a writer", async () => {
    const fifo = temporary("model.fifo");
    execFileSync("mkfifo", [fifo]);
    await rejectsWith("FILE_READ", readGguf(fifo), /not a regular file/);
    await rejectsWith("FILE_READ", InferenceEngine.open({ model: fifo, threads: 1 }), /not a regular file/);
    await rejectsWith("FILE_READ", quantize({ input: fifo, output: temporary("fifo.gguf"), type: "Q8_0" }));
    await rejectsWith("FILE_READ", mergeAdapter({ base, adapter: fifo, output: temporary("fifo.gguf") }));
  });

  it("is refused at once as a text, which is read twice", async () => {
    const fifo = temporary("text.fifo");
    execFileSync("mkfifo", [fifo]);
    const options = { model: repoFile("assets/medtiny-f16.gguf"), data: fifo };
    await rejectsWith("FILE_READ", makeImatrix({ ...options, output: temporary("fifo.gguf") }), /not a regular file/);
    await rejectsWith("FILE_READ", measurePerplexity(options), /not a regular file/);
  });
});

describe("what a killed process left", () => {
  it("is removed by the next write of that file; the work of living processes is not", async () => {
    const at = folder("stale");
    const sleeper = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
    const alive = sleeper.pid!;
    const ended = spawn(process.execPath, ["-e", ""]);
    await once(ended, "exit");
    const kept = [
      `out.gguf.tmp-${alive}-0`,
      `out.gguf.tmp-${ended.pid}-0.bak`,
      `other.gguf.tmp-${ended.pid}-0`,
      "out.gguf.tmp-x",
    ];
    for (const name of [...kept, `out.gguf.tmp-${ended.pid}-0`, `out.gguf.tmp-${ended.pid}-17`])
      writeFileSync(at(name), "");
    try {
      await quantize({ input, output: at("out.gguf"), type: "Q8_0" });
      assert.deepEqual(readdirSync(at(".")).sort(), [...kept, "out.gguf"].sort());
    } finally {
      sleeper.kill();
    }
  });
});
