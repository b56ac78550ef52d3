import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readState, writeState } from "../../dist/pipeline/state.js";
import { FileHashes } from "../../dist/util/fileHashes.js";
import { rejectsWith } from "../native/helpers.js";

let folder: string;
const file = (name: string) => join(folder, name);
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-files-"));
});
after(() => rm(folder, { recursive: true }));

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

test("a file is read again when it changed, even with its old size and time", async () => {
  await writeFile(file("a"), "one");
  const hashes = new FileHashes();
  assert.equal(await hashes.of(file("a")), sha256("one"));
  const { mtime, atime } = await stat(file("a"));
  await writeFile(file("a"), "two");
  await utimes(file("a"), atime, mtime);
  assert.equal(await hashes.of(file("a")), sha256("two"));
  await rejectsWith("FILE_NOT_FOUND", hashes.of(file("none")), /none does not exist/);
});

test("an unchanged file is not read again", async () => {
  await writeFile(file("b"), "text");
  const hashes = new FileHashes();
  await hashes.of(file("b"));
  hashes.known[file("b")]!.sha256 = "kept";
  assert.equal(await hashes.of(file("b")), "kept");
});

test("a folder counts with the names and contents of all files in it", async () => {
  await mkdir(file("books/more"), { recursive: true });
  await writeFile(file("books/a.txt"), "a");
  await writeFile(file("books/more/b.txt"), "b");
  const inner = sha256(`b.txt ${sha256("b")}`);
  const whole = sha256(`a.txt ${sha256("a")}\nmore ${inner}`);
  const hashes = new FileHashes();
  assert.equal(await hashes.of(file("books")), whole);
  await writeFile(file("books/more/c.txt"), "");
  assert.notEqual(await hashes.of(file("books")), whole);
});

test("a split model counts with all its parts", async () => {
  for (const part of [1, 2]) await writeFile(file(`m-0000${part}-of-00002.gguf`), `part ${part}`);
  const first = file("m-00001-of-00002.gguf");
  const hashes = new FileHashes();
  assert.equal(await hashes.of(first), sha256(`${sha256("part 1")}\n${sha256("part 2")}`));
  await rm(file("m-00002-of-00002.gguf"));
  await rejectsWith("FILE_NOT_FOUND", hashes.of(first), /m-00002-of-00002\.gguf does not exist/);
});

test("a state is read as it was written; a damaged one and another pipeline's are refused", async () => {
  assert.deepEqual(await readState(folder, "p"), { format: 1, pipeline: "p", steps: {}, files: {} });
  const state = {
    format: 1 as const,
    pipeline: "p",
    steps: { merge: { key: "k", status: "done" as const, outputs: { "merge/p.gguf": "h" } } },
    files: {},
  };
  await writeState(folder, state);
  assert.deepEqual(await readState(folder, "p"), state);
  assert.equal((await stat(file("pipeline.json"))).mode & 0o777, 0o600);
  await rejectsWith("CONFIG_INVALID", readState(folder, "q"), /holds the work of the pipeline p\./);
  await writeFile(file("pipeline.json"), '{"format": 1');
  await rejectsWith("DATA_INVALID", readState(folder, "p"), /pipeline\.json is damaged/);
});

test("a FIFO among the files of a folder is an error, not a wait for its writer", {
  skip: process.platform === "win32",
}, async () => {
  await mkdir(file("pipes"));
  execFileSync("mkfifo", [file("pipes/fifo")]);
  await rejectsWith("FILE_READ", new FileHashes().of(file("pipes")), /fifo is not a regular file/);
});
