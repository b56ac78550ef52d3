import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { type StrategyFlags, strategiesOf } from "../../dist/cli/eval/strategies.js";
import { isMediloraError } from "../../dist/errors.js";
import { runCli } from "./helpers/cli.js";
import { temporaryFolder } from "./helpers/data.js";
import { pubmedqaJson } from "./helpers/stubRuntime.js";

const folder = await temporaryFolder();
const data = await folder.write("data.json", pubmedqaJson(["yes", "no"]));
const model = await folder.write("model.gguf", "no model");

const all: StrategyFlags = {
  ...{ selfConsistency: 5, shuffleChoices: 4, seed: 2, cot: true, cotMaxTokens: 99 },
  ...{ knnShots: 3, knnTrain: "train.json", knnModel: "bge.gguf", knnCache: "e.jsonl" },
};

test("each flag is a strategy of its own, --combine makes one of them", () => {
  assert.deepEqual(strategiesOf({ seed: 2 }), []);
  const parts = {
    selfConsistency: { samples: 5 },
    choiceShuffling: { permutations: 4, seed: 2 },
    neighbours: { train: "train.json", shots: 3, model: "bge.gguf", cache: "e.jsonl" },
    chainOfThought: { maxTokens: 99 },
  };
  assert.deepEqual(
    strategiesOf(all),
    Object.entries(parts).map(([name, value], i) => ({
      name: ["self-consistency-5", "shuffle-4", "knn-3", "cot"][i],
      strategy: { [name]: value },
    })),
  );
  assert.deepEqual(strategiesOf({ ...all, combine: true }), [
    { name: "self-consistency-5+shuffle-4+knn-3+cot", strategy: parts },
  ]);
  assert.deepEqual(strategiesOf({ cot: true }), [{ name: "cot", strategy: { chainOfThought: {} } }]);
});

test("a flag that lacks another one is refused by name", () => {
  const cases: Array<[StrategyFlags, RegExp]> = [
    [{ knnShots: 2 }, /--knn-shots needs --knn-train/],
    [{ knnTrain: "t" }, /need --knn-shots/],
    [{ knnCache: "c" }, /need --knn-shots/],
    [{ cotMaxTokens: 3 }, /--cot-max-tokens needs --cot/],
    [{ combine: true }, /--combine needs two/],
    [{ combine: true, cot: true }, /--combine needs two/],
  ];
  for (const [flags, message] of cases)
    assert.throws(
      () => strategiesOf(flags),
      (error) => isMediloraError(error) && error.code === "ARGUMENT_INVALID" && message.test(error.message),
    );
});

test("what the task does not take is refused before a model is opened", async () => {
  const refused = async (args: string[], message: RegExp, exit = 2) => {
    const { code, stdout, stderr } = await runCli(["eval", model, "--data", data, ...args]);
    assert.deepEqual([code, stdout], [exit, ""]);
    assert.match(stderr, message);
  };
  await refused(["--self-consistency", "3", "--sampler", "greedy"], /sampler greedy draws nothing/);
  await refused(["--shuffle-choices", "7"], /6 orders/);
  await refused(["--task", "pubmedqa_likelihood", "--shuffle-choices", "2"], /does not take choice shuffling/);
  await refused(["--task", "pubmedqa_likelihood", "--cot"], /--cot is for generated answers/);
  await refused(["--knn-shots", "1", "--knn-train", folder.path("none.json")], /none\.json does not exist/, 1);
  // A task whose file is absent is left out: the model is opened, and is none.
  await mkdir(folder.path("only"));
  await folder.write("only/test_set.json", pubmedqaJson(["yes", "no"]));
  const only = await runCli(["eval", model, "--task", "pubmedqa,arc_easy", "--data", folder.path("only"), "--cot"]);
  assert.match(only.stderr, /\[MODEL_INVALID\]/);
  const { code } = await runCli(["eval", model, "--data", data, "--self-consistency", "1"]);
  assert.equal(code, 2);
});

test("a dump holds the strategies' requests", async () => {
  const output = folder.path("dump.jsonl");
  const args = ["eval", "--data", data, "--self-consistency", "3", "--cot", "--dump-requests", output, "--json"];
  const { stdout, code } = await runCli(args);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { output, requests: 2 + 6 + 2 });
});
