import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { type DumpedRequest, dumpRequests } from "../../dist/eval/dumpRequests.js";
import { evaluateWith } from "../../dist/eval/evaluate.js";
import { evaluateLikelihoodWith } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { runCli } from "./helpers/cli.js";
import { fixture, jsonLines, readJsonLines, repoFile, temporaryFolder } from "./helpers/data.js";
import { StubRuntime } from "./helpers/stubRuntime.js";
import { StubScoreRuntime } from "./helpers/stubScoreRuntime.js";

const folder = await temporaryFolder();
const pubmedqa = repoFile("assets/sample/pubmedqa-synthetic.json");
let model: string;
let medqa4: string;
let medqa5: string;

before(async () => {
  model = await folder.write("model.gguf", "weights");
  const four = { question: "Why\n[so]?", answer: "c", options: { A: "a", B: "b", C: "c", D: "d" }, answer_idx: "C" };
  medqa4 = await folder.write(
    "four.jsonl",
    jsonLines([four, { ...four, question: "How?", answer: "a", answer_idx: "A" }]),
  );
  const five = { ...four, options: { ...four.options, E: "e" }, answer: "e", answer_idx: "E" };
  medqa5 = await folder.write("five.jsonl", jsonLines([five]));
});

async function dumped(task: string, data: string, more: { limit?: number; shots?: number } = {}) {
  const output = folder.path("requests.jsonl");
  await dumpRequests({ task, data, output, ...more });
  return readJsonLines<DumpedRequest>(output);
}

/** The stub's prompt as the text that was tokenised: without BOS, ChatML's markers out of their brackets. */
function asText(prompt: string): string {
  return prompt.replace(/^\[<s>\]/, "").replace(/\[(<\|im_(?:start|end)\|>)\]/g, "$1");
}

it("writes as many requests as there are", async () => {
  // More than a call can have arguments.
  const rows = 50_000;
  const data = await folder.write("many.csv", "question,a,b,c,d,A\n".repeat(rows));
  assert.equal(await dumpRequests({ task: "mmlu_virology", data, output: folder.path("many.jsonl") }), 4 * rows);
});

describe("dumped requests are what the model is asked", () => {
  it("for generated answers, with ids and gold labels", async () => {
    for (const [task, data, limit] of [
      ["pubmedqa", pubmedqa, 20],
      ["medqa_4options", medqa4, 2],
      ["medqa_5options", medqa5, 1],
    ] as const) {
      const requests = await dumped(task, data, { limit });
      const runtime = new StubRuntime({ answer: () => "yes" });
      const { items } = await evaluateWith(runtime, { model, task, data, limit });
      assert.equal(requests.length, limit);
      assert.deepEqual(
        requests.map(({ context }) => context),
        runtime.prompts.map(asText),
      );
      assert.deepEqual(
        requests,
        items.map(({ id, gold }, i) => {
          const { context } = requests[i]!;
          return { task, docId: id, context, continuation: null, gold };
        }),
      );
    }
  });

  it("for scored choices", async () => {
    for (const [task, data] of [
      ["pubmedqa_likelihood", pubmedqa],
      ["medqa_4options_likelihood", medqa4],
      ["mmlu_anatomy", fixture("mmlu.csv")],
    ] as const) {
      const requests = await dumped(task, data);
      const runtime = new StubScoreRuntime({ logprob: () => -1 });
      const { items } = await evaluateLikelihoodWith(runtime, { model, task, data });
      assert.deepEqual(
        requests.map(({ context, continuation }) => [context, continuation]),
        runtime.texts,
      );
      assert.deepEqual(
        requests.map(({ docId, gold }) => [docId, gold]),
        items.flatMap(({ id, gold, logprobs }) => logprobs.map(() => [id, gold])),
      );
    }
  });

  it("from the command line, for generated answers too", async () => {
    const output = folder.path("cli.jsonl");
    const args = ["eval", "--task", "medqa_4options", "--data", medqa4, "--dump-requests", output];
    const { code, stdout } = await runCli([...args, "--json"]);
    assert.deepEqual([code, JSON.parse(stdout)], [0, { output, requests: 2 }]);
    assert.deepEqual(await readJsonLines(output), await dumped("medqa_4options", medqa4));
    const refused = await runCli([...args, "--shots", "2"]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /--shots is for choices scored by log-likelihood; medqa_4options is none/);
  });

  it("refuses what it would have to ignore", async () => {
    for (const [more, message] of [
      [{ shots: 1 }, /pubmedqa has no shots/],
      [{ shots: -1 }, /^shots must be/],
      [{ limit: 0 }, /^limit must be/],
      [{ limit: -1 }, /^limit must be/],
    ] as const)
      await assert.rejects(dumped("pubmedqa", pubmedqa, more), { code: "ARGUMENT_INVALID", message });
  });
});
