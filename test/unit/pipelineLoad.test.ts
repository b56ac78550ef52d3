import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { isMediloraError } from "../../dist/errors.js";
import { checkPaths } from "../../dist/pipeline/checkPaths.js";
import { parsePipeline } from "../../dist/pipeline/load.js";
import { planPipeline } from "../../dist/pipeline/plan.js";
import { runPipeline } from "../../dist/pipeline/run.js";
import { stepsOf } from "../../dist/pipeline/steps.js";
import { rejectsWith } from "../native/helpers.js";

const MINIMAL = {
  base_model: "base.gguf",
  train: [{ name: "chat", preset: "medilora", datasets: [{ path: "rows.jsonl", type: "chatml" }] }],
};
const OPTIONS = { baseDir: "/data", source: "/data/heart.yaml" };

function problemsOf(object: unknown, check: (pipeline: ReturnType<typeof parsePipeline>) => unknown = () => {}) {
  try {
    check(parsePipeline(object, OPTIONS));
  } catch (error) {
    assert.ok(isMediloraError(error), String(error));
    assert.equal(error.code, "CONFIG_INVALID");
    assert.ok(error.message.startsWith("/data/heart.yaml"), error.message);
    return error.message.split("\n- ").slice(1);
  }
  return [];
}

test("a minimal pipeline is named after its file and has the steps train and merge", () => {
  const pipeline = parsePipeline(MINIMAL, OPTIONS);
  assert.equal(pipeline.name, "heart");
  assert.equal(pipeline.work_dir, resolve("/data/heart-work"));
  const steps = stepsOf(pipeline);
  assert.deepEqual(
    steps.map(({ id }) => id),
    ["train.chat", "merge"],
  );
  assert.deepEqual(steps[0]?.inputs, [
    { key: "base_model", path: resolve("/data/base.gguf") },
    { key: "train.chat.datasets[0]", path: resolve("/data/rows.jsonl") },
  ]);
  assert.deepEqual(steps[1]?.outputs, [resolve("/data/heart-work/merge/heart.gguf")]);
});

test("anything but a checked pipeline or a path is refused", async () => {
  for (const call of [runPipeline, planPipeline])
    for (const wrong of [MINIMAL, undefined, 3, []])
      await rejectsWith("ARGUMENT_INVALID", call(wrong as never), /parsePipeline\(\)/);
});

test("stages follow each other by their adapters, and both models are quantised alike", () => {
  const pipeline = parsePipeline(
    {
      ...MINIMAL,
      quantize_base: "Q4_K_M",
      prepare: { qa: { source: "pubmedqa", input: "q.json", eval_size: 5 } },
      train: [
        { name: "one", preset: "medilora", datasets: [{ path: "a.jsonl", type: "completion" }] },
        { name: "two", preset: "medilora", datasets: [{ prepared: "qa", type: "chatml" }] },
      ],
      quantize: { type: "Q3_K_L" },
      eval: {
        held: { task: "pubmedqa", prepared: "qa" },
        mmlu: { task: "mmlu_medical", data: "m", models: ["tuned"] },
      },
      report: {},
    },
    OPTIONS,
  );
  const steps = stepsOf(pipeline);
  const ids = steps.map(({ id }) => id);
  const evaluations = ["eval.held.base", "eval.held.tuned", "eval.mmlu.tuned"];
  assert.deepEqual(ids, [
    ...["prepare.qa", "quantize_base", "train.one", "train.two", "merge", "quantize", "quantize.base"],
    ...evaluations,
    "report",
  ]);
  const paths = (id: string) => steps[ids.indexOf(id)]!.inputs.map(({ path }) => path.replace("/data/heart-work/", ""));
  assert.deepEqual(paths("train.one"), ["quantize_base/base-Q4_K_M.gguf", resolve("/data/a.jsonl")]);
  assert.deepEqual(paths("train.two"), [
    "quantize_base/base-Q4_K_M.gguf",
    "prepare.qa/rows.jsonl",
    "train.one/adapter.gguf",
  ]);
  assert.deepEqual(paths("merge"), [resolve("/data/base.gguf"), "train.two/adapter.gguf"]);
  assert.deepEqual(paths("eval.held.base"), ["quantize.base/base-Q3_K_L.gguf", "prepare.qa/held-out.json"]);
  assert.deepEqual(paths("eval.mmlu.tuned"), ["quantize/heart-Q3_K_L.gguf", resolve("/data/m")]);
});

test("what decides a result is in a step's options, and paths, threads and logging are not", () => {
  const optionsOf = (more: object, threads?: number) =>
    JSON.stringify(
      stepsOf(parsePipeline({ ...MINIMAL, threads, train: [{ ...MINIMAL.train[0], ...more }] }, OPTIONS))[0]?.options,
    );
  const plain = optionsOf({});
  assert.equal(optionsOf({ threads: 3, logging_steps: 7, save_steps: 5, save_total_limit: 1 }, 2), plain);
  assert.equal(optionsOf({ datasets: [{ path: "elsewhere.jsonl", type: "chatml" }] }), plain);
  for (const change of [
    { lora_r: 4 },
    { seed: 1 },
    { label_span: "content" },
    { datasets: [{ path: "rows.jsonl", type: "completion" }] },
    { eval_steps: 3, val_set_size: 0.1 },
  ])
    assert.notEqual(optionsOf(change), plain, JSON.stringify(change));
});

