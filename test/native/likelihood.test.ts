import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { describe, it } from "node:test";
import { evaluateLikelihood } from "../../dist/eval/loglikelihood/evaluateLikelihood.js";
import { repoFile, temporaryFolder } from "./helpers.js";
import { mmluFile, ownRows } from "./mmluRows.js";
import { medtiny, stories } from "./support.js";

const path = await temporaryFolder();

describe("an evaluation by log-likelihood", () => {
  it("runs on the package's own files, and goes on after an abort", async () => {
    const data = repoFile("assets/sample/pubmedqa-synthetic.json");
    const options = { model: medtiny, task: "pubmedqa_likelihood", data, limit: 12, threads: 1 };
    const whole = await evaluateLikelihood(options);
    assert.equal(whole.items.length, 12);
    assert.equal(whole.model.file, basename(medtiny));
    for (const { logprobs, scores, chosen, gold } of whole.items) {
      assert.ok(logprobs.length === 3 && logprobs.every((sum) => sum < 0));
      assert.equal(scores.acc, chosen === gold[0] ? 1 : 0);
    }
    const answersFile = path("scores.jsonl");
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const stopped = evaluateLikelihood({
      ...options,
      sequences: 2,
      answersFile,
      onProgress,
      signal: controller.signal,
    });
    await assert.rejects(stopped, { code: "ABORTED" });
    const resumed = await evaluateLikelihood({ ...options, answersFile });
    assert.ok(resumed.timings.resumed >= 1);
    assert.deepEqual(
      resumed.items.map(({ id, chosen }) => [id, chosen]),
      whole.items.map(({ id, chosen }) => [id, chosen]),
    );
  });

  it("counts what the model's context cuts", { skip: !existsSync(stories) && "stories260K is absent" }, async () => {
    const data = await mmluFile(path("own.csv"), ownRows(8));
    const result = await evaluateLikelihood({
      model: stories,
      task: "mmlu_anatomy",
      data,
      contextSize: 256,
      threads: 1,
    });
    assert.match(result.notes.join(), /of 8 questions were cut from the left/);
  });
});
