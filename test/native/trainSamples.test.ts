import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { parseTrainConfig } from "../../dist/config/load.js";
import type { TrainConfigInput } from "../../dist/config/schema.js";
import { preparePubMedQA } from "../../dist/data/prepare.js";
import type { TrainProgress } from "../../dist/train/progress.js";
import { train } from "../../dist/train/train.js";
import { sha256File } from "../../dist/util/hash.js";
import { repoFile, temporaryFolder } from "./helpers.js";

const temporary = await temporaryFolder();
const rows = temporary("rows.jsonl");
before(() =>
  preparePubMedQA({
    input: repoFile("assets/sample/pubmedqa-synthetic.json"),
    output: rows,
    limit: 8,
    answer: "label",
  }),
);

async function run(name: string, more: TrainConfigInput = {}) {
  const events: TrainProgress[] = [];
  const config = parseTrainConfig({
    base_model: repoFile("assets/medtiny-f16.gguf"),
    adapter: "lora",
    lora_dropout: 0.1,
    datasets: [{ path: rows, type: "chatml" }],
    micro_batch_size: 1,
    gradient_accumulation_steps: 2,
    num_epochs: 1,
    warmup_steps: 0,
    learning_rate: 5e-2,
    output_dir: temporary(name),
    threads: 2,
    eval_max_new_tokens: 6,
    ...more,
  });
  const result = await train(config, { onProgress: (event) => events.push(event) });
  const samples = events.flatMap((event) => (event.type === "samples" ? [event] : []));
  return { result, events, samples };
}

const linesOf = async (name: string) =>
  (await readFile(temporary(`${name}/samples.jsonl`), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("samples of the model under training", () => {
  it("come with each validation, of held-out rows, in a file of their own, and change nothing that is learnt", async () => {
    const more = { val_set_size: 0.25, eval_steps: 1 };
    const { result, samples } = await run("with", { ...more, eval_table_size: 2 });
    const plain = await run("without", more);
    assert.equal(await sha256File(result.output), await sha256File(plain.result.output));
    assert.deepEqual(plain.samples, []);
    assert.equal(existsSync(temporary("without/samples.jsonl")), false);
    assert.deepEqual(
      samples.map(({ step }) => step),
      [1, 2, 3],
    );
    for (const { samples: two } of samples) {
      assert.equal(two.length, 2);
      for (const { prompt, reference, heldOut } of two) {
        assert.match(prompt, /Question: .*assistant\n$/s);
        assert.match(reference, /^\s*(yes|no|maybe)$/);
        assert.equal(heldOut, true);
      }
    }
    const [notice, ...lines] = await linesOf("with");
    assert.match(String(notice!.notice), /^Not medical advice/);
    assert.deepEqual(
      lines.map(({ run: _, ...line }) => line),
      samples.flatMap(({ step, samples: some }) => some.map((one) => ({ step, ...one }))),
    );
    assert.equal(existsSync(temporary("with/.samples.gguf")), false);
    assert.doesNotMatch(await readFile(result.metrics, "utf8"), /Question/);
  });

  it("are of the adapter as it is at that step", async () => {
    const { samples } = await run("moving", { eval_table_size: 1, num_epochs: 4 });
    const texts = samples.map(({ samples: [one] }) => one!.generated);
    assert.equal(texts.length, 4);
    assert.ok(new Set(texts).size > 1, "at this rate the model cannot stay what it was");
    assert.equal(samples[0]!.samples[0]!.heldOut, false, "there is nothing held out");
  });

  it("are made of whole models and of plain texts too", async () => {
    const text = temporary("text.jsonl");
    await writeFile(
      text,
      `${JSON.stringify({ text: "The liver makes bile. Bile helps to digest fat. ".repeat(9) })}\n`,
    );
    const full: TrainConfigInput = { adapter: "none", lora_r: undefined, lora_dropout: undefined, learning_rate: 1e-4 };
    const { samples } = await run("full", {
      ...full,
      datasets: [{ path: text, type: "completion" }],
      eval_table_size: 5,
    });
    const [one, ...others] = samples[0]!.samples;
    assert.equal(others.length, 0, "there is one sample");
    assert.match(one!.prompt, /The liver makes bile/);
    assert.notEqual(one!.generated, "");
  });

  it("that cannot be made are a warning", async () => {
    const { result, events } = await run("blocked", {
      eval_table_size: 1,
      // A folder stands where the weights of the moment are to be written.
      output_dir: await blocked("blocked"),
    });
    assert.ok(existsSync(result.output));
    const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0]!, /^There are no samples of step 4: /);
  });
});

async function blocked(name: string): Promise<string> {
  await mkdir(temporary(`${name}/.samples.gguf/inside`), { recursive: true });
  return temporary(name);
}
