import assert from "node:assert/strict";
import { mkdir, symlink } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { defineTask } from "../../dist/eval/define/defineTask.js";
import type { GenerationDefinition, LikelihoodDefinition } from "../../dist/eval/define/schema.js";
import { evaluateWith } from "../../dist/eval/evaluate.js";
import { evaluateLikelihoodWith } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { runCli } from "./helpers/cli.js";
import { jsonLines, temporaryFolder } from "./helpers/data.js";
import { StubRuntime } from "./helpers/stubRuntime.js";
import { StubScoreRuntime } from "./helpers/stubScoreRuntime.js";

const folder = await temporaryFolder();
const script = new URL("../../dist/cli/medilora-eval.js", import.meta.url).pathname;
const cli = (args: string[], cwd = folder.path(".")) => runCli(args, { script, cwd });

before(async () => {
  await mkdir(folder.path("empty"));
  await mkdir(folder.path("bench"));
  await folder.write("bench/ARC-Easy.jsonl", jsonLines([{ question: "q", choices: ["a", "b"], answer: 0 }]));
  await folder.write("bench/openbookqa.jsonl", jsonLines([{ question: "q", choices: ["a"], answer: 0 }]));
  await folder.write("m.gguf", "no weights");
  await folder.write("own.jsonl", jsonLines([{ q: "?", g: "yes" }]));
  await folder.write(
    "own.yaml",
    'kind: generation\nname: own\ndata: own.jsonl\nprompt: "{{q}}"\ngold: {field: g, as: text}\nlabels: ["yes", "no"]\nextract: {rule: starts_with}\n',
  );
});

