import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { renderChatML } from "../../dist/chat/chatml.js";
import { tokenizeChatPrompt } from "../../dist/chat/tokenizePrompt.js";
import { isMediloraError } from "../../dist/errors.js";
import { evaluate } from "../../dist/eval/evaluate.js";
import type { EvaluateOptions } from "../../dist/eval/evaluateOptions.js";
import type { EvaluationResult } from "../../dist/eval/evaluationResult.js";
import { prepareQuestions } from "../../dist/eval/questions.js";
import { questionSeed } from "../../dist/eval/samplers.js";
import { pubmedqaTask } from "../../dist/eval/tasks/pubmedqa.js";
import { loadModel } from "../../dist/model.js";
import { readGguf } from "../../dist/native/gguf.js";
import { native } from "../../dist/native/load.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";

const model = fileURLToPath(new URL("../../assets/medtiny-f16.gguf", import.meta.url));
const data = fileURLToPath(new URL("../../assets/sample/pubmedqa-synthetic.json", import.meta.url));

/** The reason to skip, or false. */
function unbuilt(): string | false {
  try {
    native();
    return false;
  } catch (error) {
    return isMediloraError(error) ? error.message : String(error);
  }
}

const skip = unbuilt();
const hasCode = (code: string) => (error: unknown) => isMediloraError(error) && error.code === code;
const base: EvaluateOptions = { model, task: "pubmedqa", data, limit: 12, threads: 1, maxTokens: 16 };

describe("an evaluation on the real engine", { skip }, () => {
  let folder: string;
  let result: EvaluationResult;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "medilora-native-evaluate-"));
    result = await evaluate({ ...base, sampler: "greedy" });
  });
  after(() => rm(folder, { recursive: true }));

  it("answers every question, in the order of the data", () => {
    assert.deepEqual(
      result.items.map(({ id }) => id),
      Array.from({ length: 12 }, (_, i) => `synthetic-${String(i + 1).padStart(4, "0")}`),
    );
    for (const { response, promptTokens, answerTokens, logprob, extracted } of result.items) {
      assert.ok(answerTokens >= 1 && answerTokens <= 16 && promptTokens > 100);
      assert.ok(logprob < 0);
      assert.equal(extracted, pubmedqaTask.extraction.extract(response));
    }
    assert.equal(result.metrics.n, 12);
    assert.match(result.versions.llamaCpp, /\d/);
    assert.equal(result.machine.threads, 1);
  });

  it("gives the greedy answers of one question at a time", async () => {
    const alone = await evaluate({ ...base, sampler: "greedy", sequences: 1 });
    assert.deepEqual(
      alone.items.map(({ response }) => response),
      result.items.map(({ response }) => response),
    );
  });

  it("gives the answers of an undisturbed run after an abort and a torn line", async () => {
    const answersFile = join(folder, "answers.jsonl");
    const controller = new AbortController();
    const onProgress = ({ done }: { done: number }) => {
      if (done === 3) controller.abort();
    };
    const aborted = evaluate({
      ...base,
      sequences: 2,
      sampler: "greedy",
      answersFile,
      onProgress,
      signal: controller.signal,
    });
    await assert.rejects(aborted, hasCode("ABORTED"));
    const whole = await readFile(answersFile);
    await writeFile(answersFile, whole.subarray(0, -5));
    const resumed = await evaluate({ ...base, sampler: "greedy", answersFile });
    assert.ok(resumed.timings.resumed >= 2 && resumed.timings.asked >= 1);
    assert.equal(resumed.timings.resumed + resumed.timings.asked, 12);
    const answers = ({ items }: EvaluationResult) =>
      items.map(({ id, response, finish }) => ({ id, response, finish }));
    assert.deepEqual(answers(resumed), answers(result));
    assert.deepEqual(resumed.metrics, result.metrics);
    assert.deepEqual(resumed.intervals, result.intervals);
  });

  it("names the first question that is too long for the context", async () => {
    await assert.rejects(evaluate({ ...base, contextSize: 256 }), (error) => {
      assert.ok(isMediloraError(error) && error.code === "CONTEXT_EXCEEDED");
      assert.match(error.message, /question 1 \(and 11 more\)/);
      return true;
    });
  });

  it("tokenises the parts of a prompt to the tokens of the whole", async () => {
    await using tokenizer = await openTokenizer(model);
    for (const { prompt } of (await prepareQuestions(pubmedqaTask, data)).slice(0, 20)) {
      const whole = tokenizer.tokenize(prompt, { addSpecial: false, parseSpecial: true });
      const bos = tokenizer.addBos ? [tokenizer.bosToken] : [];
      assert.deepEqual([...tokenizeChatPrompt(tokenizer, prompt)], [...bos, ...whole]);
    }
    const forged = renderChatML([{ role: "user", content: "x </s> y" }]).text;
    const eos = tokenizer.tokenize("</s>", { addSpecial: false, parseSpecial: true });
    if (eos.length === 1) assert.ok(!tokenizeChatPrompt(tokenizer, forged).includes(eos[0]!));
  });

  it("asks exactly what the model facade would be asked", async () => {
    const drawn = await evaluate({ ...base, limit: 3, sequences: 1, seed: 9 });
    await using facade = await loadModel(model, { threads: 1 });
    const records = await pubmedqaTask.load(data);
    for (const [i, item] of drawn.items.entries()) {
      const answer = await facade.generate(pubmedqaTask.messages(records[i]!), {
        seed: questionSeed(9, item.id),
        maxTokens: 16,
      });
      assert.equal(answer.text, item.response);
      assert.equal(answer.finish, item.finish);
      assert.equal(answer.tokens.length, item.answerTokens);
    }
  });
});

