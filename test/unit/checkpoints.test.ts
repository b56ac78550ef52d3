import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import type { NativeTrainer } from "../../dist/native/trainer.js";
import { Checkpoints, type RunHashes, runKey } from "../../dist/train/checkpoint.js";

let root: string;
let output: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "medilora-checkpoints-"));
});
beforeEach(async () => {
  output = await mkdtemp(join(root, "run-"));
});
after(() => rm(root, { recursive: true }));

const run = (config: string, data: string): RunHashes => ({
  configSha256: config.repeat(64),
  dataSha256: data.repeat(64),
});
const A = run("a", "1");

/** Writes its note, where a real one writes tensors. */
const trainer = {
  async saveState(path: string, note: string) {
    await writeFile(path, note);
    return note.length;
  },
} as unknown as NativeTrainer;

const note = (step: number, hashes = A) => ({
  step,
  ...hashes,
  stopping: { withoutGain: 0 },
  validationDue: false,
});

/** One attempt at a run: what it starts from, and the steps that it saves. */
async function attempt(hashes: RunHashes, from: number, steps: number[], keep?: number): Promise<Checkpoints> {
  const checkpoints = new Checkpoints(output, hashes, keep);
  await checkpoints.begin(from);
  for (const step of steps) await checkpoints.save(trainer, note(step, hashes));
  return checkpoints;
}

const filesOf = async (hashes: RunHashes) => (await readdir(join(output, "checkpoints", runKey(hashes)))).sort();

test("the key shows configuration and data apart", () => {
  assert.equal(runKey(A), "aaaaaaaa-11111111");
});

test("checkpoints of another run are neither counted, removed nor taken", async () => {
  const other = run("b", "1");
  await attempt(other, 0, [2, 4, 6]);
  const checkpoints = await attempt(A, 0, [1, 2, 3], 2);
  assert.deepEqual(await filesOf(other), ["step-2.gguf", "step-4.gguf", "step-6.gguf"]);
  assert.deepEqual(await filesOf(A), ["step-2.gguf", "step-3.gguf"]);
  assert.equal(await checkpoints.newest(), join(output, "checkpoints", runKey(A), "step-3.gguf"));
});

test("a fresh attempt at the same run keeps the old checkpoints until it has saved its first one", async () => {
  await attempt(A, 0, [3, 6]);
  const again = await attempt(A, 0, [], 1);
  assert.deepEqual(await filesOf(A), ["step-3.gguf", "step-6.gguf"]);
  await again.save(trainer, note(3));
  assert.deepEqual(await filesOf(A), ["step-3.gguf"], "not the later one of before");
  await again.save(trainer, note(6));
  assert.deepEqual(await filesOf(A), ["step-6.gguf"]);
});

test("one that is resumed half-way replaces what lies ahead of it only", async () => {
  await attempt(A, 0, [2, 4, 6]);
  await attempt(A, 2, [3]);
  assert.deepEqual(await filesOf(A), ["step-2.gguf", "step-3.gguf"]);
});

test("the best weights count as a first checkpoint: an old one must not be resumed beside them", async () => {
  await attempt(A, 0, [2, 4]);
  const again = await attempt(A, 0, []);
  await again.saveBest(trainer, note(1));
  assert.deepEqual(await filesOf(A), ["best.gguf"]);
  assert.equal(await again.newest(), undefined);
});

test("what is missing is told apart: nothing at all, another configuration, other data, both", async () => {
  const messageOf = async (hashes: RunHashes) => {
    const error = await new Checkpoints(output, hashes).missing();
    assert.equal(error.code, "CHECKPOINT_INVALID");
    return error.message;
  };
  assert.match(await messageOf(A), /^There is no checkpoint in .*auto/);
  assert.equal(existsSync(join(output, "checkpoints")), false, "asking makes no folder");
  await attempt(A, 0, [1]);
  assert.match(await messageOf(run("b", "1")), /of other runs: the configuration changed/);
  assert.match(await messageOf(run("a", "2")), /of other runs: the data changed/);
  assert.match(await messageOf(run("b", "2")), /of other runs: the configuration and the data changed/);
});