test("problems are named with their place, and near keys with what was meant", () => {
  assert.deepEqual(problemsOf({ ...MINIMAL, quantise: { type: "Q3_K_L" } }), [
    "quantise: is no known key. Did you mean quantize?",
  ]);
  assert.deepEqual(problemsOf({ train: MINIMAL.train }), [
    "base_model: is missing. GGUF model that is trained, merged into and compared with; a float one.",
  ]);
  const prepare = (entry: object) => problemsOf({ ...MINIMAL, prepare: { qa: entry } });
  assert.deepEqual(prepare({ source: "pubmedqa", inputt: "x" }), [
    "prepare.qa.input: is missing. PubMedQA's published JSON.",
    "prepare.qa.inputt: is no known key. Did you mean input?",
  ]);
  assert.deepEqual(prepare({ source: "guidelines", input: "x", strip: "all" }), [
    "prepare.qa.strip: is only for source: textbook. Remove it.",
  ]);
  assert.match(prepare({ source: "pubmedqua", input: "x" })[0]!, /^prepare\.qa\.source: .*Did you mean pubmedqa\?$/);
});

test("references, names and tasks are checked", () => {
  const stage = MINIMAL.train[0]!;
  const cases: Array<[object, string]> = [
    [
      { train: [{ ...stage, datasets: [{ prepared: "no", type: "chatml" }] }] },
      "train[0].datasets[0].prepared: there is",
    ],
    [{ train: [{ ...stage, datasets: [{ type: "chatml" }] }] }, "train[0].datasets[0]: needs either path or prepared."],
    [{ train: [stage, stage] }, "train: two stages have one name."],
    [{ train: [{ ...stage, name: "../up" }] }, "train: the name of each entry must be"],
    [{ name: "a/b" }, "name: must be"],
    [
      { eval: { a: { task: "pubmedqua", data: "x" } } },
      "eval.a.task: There is no task of that name. Did you mean pubmedqa?",
    ],
    [{ eval: { a: { task: "mmlu_medical", data: "x", seed: 1 } } }, "eval.a.seed: has no effect"],
    [{ eval: { a: { task: "pubmedqa", data: "x", shots: 1 } } }, "eval.a.shots: has no effect"],
    [{ eval: { a: { task: "pubmedqa" } } }, "eval.a: needs either data or prepared."],
    [
      { prepare: { b: { source: "textbook", inputs: ["x"] } }, eval: { a: { task: "pubmedqa", prepared: "b" } } },
      "eval.a.prepared: only a preparation of pubmedqa",
    ],
    [{ report: {} }, "report: there is nothing to report"],
  ];
  for (const [object, expected] of cases) {
    const problems = problemsOf({ ...MINIMAL, ...object });
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.ok(problems[0]!.startsWith(expected), problems[0]);
  }
});

test("a stage's own keys are checked as a training's, with the stage's name", () => {
  const stage = MINIMAL.train[0]!;
  const steps = (more: object) => problemsOf({ ...MINIMAL, train: [{ ...stage, ...more }] }, stepsOf);
  assert.deepEqual(steps({ lora_rank: 4 }), ["lora_rank: is no known key. Did you mean lora_r?"]);
  assert.deepEqual(steps({ output_dir: "x" }), ["output_dir: is set by the pipeline. Remove it."]);
  assert.deepEqual(steps({ adapter: "none" }), ["adapter: a pipeline trains adapters. Choose lora or qlora."]);
  assert.deepEqual(steps({ deepspeed: "zero.json" }), []);
  assert.throws(() => stepsOf(parsePipeline({ ...MINIMAL, train: [{ ...stage, lora_rank: 4 }] }, OPTIONS)), {
    message: /^\/data\/heart\.yaml, train\.chat has a problem:/,
  });
  const second = { ...stage, name: "second", lora_model_dir: "a.gguf" };
  assert.deepEqual(problemsOf({ ...MINIMAL, train: [stage, second] }, stepsOf), [
    "lora_model_dir: is set by the pipeline. Remove it.",
  ]);
  assert.deepEqual(steps({ lora_model_dir: "a.gguf" }), []);
});

test("an input in a step's folder, or around it, is refused by its key; one that an earlier step makes is not", () => {
  const check = (more: object) => {
    const pipeline = parsePipeline({ ...MINIMAL, ...more }, OPTIONS);
    checkPaths(pipeline, stepsOf(pipeline));
  };
  const refused = (message: RegExp) => ({ code: "CONFIG_INVALID", message });
  const merged = resolve("/data/heart-work/merge/heart.gguf");
  assert.throws(() => check({ base_model: merged }), refused(/heart\.yaml, key base_model: .*the step merge empties/));
  assert.throws(() => check({ base_model: merged, quantize_base: "Q4_K_M" }), refused(/key base_model.*merge empties/));
  const prepare = (inputs: string[]) => ({ prepare: { books: { source: "textbook", inputs } } });
  assert.throws(
    () => check(prepare(["books", "."])),
    refused(/key prepare\.books\.inputs\[1\]: .* holds .*books, where/),
  );
  assert.throws(() => check(prepare(["heart-work/train.chat"])), refused(/train\.chat empties/));
  const training = [{ ...MINIMAL.train[0], datasets: [{ prepared: "books", type: "completion" }] }];
  check({ ...prepare(["heart-work/other", "heart-work-2"]), train: training, quantize_base: "Q4_K_M" });
  check({ base_model: "heart-work/merge2/heart.gguf" });
});