describe("medilora-eval, before a model is loaded", () => {
  it("without files says what to put where, and how to get it", async () => {
    const { code, stderr } = await cli(["m.gguf"], folder.path("empty"));
    assert.equal(code, 1);
    assert.match(stderr, /benchmarks holds no file of these benchmarks\. Put the published files there/);
    assert.match(stderr, /--download fetches most of them/);
    assert.match(stderr, /^- pubmedqa: PubMedQA's JSON with labels/m);
    assert.match(stderr, /^- mmlu_medical: test\/<subject>_test\.csv/m);
    assert.match(stderr, /\[FILE_NOT_FOUND\]/);
  });

  it("reads every file before the first model: a broken one is named at once", async () => {
    const { code, stderr } = await cli(["m.gguf", "--data", "bench"]);
    assert.equal(code, 1);
    assert.match(stderr, /medmcqa is left out, its file is absent/);
    assert.match(stderr, /openbookqa\.jsonl, line 1: a question needs at least two choices/);
  });

  const refused: Array<[args: string[], code: number, message: RegExp]> = [
    [
      ["m.gguf", "--task", "arc_easy", "--data", "empty"],
      1,
      /empty holds no file of these benchmarks.*\n- arc_easy: ARC-Easy/,
    ],
    [["m.gguf", "--task", "arc_easy,piqa", "--data", "own.jsonl"], 2, /Several benchmarks need a folder/],
    [["m.gguf", "--task", "arc_easy", "--task", "arc_esay"], 2, /Did you mean arc_easy\?/],
    [["m.gguf", "--task", "none.yaml"], 1, /none\.yaml does not exist/],
    [
      ["m.gguf", "--task", "own.yaml", "--shots", "1"],
      2,
      /--shots is for choices scored by log-likelihood; own is none/,
    ],
    [
      ["m.gguf", "--task", "arc_easy,piqa", "--truncate-left"],
      2,
      /--truncate-left is for generated answers; none of the tasks is one/,
    ],
    [["m.gguf", "--reference", "2"], 2, /'--reference <n>' names model 2 of 1/],
    [["m.gguf", "--baseline", "other"], 2, /Allowed choices are paper/],
    [["m.gguf", "--baseline", "paper", "--csv"], 2, /'--csv' cannot be used with option '--baseline/],
    [
      ["m.gguf", "--task", "own.yaml,arc_easy", "--data", "bench", "--cot"],
      2,
      /--cot is for generated answers; arc_easy/,
    ],
    [["m.gguf", "--task", "own.yaml", "--cot"], 2, /own does not take chain of thought/],
    [["m.gguf", "--task", "own.yaml", "--report", "none/r.html"], 1, /none/],
    [["--task", "own.yaml"], 2, /missing required argument 'models'/],
    [["--download", "--task", "own.yaml"], 2, /--download is for built-in benchmarks/],
    [["a/m.gguf", "b/m.gguf", "--task", "own.yaml", "--answers", "x"], 2, /Two models are named m/],
    [["--dump-requests", "out.jsonl", "--task", "own.yaml,arc_easy", "--data", "bench"], 2, /takes one benchmark/],
    [["m.gguf", "typo.gguf", "--task", "own.yaml"], 1, /typo\.gguf does not exist/],
    [["m.gguf", "m.gguf+none.gguf:2", "--task", "own.yaml"], 1, /none\.gguf does not exist/],
    [["m.gguf", "--task", "own.yaml", "--contamination", "none.jsonl"], 1, /none\.jsonl does not exist/],
  ];
  for (const [args, code, message] of refused)
    it(`refuses ${args.join(" ")}`, async () => {
      const result = await cli(args);
      assert.match(result.stderr, message);
      assert.equal(result.code, code);
    });

  it("two tasks of one name are refused", { skip: process.platform === "win32" }, async () => {
    await symlink(folder.path("own.yaml"), folder.path("twin.yaml"));
    const { code, stderr } = await cli(["m.gguf", "--task", "own.yaml,twin.yaml"]);
    assert.equal(code, 2);
    assert.match(stderr, /Two tasks are named own/);
  });

  it("takes a task file's own data, and --data goes before it", async () => {
    const own = await cli(["--dump-requests", "out.jsonl", "--task", "own.yaml"]);
    assert.deepEqual([own.code, own.stdout], [0, "out.jsonl: 1 requests\n"]);
    await folder.write(
      "other.jsonl",
      jsonLines([
        { q: "1", g: "no" },
        { q: "2", g: "no" },
      ]),
    );
    const other = await cli(["--dump-requests", "out.jsonl", "--task", "own.yaml", "--data", "other.jsonl", "--json"]);
    assert.deepEqual(JSON.parse(other.stdout), { output: "out.jsonl", requests: 2 });
  });

  it("--list tells where files are published and which can be fetched", async () => {
    const { stdout } = await cli(["--list"]);
    assert.match(
      stdout,
      /^ {2}hellaswag .* Data: hellaswag_val\.jsonl \(github\.com\/rowanz\/hellaswag\)\. --download fetches it\.$/m,
    );
    assert.match(stdout, /^medqa_5options \(generated\).*MedQA \(github\.com\/jind11\/MedQA\)\.$/m);
  });
});

describe("the answers file of a defined task", () => {
  it("belongs to its definition: a changed prompt or rule is another run, though the version is the same", async () => {
    const model = await folder.write("m.gguf", "weights");
    const data = folder.path("own.jsonl");
    const definition: GenerationDefinition = {
      ...{ kind: "generation", name: "own", prompt: "{{q}}", gold: { field: "g", as: "text" } },
      ...{ labels: ["yes", "no"], extract: { rule: "starts_with" } },
    };
    const answersFile = folder.path("own-answers.jsonl");
    const run = (change: Partial<GenerationDefinition> = {}) =>
      evaluateWith(new StubRuntime({ answer: () => "yes" }), {
        ...{ model, data, answersFile, task: defineTask({ ...definition, ...change }) },
      });
    const { task } = await run();
    assert.equal(task.definition, defineTask(definition).definition);
    assert.equal((await run({ description: "Said otherwise." })).timings.resumed, 1);
    await assert.rejects(run({ system: "Be brief." }), { message: /: definition differs/ });
    await assert.rejects(run({ extract: { rule: "prefix", form: "{{label}}" } }), {
      message: /: definition, extraction differ/,
    });

    const choices: LikelihoodDefinition = {
      ...{ kind: "likelihood", name: "pick", prompt: "{{q}}", gold: { field: "g", as: "text" } },
      choices: { fixed: ["yes", "no"] },
    };
    const scores = folder.path("pick-scores.jsonl");
    const score = (change: Partial<LikelihoodDefinition> = {}) =>
      evaluateLikelihoodWith(new StubScoreRuntime({ logprob: () => -1 }), {
        ...{ model, data, answersFile: scores, task: defineTask({ ...choices, ...change }) },
      });
    await score();
    await assert.rejects(score({ delimiter: "" }), { message: /: definition differs/ });
  });
});
