import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { test } from "node:test";
import { runCli } from "../unit/helpers/cli.js";
import { repoFile, temporaryFolder } from "../unit/helpers/data.js";

const folder = await temporaryFolder();
const model = repoFile("assets/medtiny-f16.gguf");
const data = repoFile("assets/sample/pubmedqa-synthetic.json");

test("eval --report and --csv work for both kinds of task, with several models", async () => {
  for (const [task, question] of [
    ["pubmedqa", "Context: "],
    ["pubmedqa_likelihood", "Abstract: "],
  ] as const) {
    const report = folder.path(`${task}.html`);
    const options = [
      "--task",
      task,
      "--data",
      data,
      "--limit",
      "3",
      ...(task === "pubmedqa" ? ["--max-tokens", "4"] : []),
    ];
    const { code, stdout, stderr } = await runCli(["eval", model, model, ...options, "--csv", "--report", report]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^"model","task","metric",.*\r\n"medtiny-f16\.gguf",/);
    assert.ok(stdout.endsWith("\r\n"));
    assert.match(stderr, /^report: .*\.html$/m);
    assert.equal((await stat(report)).mode & 0o777, 0o600);
    const page = await readFile(report, "utf8");
    assert.ok(page.includes(question), "the page holds the prompts");
    assert.match(page, /medtiny-f16\.gguf \([^)]*\) #2/);
  }
});
