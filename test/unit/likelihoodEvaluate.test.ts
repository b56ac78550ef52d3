import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { type ErrorCode, isMediloraError } from "../../dist/errors.js";
import { evaluate } from "../../dist/eval/evaluate.js";
import { evaluateLikelihoodWith } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import type { LikelihoodOptions, LikelihoodProgress } from "../../dist/eval/loglikelihood/options.js";
import type { LikelihoodResult } from "../../dist/eval/loglikelihood/result.js";
import { likelihoodMarkdown, likelihoodTable } from "../../dist/report/likelihoodTable.js";
import { runCli } from "./helpers/cli.js";
import { jsonLines, temporaryFolder } from "./helpers/data.js";
import { StubScoreRuntime } from "./helpers/stubScoreRuntime.js";

const folder = await temporaryFolder();
const root = folder.path(".");
const evalScript = new URL("../../dist/cli/medilora-eval.js", import.meta.url).pathname;
let model: string;
let files = 0;

before(async () => {
  model = await folder.write("model.gguf", "weights");
  const row = (question: string, answer: number) => ({ question, choices: ["right", "wrong choice"], answer });
  await folder.write("ARC-Easy.jsonl", jsonLines([row("One?", 0), row("Two?", 0), row("Three?", 1), row("Four?", 1)]));
  await folder.write("openbookqa.jsonl", jsonLines([row("Stem", 0), row("Stem two", 1)]));
  const blank = { question: "Ann paid Eve so _ was rich.", choices: ["Ann", "Eve"], answer: 1 };
  await folder.write("winogrande.jsonl", jsonLines([blank]));
});

/** A nat a character: the shorter choice wins by sum, and all are equal by length. */
const byLength = (continuation: string) => -[...continuation].length;
const stub = (afterScore?: (given: number) => void) =>
  new StubScoreRuntime({ logprob: byLength, ...(afterScore && { afterScore }) });

function run(options: Partial<LikelihoodOptions> = {}, runtime = stub()): Promise<LikelihoodResult> {
  return evaluateLikelihoodWith(runtime, { model, task: "arc_easy", data: root, ...options });
}

