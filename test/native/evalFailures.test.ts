import assert from "node:assert/strict";
import { copyFile, readFile, stat, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { runCli } from "../unit/helpers/cli.js";
import { repoFile, temporaryFolder } from "../unit/helpers/data.js";

const { path } = await temporaryFolder();
const model = repoFile("assets/medtiny-f16.gguf");
const data = repoFile("assets/sample/pubmedqa-synthetic.json");
const generated = ["--task", "pubmedqa", "--data", data, "--limit", "2", "--max-tokens", "4"];
const scored = ["--task", "pubmedqa_likelihood", "--data", data, "--limit", "2"];

describe("an evaluation that cannot end", () => {
  it("finds a prompt that only a strategy makes too long before the plain run", async () => {
    const answers = path("long.jsonl");
    const strategy = ["--cot", "--cot-max-tokens", "1000"];
    const { code, stderr } = await runCli(["eval", model, ...generated, ...strategy, "--answers", answers]);
    assert.equal(code, 1);
    assert.match(stderr, /pubmedqa-synthetic\.json, question 1 \(and 1 more\) is too long/);
    assert.doesNotMatch(stderr, /questions {2}/);
    await assert.rejects(stat(answers), { code: "ENOENT" });
  });

  it("finds one among shots that are nearest, too", async () => {
    const shots = ["--knn-shots", "20", "--knn-train", data];
    const { code, stderr } = await runCli(["eval", model, ...generated, ...shots]);
    assert.equal(code, 1);
    assert.match(stderr, /is too long/);
    assert.doesNotMatch(stderr, /questions {2}/);
  });

  it("finds an answers file of another run before the first question of the first run", async () => {
    const [first, second] = [path("first.gguf"), path("second.gguf")];
    for (const file of [first, second]) await copyFile(model, file);
    for (const [name, args] of [
      ["pubmedqa", generated],
      ["pubmedqa_likelihood", [...scored, "--bos"]],
    ] as const) {
      const answers = path(`${name}-run.jsonl`);
      const file = path(`${name}-run.second.jsonl`);
      const seed = name === "pubmedqa" ? ["--seed", "1"] : [];
      assert.equal((await runCli(["eval", second, ...args, ...seed, "--answers", file])).code, 0);
      const plain = args.filter((arg) => arg !== "--bos");
      const { code, stderr } = await runCli(["eval", first, second, ...plain, "--answers", answers]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /run\.second\.jsonl holds the answers of another run: (seed|addBos) differs/);
      assert.doesNotMatch(stderr, /questions {2}/);
      await assert.rejects(stat(path(`${name}-run.first.jsonl`)), { code: "ENOENT" });
      // Begun anew on request; what is no answers file never is.
      await writeFile(file, "no answers file\n");
      const anew = await runCli(["eval", first, second, ...plain, "--answers", answers, "--overwrite"]);
      assert.match(anew.stderr, /run\.second\.jsonl exists and is no answers file/);
      await assert.rejects(stat(path(`${name}-run.first.jsonl`)), { code: "ENOENT" });
    }
  });

  it("prints what was finished, and exits with 1", async () => {
    const [good, other] = [path("good.gguf"), path("other.gguf")];
    await copyFile(model, good);
    await writeFile(other, (await readFile(model)).subarray(0, 2_000_000));
    const args = ["eval", good, other, ...scored, "--answers", path("a.jsonl"), "--report", path("a.html")];
    const table = await runCli(args);
    assert.equal(table.code, 1);
    assert.match(table.stdout, /pubmedqa_likelihood acc .*\n/);
    assert.match(table.stdout, /good\.gguf/);
    assert.match(table.stderr, /were finished:\n.*other\.gguf/s);
    await assert.rejects(stat(path("a.html")), { code: "ENOENT" });
    const json = await runCli([...args, "--json", "--reference", "2"]);
    assert.equal(json.code, 1);
    const document = JSON.parse(json.stdout);
    assert.equal(document.results.length, 1);
    assert.equal(document.error.code, "MODEL_INVALID");
  });
});

describe("files that eval and report write", () => {
  it("do not replace what is something else", async () => {
    const [weights, questions] = [path("m.gguf"), path("q.json")];
    await copyFile(model, weights);
    await copyFile(data, questions);
    const results = path("r.json");
    await writeFile(results, (await runCli(["eval", model, ...scored, "--json"])).stdout);
    for (const [file, args] of [
      [weights, ["eval", weights, ...scored, "--report", weights]],
      [questions, ["eval", "--task", "pubmedqa", "--data", questions, "--dump-requests", questions]],
      [results, ["report", results, "--output", results]],
      [results, ["report", results, "--output", path("p.html"), "--csv", results]],
    ] as const) {
      const before = await readFile(file);
      const { code, stderr } = await runCli([...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /exists and is no (report|requests|CSV) file of medilora/);
      assert.ok((await readFile(file)).equals(before));
    }
    await assert.rejects(stat(path("p.html")), { code: "ENOENT" });
    const twice = await runCli(["report", results, "--output", path("p.html"), "--csv", path("p.html")]);
    assert.match(twice.stderr, /named for two outputs/);
  });

  it("are replaced by files of their kind, and the report takes the reference", async () => {
    const [report, csv, results] = [path("same.html"), path("same.csv"), path("two.json")];
    await writeFile(report, "");
    const run = ["eval", model, model, ...scored, "--reference", "2"];
    for (let i = 0; i < 2; i++) assert.equal((await runCli([...run, "--report", report])).code, 0);
    assert.match(await readFile(report, "utf8"), /#2<\/strong> less <strong>/);
    await writeFile(results, (await runCli([...run, "--json"])).stdout);
    const page = ["report", results, "--output", report, "--csv", csv];
    for (let i = 0; i < 2; i++) assert.equal((await runCli(page)).code, 0);
    assert.match(await readFile(report, "utf8"), /#1<\/strong> less <strong>/);
    assert.equal((await runCli([...page, "--reference", "2"])).code, 0);
    assert.match(await readFile(report, "utf8"), /#2<\/strong> less <strong>/);
    assert.match((await runCli([...page, "--reference", "3"])).stderr, /there are 2/);
  });
});
