import assert from "node:assert/strict";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { readTrainingRun } from "../../dist/index.js";
import { readResults } from "../../dist/report/readResults.js";
import { runCli } from "./helpers/cli.js";
import { jsonLines, temporaryFolder } from "./helpers/data.js";
import { resultOf, scoredOf, yesAnswers } from "./helpers/results.js";

const folder = await temporaryFolder();
const generated = resultOf(yesAnswers(4, (i) => i <= 3));
const scored = scoredOf([{ logprobs: [-1, -2, -Infinity], gold: [0] }]);
const results = await folder.write("results.json", JSON.stringify({ results: [generated, scored] }));

const STEPS = [
  { step: 1, epoch: 0.5, loss: 3, run: "r" },
  { step: 2, epoch: 1, loss: null, run: "r" },
  { step: 2, evalLoss: 2.5, run: "r" },
];

async function outputDir(name: string, metrics: string): Promise<string> {
  await mkdir(folder.path(name));
  await folder.write(`${name}/metrics.jsonl`, metrics);
  return folder.path(name);
}

describe("results that were kept as JSON", () => {
  it("are read as they were, a probability of 0 included", async () => {
    const [first, second] = await readResults(results);
    const text = await readFile(results, "utf8");
    for (const [name, marked] of [
      ["utf8.json", Buffer.from(`\ufeff${text}`)],
      ["utf16.json", Buffer.from(`\ufeff${text}`, "utf16le")],
    ] as const) {
      await writeFile(folder.path(name), marked);
      assert.deepEqual(await readResults(folder.path(name)), [first, second], "as Windows PowerShell redirects it");
    }
    assert.deepEqual(first!.items[3], { ...generated.items[3] });
    assert.ok("tasks" in second!);
    assert.deepEqual(second.items[0]!.logprobs, [-1, -2, -Infinity]);
  });

  it("are refused with file and field, without a word of their text", async () => {
    const broken = structuredClone(generated) as unknown as { items: Array<Record<string, unknown>> };
    broken.items[2]!.response = { secret: 1 };
    const cases: Array<[string, RegExp]> = [
      ["{secret", /broken\.json is not valid JSON/],
      ["[]", /broken\.json: field results must be a list of results/],
      ["null", /field results/],
      [JSON.stringify({ error: { code: "secret" } }), /field results/],
      [JSON.stringify({ results: [broken] }), /broken\.json: results\[0\]\.items\[2\]\.response: .*expected string/],
    ];
    for (const [text, message] of cases) {
      const path = await folder.write("broken.json", text);
      await assert.rejects(readResults(path), (error: Error & { code: string }) => {
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /secret/);
        return error.code === "DATA_INVALID";
      });
    }
    await assert.rejects(readResults(folder.path("none.json")), { code: "FILE_NOT_FOUND" });
  });
});

describe("a training's losses", () => {
  it("are read from its folder, a line that is being written left out", async () => {
    const path = await outputDir("run-1", `${jsonLines(STEPS)}{"step":3,"ep`);
    const { name, history } = await readTrainingRun(`${path}/`);
    assert.equal(name, "run-1");
    assert.deepEqual(history, [
      { step: 1, epoch: 0.5, loss: 3 },
      { step: 2, epoch: 1, loss: Number.NaN, evalLoss: 2.5 },
    ]);
  });

  it("are refused with the line where a line is none of a training, and where no loss is finite", async () => {
    const odd = await outputDir("odd", `${jsonLines(STEPS)}{"step":"secret"}\n`);
    await assert.rejects(readTrainingRun(odd), {
      code: "DATA_INVALID",
      message: /metrics\.jsonl, line 4 holds neither/,
    });
    const none = await outputDir("none", jsonLines(STEPS.slice(1)));
    await assert.rejects(readTrainingRun(none), { code: "DATA_EMPTY" });
    await assert.rejects(readTrainingRun(folder.path("absent")), { code: "FILE_NOT_FOUND" });
  });
});

describe("medilora report", () => {
  it("makes a page of trainings alone, and wants something to show", async () => {
    const lines = [
      { step: 1, epoch: 0.5, loss: 3, learningRate: 1e-4 },
      { step: 2, epoch: 1, loss: 2, learningRate: 5e-5 },
      { step: 2, evalLoss: 2.5 },
    ];
    const output = folder.path("curves.html");
    const train = ["--train", await outputDir("alone", jsonLines(lines))];
    const { code, stdout, stderr } = await runCli(["report", ...train, "--output", output]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${output}: loss of alone\n`);
    const page = await readFile(output, "utf8");
    for (const part of [
      "<title>Loss curves</title>",
      'class="rate"',
      'class="validation"',
      "default-src 'none'; style-src",
    ])
      assert.ok(page.includes(part), part);
    assert.equal(page.split("Not medical advice").length, 2);
    assert.doesNotMatch(page, /<script/);
    assert.equal((await stat(output)).mode & 0o777, 0o600);
    for (const args of [[], [...train, "--csv", folder.path("s.csv")]])
      assert.equal((await runCli(["report", ...args, "--output", output])).code, 2);
  });

  it("writes the page, and on request the tables, for the owner alone", async () => {
    const run = await outputDir("run-2", jsonLines(STEPS));
    const [output, csv, questions] = ["r.html", "r.csv", "q.csv"].map((name) => folder.path(name)) as [
      string,
      string,
      string,
    ];
    const args = ["report", results, results, "--output", output, "--train", run, "--title", "A & B"];
    const { code, stdout, stderr } = await runCli([...args, "--csv", csv, "--questions-csv", questions, "--json"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(JSON.parse(stdout), { results: 4, files: [output, csv, questions] });
    for (const path of [output, csv, questions]) assert.equal((await stat(path)).mode & 0o777, 0o600);
    const page = await readFile(output, "utf8");
    assert.match(page, /<title>A &amp; B<\/title>/);
    assert.match(page, /Loss of run-2/);
    assert.match(await readFile(csv, "utf8"), /^"model","task","metric"/);
    assert.match(await readFile(questions, "utf8"), /"response yes"/);
    const text = await runCli(["report", results, "--output", output]);
    assert.equal(text.stdout, `${output}: 2 results\n`);
  });

  it("fails with the file that is wrong, and writes nothing", async () => {
    const output = folder.path("never.html");
    const { code, stderr } = await runCli(["report", results, folder.path("absent.json"), "--output", output]);
    assert.equal(code, 1);
    assert.match(stderr, /absent\.json does not exist/);
    await assert.rejects(stat(output), { code: "ENOENT" });
    assert.equal((await runCli(["report", results])).code, 2);
  });
});

describe("medilora eval", () => {
  it("refuses a report that cannot be written before it loads a model", async () => {
    const data = await folder.write("data.json", "{}");
    const args = ["eval", "absent.gguf", "--data", data, "--report", folder.path("nowhere/r.html")];
    const { code, stderr } = await runCli(args);
    assert.equal(code, 1);
    assert.match(stderr, /nowhere\/r\.html cannot be written .* \[FILE_WRITE\]/);
    const both = await runCli(["eval", "absent.gguf", "--data", data, "--csv", "--json"]);
    assert.equal(both.code, 2);
  });
});
