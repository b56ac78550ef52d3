import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { preparePubMedQA, readTrainingRun } from "../../dist/index.js";
import { repoFile } from "../native/helpers.js";
import { runCli } from "../unit/helpers/cli.js";

const skip = existsSync(repoFile("build/Release/medilora.node")) ? false : "the native addon is not built";
const folder = await mkdtemp(join(tmpdir(), "medilora-axolotl-"));
after(() => rm(folder, { recursive: true }));
const file = (name: string) => join(folder, name);

/** The fixture with another base; its other paths are in the folder already. */
async function copyOf(name: string): Promise<void> {
  const text = await readFile(repoFile(`test/fixtures/axolotl/${name}`), "utf8");
  const base = JSON.stringify(repoFile("assets/medtiny-f16.gguf"));
  await writeFile(file(name), text.replace(/^base_model: .*$/m, `base_model: ${base}`));
}

test("Axolotl's files of both stages train, one after the other", { skip }, async () => {
  await mkdir(file("data"));
  const all = Object.entries(
    JSON.parse(await readFile(repoFile("assets/sample/pubmedqa-synthetic.json"), "utf8")) as Record<
      string,
      { CONTEXTS: string[] }
    >,
  );
  const rows = all.slice(0, 4).map(([id, { CONTEXTS }]) => JSON.stringify({ id, text: CONTEXTS.join(" ") }));
  await writeFile(file("data/notes.jsonl"), rows.slice(0, 2).join("\n"));
  await writeFile(file("data/textbooks.jsonl"), rows.slice(2).join("\n"));
  await writeFile(file("questions.json"), JSON.stringify(Object.fromEntries(all.slice(4, 8))));
  await preparePubMedQA({ input: file("questions.json"), output: file("data/pubmedqa.jsonl") });
  for (const name of ["completion", "chat"]) {
    await copyOf(`${name}.yml`);
    const { code, stderr } = await runCli(["train", `${name}.yml`], { cwd: folder });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^note: Keys of Axolotl that change nothing here: load_in_4bit, /m);
    assert.ok(existsSync(file(`${name}-out/adapter.gguf`)));
    assert.ok((await readTrainingRun(file(`${name}-out`))).history.length > 0);
  }
});
