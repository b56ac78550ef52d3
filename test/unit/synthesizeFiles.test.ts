import assert from "node:assert/strict";
import { copyFile, readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import type { SynthesisBackend } from "../../dist/data/synthesize/backend.js";
import { journalPath, synthesizeRows } from "../../dist/data/synthesize/synthesize.js";
import { sha256File } from "../../dist/util/hash.js";
import { runCli } from "./helpers/cli.js";
import { jsonLines, readJsonLines, repoFile, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const from = await folder.write("from.jsonl", jsonLines([{ id: "a", text: "Rest." }]));

function backend(complete: () => Promise<void> = async () => {}, files: string[] = []): SynthesisBackend {
  return {
    id: { kind: "stub" },
    model: "stub",
    files,
    countTokens: () => 10,
    start: async () => {},
    complete: async () => {
      await complete();
      return { text: "Q: What helps?\nA: Rest.", promptTokens: 10, completionTokens: 5, complete: true };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

test("two runs on one output do not ask for a passage twice: the second is refused, and the lock goes", async () => {
  const output = folder.path("locked.jsonl");
  const run = { from, output, tokenBudget: 10_000 };
  let second: unknown;
  const first = backend(async () => {
    second = await synthesizeRows(backend(), run).catch((error: unknown) => error);
  });
  await synthesizeRows(first, run);
  assert.equal((second as { code?: string }).code, "BUSY");
  assert.match((second as Error).message, /locked\.jsonl is in use by another synthesis/);
  assert.equal((await readJsonLines(journalPath(output))).length, 2);
  assert.ok(!(await readdir(folder.path("."))).some((name) => name.endsWith(".lock")));
});

test("no output takes the place of the model or of the prices", async () => {
  const model = await folder.write("model.gguf", "weights");
  const options = { from, tokenBudget: 10_000 };
  for (const output of [model, model.replace(/model\.gguf$/, "./model.gguf")])
    await assert.rejects(synthesizeRows(backend(undefined, [model]), { ...options, output }), {
      code: "ARGUMENT_INVALID",
    });
  assert.equal(await readFile(model, "utf8"), "weights");

  const local = folder.path("local.gguf");
  await copyFile(repoFile("assets/medtiny-f16.gguf"), local);
  const before = await sha256File(local);
  const args = ["prepare", "synthesize", "--from", from, "--token-budget", "500", "--max-tokens", "20"];
  assert.equal((await runCli([...args, "--model", local, "--output", local])).code, 2);
  assert.equal(await sha256File(local), before);

  const prices = await folder.write(
    "prices.json",
    JSON.stringify({ m: { currency: "USD", prompt_per_million: 1, completion_per_million: 1 } }),
  );
  const endpoint = ["--endpoint", "http://127.0.0.1:9/v1", "--endpoint-model", "m", "--allow-upload"];
  const refused = await runCli([...args, ...endpoint, "--prices", prices, "--output", prices]);
  assert.deepEqual([refused.code, /must be different files/.test(refused.stderr)], [2, true]);
});