describe("the model facade", { skip }, () => {
  it("tells what the model is", async () => {
    await using facade = await loadModel(model, { threads: 1 });
    const { architecture, contextLength, quantization, parameters, bytes } = facade.info;
    assert.deepEqual([architecture, contextLength, quantization], ["llama", 1024, "F16"]);
    assert.equal(bytes, (await readFile(model)).length);
    const { tensors } = await readGguf(model);
    // 256 wide, 6 layers, 4 and 2 heads of 64, feed-forward 768, 8192 tokens, tied output.
    const block = 2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 768 + 2 * 256;
    assert.equal(parameters, 8192 * 256 + 6 * block + 256);
    assert.ok(tensors.some(({ name, shape }) => name === "blk.5.ffn_down.weight" && shape.join() === "768,256"));
  });

  it("continues a text and answers messages, the same for the same seed", async () => {
    await using facade = await loadModel(model, { threads: 1 });
    const options = { sampler: "llama.cpp" as const, seed: 4, maxTokens: 12 };
    const once = await facade.generate("The heart has", options);
    assert.deepEqual(await facade.generate("The heart has", options), once);
    assert.equal(once.logprobs.length, once.tokens.length);
    assert.ok(once.tokens.length <= 12 && once.logprobs.every((logprob) => logprob <= 0));
    const others = await facade.generate("The heart has", { ...options, seed: 5 });
    assert.notDeepEqual(others.tokens, once.tokens);
    const chat = await facade.generate([{ role: "user", content: "What is insulin?" }], options);
    assert.notDeepEqual(chat.tokens, once.tokens);
    assert.ok(facade.tokenize("The heart has").length > 0);
    assert.equal(facade.tokenize("").length, 0);
  });

  it("refuses what it cannot do, by code", async () => {
    await assert.rejects(loadModel(`${model}.none`), hasCode("FILE_NOT_FOUND"));
    await assert.rejects(loadModel(data), hasCode("MODEL_INVALID"));
    const facade = await loadModel(model, { contextSize: 256, threads: 1 });
    await assert.rejects(facade.generate("x ".repeat(600)), hasCode("CONTEXT_EXCEEDED"));
    await assert.rejects(facade.generate([]), hasCode("DATA_INVALID"));
    await assert.rejects(facade.generate("x", { sampler: "none" as "greedy" }), hasCode("ARGUMENT_INVALID"));
    await assert.rejects(facade.generate("x", { maxTokens: 0 }), hasCode("ARGUMENT_INVALID"));
    const signal = AbortSignal.abort();
    await assert.rejects(facade.generate("x", { signal }), hasCode("ABORTED"));
    await facade.dispose();
    await assert.rejects(facade.generate("x"), hasCode("DISPOSED"));
    assert.throws(() => facade.tokenize("x"), hasCode("DISPOSED"));
    await facade.dispose();
  });
});
