import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type DumpedRequest, dumpRequests } from "../../dist/eval/dumpRequests.js";
import { numpyPermutation } from "../../dist/eval/tasks/numpyPermutation.js";
import { readJsonLines, shared, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
let files = 0;

async function dumped(task: string, data: string): Promise<DumpedRequest[]> {
  const output = folder.path(`dump-${files++}.jsonl`);
  await dumpRequests({ task, data, output });
  return readJsonLines<DumpedRequest>(output);
}

async function dumpedOf(value: unknown, task = "bigbench_snarks"): Promise<DumpedRequest[]> {
  return dumped(task, await folder.write(`${files++}.json`, JSON.stringify(value)));
}

const example = (input: string, right: string, ...wrong: string[]) => ({
  input,
  target_scores: Object.fromEntries([...wrong.map((choice) => [choice, 0]), [right, 1]]),
});

describe("numpy's permutation", () => {
  it("is that of numpy.random.RandomState(seed).permutation, as numpy 2.4.6 prints it", () => {
    const orders: Array<[seed: number, order: string]> = [
      [42, "0"],
      [42, "1 0"],
      [42, "0 1 2"],
      [42, "1 3 0 2"],
      [42, "1 4 2 0 3"],
      [42, "0 1 5 2 4 3"],
      [42, "0 1 5 2 4 3 6"],
      [42, "8 1 5 0 7 2 9 4 3 6"],
      [42, "11 9 0 8 5 2 1 12 4 7 10 3 6"],
      [0, "2 8 4 9 1 6 7 3 0 5"],
      [4294967295, "6 9 5 1 8 0 7 4 2 3"],
    ];
    for (const [seed, order] of orders) {
      const numbers = order.split(" ").map(Number);
      const sorted = [...numbers].sort((a, b) => a - b);
      assert.deepEqual(numpyPermutation(sorted, seed), numbers);
      assert.deepEqual(
        sorted,
        [...numbers].sort((a, b) => a - b),
      );
    }
    // Past the first 624 outputs the state is made anew.
    const long = numpyPermutation(
      Array.from({ length: 2000 }, (_, i) => i),
      42,
    );
    assert.deepEqual(
      [long.slice(0, 5), long.slice(-3)],
      [
        [1860, 353, 1333, 905, 1289],
        [860, 1459, 1126],
      ],
    );
    assert.deepEqual(numpyPermutation([], 42), []);
  });
});

describe("BIG-bench prompts", () => {
  it("have BIG-bench's defaults: choices sorted, then shuffled; scored in the file's order", async () => {
    const requests = await dumpedOf({ examples: [example("Which?", "pear", "fig", "Apple", "date")] });
    // Sorted: Apple, date, fig, pear; by the order 1 3 0 2: date, pear, Apple, fig.
    const context = "\nQ: Which?\n  choice: date\n  choice: pear\n  choice: Apple\n  choice: fig\nA: ";
    assert.deepEqual(
      requests.map((request) => [request.context, request.continuation, request.gold]),
      ["fig", "Apple", "date", "pear"].map((choice) => [context, choice, [3]]),
    );
  });

  it("are laid out as the file says, wherever it says so", async () => {
    const [first] = await dumpedOf({
      task_prefix: "Solve.\n\n",
      examples: [example("One.", "b", "a")],
      example_input_prefix: "",
      example_output_prefix: " ",
      append_choices_to_input: false,
    });
    assert.equal(first!.context, "Solve.\n\nOne. ");
    const [second] = await dumpedOf({
      example_input_prefix: "\nSentence: ",
      choice_prefix: "\n- ",
      example_output_prefix: "\nPronoun: ",
      append_choices_to_input: true,
      examples: [example("One.", "b", "a")],
    });
    assert.equal(second!.context, "\nSentence: One.\n- b\n- a\nPronoun: ");
  });

  it("leave out an example that stands twice, and keep one with the same input and other choices", async () => {
    const examples = [example("A", "x", "y"), example("A", "x", "y"), example("A", "x", "z"), example("B", "x", "y")];
    const requests = await dumpedOf({ examples });
    assert.deepEqual([...new Set(requests.map(({ docId }) => docId))], ["row-1", "row-3", "row-4"]);
  });

  it("need a file of the published form", async () => {
    for (const [value, message] of [
      [{ examples: {} }, /has no field examples that holds an array/],
      [[], /is not a JSON object/],
      [{ examples: [1] }, /row 1: is not a JSON object/],
      [{ examples: [], append_choices_to_input: 1 }, /append_choices_to_input must be true or false/],
      [{ examples: [], task_prefix: null }, /field task_prefix must be a string/],
    ] as const)
      await assert.rejects(dumpedOf(value), { code: "DATA_INVALID", message });
    await assert.rejects(dumpedOf({ examples: [] }), { code: "DATA_EMPTY" });
  });

  const { path: causal, skip } = shared("bigbench_mc/causal_judgement.json");
  it("of the published causal_judgement", { skip }, async () => {
    const [first] = await dumped("bigbench_causal_judgement", causal);
    const prefix = "How would a typical person answer each of the following questions about causation?\n\n\nQ: ";
    assert.ok(first!.context.startsWith(prefix));
    assert.ok(first!.context.endsWith("\nA: ") && !first!.context.includes("choice:"));
  });

  const sports = shared("bigbench_mc/sports_understanding.json");
  it("of the published sports_understanding, 14 of whose 1000 examples stand twice", {
    skip: sports.skip,
  }, async () => {
    assert.equal((await dumped("bigbench_sports_understanding", sports.path)).length, 2 * 986);
  });
});
