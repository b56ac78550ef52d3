import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { z } from "zod";
import { isMediloraError } from "../../dist/errors.js";
import { AnswersFile } from "../../dist/eval/answersFile.js";

const folder = await mkdtemp(join(tmpdir(), "medilora-answers-"));
after(() => rm(folder, { recursive: true, force: true }));
const path = join(folder, "answers.jsonl");
const open = () => AnswersFile.open(path, { model: "a" }, { schema: z.object({ id: z.string() }), overwrite: false });

test("one answers file has one evaluation at a time, and is free again after it", async () => {
  const first = await open();
  await assert.rejects(open(), (error: unknown) => isMediloraError(error) && error.code === "BUSY");
  first.append({ id: "1" });
  await first.close();
  assert.equal(existsSync(`${path}.lock`), false);
  const second = await open();
  assert.deepEqual(second.stored, [{ id: "1" }]);
  await second.close();
});

test("a file that cannot be opened is not left locked", async () => {
  const other = () =>
    AnswersFile.open(path, { model: "b" }, { schema: z.object({ id: z.string() }), overwrite: false });
  await assert.rejects(other(), (error: unknown) => isMediloraError(error) && error.code === "ARGUMENT_INVALID");
  assert.equal(existsSync(`${path}.lock`), false);
});