function fails(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isMediloraError(error), String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

const newFile = () => folder.path(`scores-${files++}.jsonl`);
const withoutTimings = ({ timings: _, ...rest }: LikelihoodResult) => rest;

describe("a likelihood result", () => {
  it("scores every question by every metric, the data's order kept", async () => {
    const runtime = stub();
    const result = await run({}, runtime);
    assert.deepEqual(
      result.items.map(({ id, chosen, gold, scores }) => [id, chosen, gold, scores]),
      // " right" -6, " wrong choice" -13: by code points of the choice -6/5 and -13/12, so the second.
      [
        ["row-1", 1, [0], { acc_norm: 0, acc: 1 }],
        ["row-2", 1, [0], { acc_norm: 0, acc: 1 }],
        ["row-3", 1, [1], { acc_norm: 1, acc: 0 }],
        ["row-4", 1, [1], { acc_norm: 1, acc: 0 }],
      ],
    );
    assert.deepEqual(result.items[0]!.logprobs, [-6, -13]);
    const [norm, acc] = result.tasks[0]!.metrics;
    assert.deepEqual([norm!.metric, norm!.mean, acc!.metric, acc!.mean], ["acc_norm", 0.5, "acc", 0.5]);
    assert.ok(Math.abs(norm!.stderr! - Math.sqrt(0.25 / 3)) < 1e-12);
    assert.equal(result.group, null);
    assert.deepEqual(result.notes, []);
    // Choices that share their context are one request.
    assert.equal(runtime.requests.length, 4);
    assert.deepEqual(runtime.texts[0], ["Question: One?\nAnswer:", " right"]);
    assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  });

  it("of a group has its means, and says which tasks are absent and what was left out", async () => {
    const result = await run({ task: "gpt4all", limit: 2 });
    // arc_easy rows 1, 2 by acc_norm 0; openbookqa 0 and 1; winogrande a tie, so the first, wrong.
    assert.deepEqual(
      result.tasks.map(({ name, n, metrics }) => [name, n, metrics[0]!.metric, metrics[0]!.mean]),
      [
        ["arc_easy", 2, "acc_norm", 0],
        ["openbookqa", 2, "acc_norm", 0.5],
        ["winogrande", 1, "acc", 0],
      ],
    );
    assert.ok(Math.abs(result.group!.mean - 0.2) < 1e-12);
    assert.ok(Math.abs(result.group!.plainMean - 0.5 / 3) < 1e-12);
    // openbookqa alone has an error: (1 * 0.25 * 2) / (5 - 3) = 0.25; sqrt(0.25 / 5).
    assert.ok(Math.abs(result.group!.stderr! - Math.sqrt(0.05)) < 1e-12);
    assert.equal(result.data.length, 3);
    assert.match(result.notes[0]!, /3 of 7 tasks: the files of arc_challenge, boolq, hellaswag, piqa are absent/);
    assert.match(result.notes[1]!, /Only 5 of the data's 7 questions/);
  });

  it("gives each of WinoGrande's contexts a request, and BOS where asked for", async () => {
    const runtime = stub();
    const { notes } = await run({ task: "winogrande", addBos: true }, runtime);
    assert.deepEqual(runtime.texts, [
      ["[<s>]Ann paid Eve so Ann", " was rich."],
      ["[<s>]Ann paid Eve so Eve", " was rich."],
    ]);
    assert.match(notes[0]!, /BOS/);
  });

  it("notes what was cut from the left, and refuses a choice longer than the context", async () => {
    const cut = new StubScoreRuntime({ logprob: byLength, sequenceLimit: 25 });
    const { notes } = await run({ limit: 1 }, cut);
    // 26 tokens in all: 6 and 13 of the choices leave 20 and 13 of the context's 22.
    assert.deepEqual(cut.texts, [
      ["estion: One?\nAnswer:", " right"],
      [" One?\nAnswer:", " wrong choice"],
    ]);
    assert.match(notes.join(), /1 of 1 questions were cut from the left/);
    const short = new StubScoreRuntime({ logprob: byLength, sequenceLimit: 12 });
    await assert.rejects(run({}, short), fails("CONTEXT_EXCEEDED", /ARC-Easy.jsonl, line 1: A choice has 13 tokens/));
    assert.equal(short.requests.length, 0);
  });

  it("comes with progress", async () => {
    const seen: LikelihoodProgress[] = [];
    await run({ onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(
      seen.map(({ done, total }) => [done, total]),
      [1, 2, 3, 4].map((done) => [done, 4]),
    );
    assert.equal(seen[3]!.etaSeconds, 0);
  });
});

describe("a likelihood run's answers file", () => {
  it("lets a stopped run go on, asking nothing twice, with the undisturbed result", async () => {
    const undisturbed = await run();
    const answersFile = newFile();
    const stop = (given: number) => {
      if (given === 3) throw new Error("power cut");
    };
    await assert.rejects(run({ answersFile }, stub(stop)), /power cut/);
    if (process.platform !== "win32") assert.equal((await stat(answersFile)).mode & 0o777, 0o600);
    const runtime = stub();
    const resumed = await run({ answersFile }, runtime);
    assert.equal(runtime.requests.length, 1);
    assert.deepEqual([resumed.timings.asked, resumed.timings.resumed], [1, 3]);
    assert.deepEqual(withoutTimings(resumed), withoutTimings(undisturbed));
    const again = stub();
    await run({ answersFile }, again);
    assert.equal(again.opened.length, 0);
  });

  it("keeps a sum of -Infinity", async () => {
    const answersFile = newFile();
    const runtime = new StubScoreRuntime({ logprob: (text) => (text === " right" ? -Infinity : -1) });
    const once = await run({ answersFile }, runtime);
    assert.deepEqual(once.items[0]!.logprobs, [-Infinity, -1]);
    assert.deepEqual((await run({ answersFile })).items, once.items);
  });

  it("of another run is refused, naming what differs", async () => {
    const answersFile = newFile();
    await run({ answersFile });
    const before = await readFile(answersFile, "utf8");
    const other = await folder.write("other.gguf", "other weights");
    const cases: Array<[Partial<LikelihoodOptions>, RegExp]> = [
      [{ model: other }, /: model differs/],
      [{ addBos: true }, /: addBos differs/],
      [{ contextSize: 512 }, /: contextSize differs/],
      [{ task: "openbookqa" }, /: task, data differ\./],
    ];
    for (const [options, message] of cases)
      await assert.rejects(run({ answersFile, ...options }), fails("ARGUMENT_INVALID", message));
    assert.equal(await readFile(answersFile, "utf8"), before);
  });
});

describe("likelihood options", () => {
  const cases: Array<[Partial<LikelihoodOptions>, RegExp]> = [
    [{ shots: -1 }, /^shots must be an integer/],
    [{ shots: 1 }, /^arc_easy has no shots/],
    [{ limit: 0 }, /^limit/],
    [{ sequences: 257 }, /^sequences/],
    [{ contextSize: 0 }, /^contextSize/],
    [{ adapters: [{ path: "a", scale: Number.NaN }] }, /^adapters\[0\]\.scale/],
    [{ task: "arc_esay" }, /Did you mean arc_easy\?/],
    [{ task: "pubmedqa" }, /generated: use evaluate/],
  ];
  for (const [options, message] of cases)
    it(`refuse ${message.source}`, async () => {
      const runtime = stub();
      await assert.rejects(run(options, runtime), fails("ARGUMENT_INVALID", message));
      assert.equal(runtime.opened.length, 0);
    });

  it("a likelihood task is no task for evaluate", async () => {
    const wrong = evaluate({ model, task: "arc_easy", data: root });
    await assert.rejects(wrong, fails("ARGUMENT_INVALID", /use evaluateLikelihood/));
  });
});

describe("the table of likelihood results", () => {
  it("has a row a metric, the means, the notes and the notice once", async () => {
    const single = await run();
    const group = await run({ task: "gpt4all" });
    for (const render of [likelihoodTable, likelihoodMarkdown]) {
      const text = render([group, single]);
      const cells = (title: string) =>
        text
          .split("\n")
          .find((line) => line.split(/[│|]/)[1]?.trim() === title)
          ?.split(/[│|]/)
          .slice(2, -1)
          .map((cell) => cell.trim());
      assert.deepEqual(cells("arc_easy acc_norm"), ["50.0% ± 28.9", "50.0% ± 28.9"]);
      assert.deepEqual(cells("winogrande acc"), ["0.0%", "n/a"]);
      assert.deepEqual(cells("Mean by questions")![1], "n/a");
      assert.deepEqual(cells("Plain mean of tasks"), ["33.3%", "n/a"]);
      assert.deepEqual(cells("Questions"), ["7", "4"]);
      assert.equal(text.split("Not medical advice").length, 2);
      assert.match(text, /Result 2: arc_easy@1, choices scored by log-likelihood, no shots\./);
    }
  });
});

describe("medilora-eval", () => {
  const cli = (...args: string[]) => runCli(args, { script: evalScript });

  it("--list names every task with its files, without data or model", async () => {
    const { code, stdout } = await cli("--list");
    assert.equal(code, 0);
    assert.match(stdout, /^pubmedqa \(generated\): /m);
    assert.match(stdout, /^mmlu_medical \(log-likelihood\): .* Data: test\/<subject>_test\.csv/m);
    assert.match(stdout, /^ {2}mmlu_virology \(log-likelihood\)/m);
    const json = JSON.parse((await cli("--list", "--json")).stdout) as { tasks: Array<{ name: string }> };
    assert.ok(json.tasks.some(({ name }) => name === "gpt4all"));
  });

  it("--dump-requests needs no model", async () => {
    const output = folder.path("dump.jsonl");
    const { code, stdout } = await cli("--task", "arc_easy", "--data", root, "--dump-requests", output);
    assert.deepEqual([code, stdout], [0, `${output}: 8 requests\n`]);
    const [first] = (await readFile(output, "utf8")).split("\n");
    assert.deepEqual(JSON.parse(first!), {
      task: "arc_easy",
      docId: "row-1",
      context: "Question: One?\nAnswer:",
      continuation: " right",
      gold: [0],
    });
  });

  it("refuses options of the other kind of task, and no model", async () => {
    const cases: Array<[string[], RegExp]> = [
      [
        ["m.gguf", "--task", "arc_easy", "--max-tokens", "5"],
        /--max-tokens is for generated answers; arc_easy is none/,
      ],
      [
        ["m.gguf", "--task", "pubmedqa", "--shots", "5"],
        /--shots is for choices scored by log-likelihood; pubmedqa is none/,
      ],
      [["--task", "arc_easy"], /missing required argument 'models'/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await cli(...args, "--data", root);
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
  });
});
