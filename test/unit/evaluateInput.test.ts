import assert from "node:assert/strict";
import { it } from "node:test";
import { evaluate, evaluateWith } from "../../dist/eval/evaluate.js";
import { evaluateLikelihood } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { temporaryFolder } from "./helpers/data.js";
import { pubmedqaJson, StubRuntime } from "./helpers/stubRuntime.js";

const folder = await temporaryFolder();

it("a run stops while it makes tokens of its prompts", async () => {
  const data = await folder.write("data.json", pubmedqaJson(Array.from({ length: 400 }, () => "yes")));
  const model = await folder.write("model.gguf", "weights");
  const stop = new AbortController();
  const runtime = new StubRuntime({ answer: () => "yes" });
  const openTokenizer = runtime.openTokenizer.bind(runtime);
  let texts = 0;
  runtime.openTokenizer = async () => {
    const tokenizer = await openTokenizer();
    return {
      ...tokenizer,
      tokenize: (...call: Parameters<typeof tokenizer.tokenize>) => {
        texts += 1;
        setImmediate(() => stop.abort());
        return tokenizer.tokenize(...call);
      },
    };
  };
  const run = evaluateWith(runtime, { model, task: "pubmedqa", data, signal: stop.signal });
  await assert.rejects(run, { code: "ABORTED" });
  assert.ok(texts > 0 && texts < 400 * 5, `${texts}`);
  assert.deepEqual(runtime.opened, []);
});

it("options that plain JavaScript got wrong are named", async () => {
  const good = { model: "m.gguf", task: "pubmedqa", data: "d.json" };
  for (const [options, message] of [
    [undefined, /evaluate\w* needs an object/],
    [{ ...good, model: null }, /needs model/],
    [{ ...good, data: 3 }, /needs data/],
    [{ ...good, task: undefined }, /needs a task/],
    [{ ...good, task: null }, /needs a task/],
    [{ ...good, adapters: "a.gguf" }, /adapters must be a list/],
    [{ ...good, adapters: ["a.gguf"] }, /adapters must be a list/],
  ] as const)
    for (const run of [evaluate, evaluateLikelihood])
      await assert.rejects(run(options as never), { code: "ARGUMENT_INVALID", message });
});
