import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { describe, it } from "node:test";
import type { BenchmarkResult, MetricDifference } from "../../dist/eval/benchmarkResults.js";
import { MEDICAL_NOTICE } from "../../dist/eval/evaluationResult.js";
import type { LikelihoodResult } from "../../dist/eval/loglikelihood/result.js";
import { runCli } from "../unit/helpers/cli.js";
import { gguf } from "./gguf.js";
import { repoFile, temporaryFolder } from "./helpers.js";
import { medtiny } from "./support.js";

const path = await temporaryFolder();
const adapter = path("adapter.gguf");
const matrix = (name: string, shape: [number, number]) => ({
  ...{ name: `blk.0.attn_q.weight.${name}`, shape },
  values: Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i)),
});
await writeFile(
  adapter,
  gguf(
    { "general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora", "adapter.lora.alpha": 2 },
    [matrix("lora_a", [256, 2]), matrix("lora_b", [2, 256])],
  ),
);

const script = new URL("../../dist/cli/medilora-eval.js", import.meta.url).pathname;
const cli = (...args: string[]) => runCli(args, { script });

interface Printed {
  results: BenchmarkResult[];
  comparisons?: Array<{
    task: string;
    model: string;
    strategy?: string;
    reference: string;
    metrics: MetricDifference[];
  }>;
  skipped?: Array<{ task: string }>;
}

const bones = ["femur", "tibia", "humerus", "radius", "ulna", "scapula"];
await mkdir(path("bench/arc"), { recursive: true });
await writeFile(
  path("bench/arc/ARC-Easy-Test.jsonl"),
  bones
    .map(
      (bone, i) => `${JSON.stringify({ question: `Is the ${bone} a bone?`, choices: ["yes", "no"], answer: i % 2 })}\n`,
    )
    .join(""),
);
await writeFile(
  path("own.csv"),
  `q,a,b,right\n${bones.map((bone, i) => `What is a ${bone}?,a bone,a nerve,${"AB"[i % 2]}`).join("\n")}\n`,
);
await writeFile(
  path("own.yaml"),
  `kind: likelihood\nname: own\ndata: own.csv\nprompt: "Q: {{q}}\\nA:"\nchoices: {fields: [a, b]}\ngold: {field: right, as: letter}\n`,
);
await writeFile(
  path("asked.yaml"),
  `kind: generation\nname: asked\ndata: own.csv\nprompt: "{{q}} {{choices}}"\nchoices: {fields: [a, b]}\ngold: {field: right, as: letter}\nlabels: [A, B]\nmax_tokens: 3\nextract: {rule: pattern, pattern: "\\\\(?([AB])"}\n`,
);

