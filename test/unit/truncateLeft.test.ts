import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { isMediloraError } from "../../dist/errors.js";
import { evaluateWith } from "../../dist/eval/evaluate.js";
import type { EvaluateOptions } from "../../dist/eval/evaluateOptions.js";
import type { GenerationTask } from "../../dist/eval/task.js";
import { jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";
import { StubRuntime } from "./helpers/stubRuntime.js";

const folder = await temporaryFolder();
let model: string;
let data: string;
before(async () => {
  model = await folder.write("model.gguf", "weights");
  data = await folder.write("data.jsonl", jsonLines([]));
});

const texts = ["short", "0123456789abcdefghij", "😀😀😀😀😀😀😀😀😀😀end"];
const task: GenerationTask<{ id: string; text: string }> = {
  ...{ name: "t", version: 1, description: "", files: "", labels: ["yes", "no"], maxTokens: 4 },
  extraction: { id: "t/any@1", extract: () => "yes" },
  load: async () => texts.map((text, i) => ({ id: `q${i}`, text })),
  id: ({ id }) => id,
  messages: ({ text }) => [
    { role: "system", content: "S" },
    { role: "user", content: text },
  ],
  gold: () => "yes",
};

// BOS, then one token a character and one a marker: "system\nS", "\n", "user\n...", "\n", "assistant\n".
const FRAME = 1 + (1 + 8 + 1 + 1) + (1 + 5 + 1 + 1) + (1 + 10);
const run = (sequenceLimit: number, options: Partial<EvaluateOptions> = {}) => {
  const runtime = new StubRuntime({ answer: () => "yes", sequenceLimit });
  return { runtime, result: evaluateWith(runtime, { model, task, data, truncateLeft: true, ...options }) };
};

describe("--truncate-left", () => {
  it("cuts the beginning of the user's text, to the last token, and nothing else", async () => {
    const { runtime, result } = run(FRAME + 8 + 4);
    const { items, notes } = await result;
    assert.deepEqual(runtime.prompts, [
      "[<s>][<|im_start|>]system\nS[<|im_end|>]\n[<|im_start|>]user\nshort[<|im_end|>]\n[<|im_start|>]assistant\n",
      "[<s>][<|im_start|>]system\nS[<|im_end|>]\n[<|im_start|>]user\ncdefghij[<|im_end|>]\n[<|im_start|>]assistant\n",
      // Characters of two UTF-16 units stay whole.
      "[<s>][<|im_start|>]system\nS[<|im_end|>]\n[<|im_start|>]user\n😀😀😀😀😀end[<|im_end|>]\n[<|im_start|>]assistant\n",
    ]);
    assert.deepEqual(
      items.map(({ cut, promptTokens }) => [cut, promptTokens]),
      [
        [undefined, FRAME + 5],
        [12, FRAME + 8],
        [5, FRAME + 8],
      ],
    );
    assert.ok(notes.includes("2 of 3 prompts were too long: the beginning of the user's text was cut off."));
  });

  it("leaves at least one character, else the question is an error by its id", async () => {
    const { items } = await run(FRAME + 1 + 4).result;
    assert.equal(items[1]!.cut, 19);
    const { runtime, result } = run(FRAME + 4);
    await assert.rejects(result, (error) => {
      assert.ok(isMediloraError(error) && error.code === "CONTEXT_EXCEEDED");
      assert.match(error.message, /question 1 \(and 2 more\) is too long: .* cutting the user's text does not help/);
      assert.ok(!error.message.includes("short"));
      return true;
    });
    assert.equal(runtime.requests.length, 0);
  });

  it("is off unless asked for, and the error names it", async () => {
    const { result } = run(FRAME + 8 + 4, { truncateLeft: false });
    await assert.rejects(result, { code: "CONTEXT_EXCEEDED", message: /question 2 \(and 1 more\).* truncateLeft, / });
  });

  it("is part of the answers file's key, with the context that decides what is cut", async () => {
    const answersFile = folder.path("answers.jsonl");
    await run(FRAME + 8 + 4, { answersFile }).result;
    const [header, , second] = await readJsonLines<{ key?: object; cut?: number }>(answersFile);
    assert.equal((header!.key as { truncateLeft: string }).truncateLeft, "model");
    assert.ok(second!.cut! > 0);
    const again = run(FRAME + 8 + 4, { answersFile });
    assert.equal((await again.result).timings.resumed, 3);
    for (const other of [{ truncateLeft: false }, { contextSize: 64 }])
      await assert.rejects(run(1000, { answersFile, ...other }).result, { message: /: truncateLeft differs/ });
  });

  it("cuts the prompt of every answer of a strategy", async () => {
    const strategy = { selfConsistency: { samples: 2 } };
    const { runtime, result } = run(FRAME + 8 + 4, { strategy });
    const { items, notes } = await result;
    assert.equal(runtime.prompts.filter((prompt) => prompt.includes("user\ncdefghij[")).length, 2);
    assert.deepEqual(
      items.map(({ cut, vote }) => [cut, vote!.ballots.length]),
      [
        [undefined, 2],
        [12, 2],
        [5, 2],
      ],
    );
    assert.ok(notes.includes("4 of 6 prompts were too long: the beginning of the user's text was cut off."));
  });

  it("under a strategy belongs to the key of the answers, as the strategy does", async () => {
    const answersFile = folder.path("votes.jsonl");
    const strategy = { selfConsistency: { samples: 2 } };
    await run(FRAME + 8 + 4, { answersFile, strategy }).result;
    const again = run(FRAME + 8 + 4, { answersFile, strategy });
    assert.equal((await again.result).timings.resumed, 6);
    await assert.rejects(run(1000, { answersFile }).result, { message: /: strategy differs/ });
    await assert.rejects(run(1000, { answersFile, strategy, truncateLeft: false }).result, {
      message: /: truncateLeft differs/,
    });
  });
});