describe("medilora-eval on medtiny", () => {
  it("base against base with adapter, several tasks, in one table", async () => {
    const args = [
      medtiny,
      `${medtiny}+${adapter}:0.5`,
      "--task",
      `arc_easy,piqa,${path("own.yaml")},${path("asked.yaml")}`,
    ];
    const answers = path("answers.jsonl");
    const options = ["--data", path("bench"), "--threads", "1", "--sampler", "greedy", "--answers", answers];
    const { code, stdout, stderr } = await cli(...args, ...options, "--json");
    assert.equal(code, 0, stderr);
    const { results, comparisons, skipped } = JSON.parse(stdout) as Printed;
    const name = `${basename(medtiny)} + adapter.gguf x 0.5`;
    assert.deepEqual(
      results.map(({ task, adapters }) => [task.name, adapters.map(({ scale }) => scale)]),
      ["arc_easy", "own", "asked"].flatMap((task) => [
        [task, []],
        [task, [0.5]],
      ]),
    );
    assert.deepEqual(
      skipped!.map(({ task }) => task),
      ["piqa"],
    );
    assert.deepEqual(
      comparisons!.map(({ task, model, reference, metrics }) => [task, model, reference, metrics.map(({ n }) => n)]),
      [
        ["arc_easy", name, basename(medtiny), [6, 6]],
        ["own", name, basename(medtiny), [6, 6]],
        ["asked", name, basename(medtiny), [6, 6]],
      ],
    );
    // The adapter is at work, and the same as by --adapter.
    const [base, adapted] = results as [LikelihoodResult, LikelihoodResult];
    assert.notDeepEqual(base.items[0]!.logprobs, adapted.items[0]!.logprobs);
    const alike = await cli(
      medtiny,
      "--adapter",
      `${adapter}:0.5`,
      "--task",
      "arc_easy",
      ...options.slice(0, 4),
      "--json",
    );
    assert.deepEqual((JSON.parse(alike.stdout) as Printed).results[0]!.items, adapted.items);
    const stem = basename(medtiny, ".gguf");
    const files = (await readdir(dirname(answers))).filter((file) => file.startsWith("answers."));
    assert.deepEqual(
      files.sort(),
      ["arc_easy", "asked", "own"]
        .flatMap((task) => [`answers.${stem}+adapterx0.5.${task}.jsonl`, `answers.${stem}.${task}.jsonl`])
        .sort(),
    );

    // A second run answers from the files, and prints the table.
    const table = await cli(...args, ...options);
    assert.match(table.stdout, /│ own acc_norm +│/);
    assert.match(table.stdout, /│ {3}difference to result 1 +│ +│ +[+-]?\d+\.\d points/);
    assert.match(table.stdout, /Not run: piqa/);
    assert.equal(table.stdout.split(MEDICAL_NOTICE).length, 2);
  });

  it("each model with its strategies, against the plain result of the reference", async () => {
    const own = [path("asked.yaml"), "--sequences", "1", "--threads", "1", "--answers", path("votes.jsonl")];
    const report = path("report.html");
    const args = [medtiny, `${medtiny}+${adapter}`, "--task", ...own, "--self-consistency", "2", "--reference", "2"];
    const { code, stdout, stderr } = await cli(...args, "--report", report, "--json");
    assert.equal(code, 0, stderr);
    const { results, comparisons } = JSON.parse(stdout) as Printed;
    assert.deepEqual(
      results.map(({ adapters, strategy }) => [adapters.length, strategy?.label]),
      [0, 1].flatMap((count) => [
        [count, undefined],
        [count, "self-consistency 2"],
      ]),
    );
    const reference = `${basename(medtiny)} + adapter.gguf`;
    assert.deepEqual(
      comparisons!.map((one) => [one.model, one.strategy, one.reference]),
      [
        [basename(medtiny), undefined, reference],
        [basename(medtiny), "self-consistency 2", reference],
        [reference, "self-consistency 2", reference],
      ],
    );
    const page = await readFile(report, "utf8");
    assert.ok(page.includes(`${reference}, self-consistency 2`));
    // From the files: nothing is asked again.
    const again = await cli(...args, "--json");
    assert.deepEqual(
      (JSON.parse(again.stdout) as Printed).results.map(({ timings }) => [timings.asked, timings.resumed]),
      [6, 12, 6, 12].map((answers) => [0, answers]),
    );
    const table = await cli(...args);
    assert.match(table.stdout, /│ {3}difference to result 3 +│ +[+-]?\d/);
    assert.match(table.stdout, /│ Mean vote share +│ +n\/a │/);
  });

  it("says which questions the training rows hold, and scores the others", async () => {
    const data = repoFile("assets/sample/pubmedqa-synthetic.json");
    const records = JSON.parse(await readFile(data, "utf8")) as Record<string, { CONTEXTS: string[] }>;
    const [id, record] = Object.entries(records)[1]!;
    const training = path("train.jsonl");
    await writeFile(training, `${JSON.stringify({ id: "leak", text: record.CONTEXTS.join(" ") })}\n`);
    const options = ["--task", "pubmedqa_likelihood", "--limit", "4", "--threads", "1", "--json"];
    const { stdout, stderr } = await cli(medtiny, "--data", data, ...options, "--contamination", training);
    const [result] = (JSON.parse(stdout) as Printed).results as [LikelihoodResult];
    assert.match(stderr, /compared with 1 training rows/);
    assert.ok(result.contamination!.overlaps.some((overlap) => overlap.id === `pubmedqa_likelihood/${id}`));
    const { overlaps, clean } = result.contamination!;
    const cleanQuestions = clean?.tasks.reduce((sum, { n }) => sum + n, 0) ?? 0;
    assert.equal(cleanQuestions + overlaps.length, 4);
  });
});
