// The main job through the API: rows, adapter, merge, quantise, evaluate. Run in the repository, after `npm ci`:
//   node examples/node/train-and-evaluate.mjs OUTPUT_DIR
// With a model and data of your own, change the paths. Here the demo's model answers synthetic questions: it learns the form of
// an answer, no medicine.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { evaluate, evaluationTable, mergeAdapter, parseTrainConfig, preparePubMedQA, quantize, train } from "medilora";

const folder = process.argv[2];
if (folder === undefined) {
  console.error("Usage: node train-and-evaluate.mjs OUTPUT_DIR");
  process.exit(2);
}
const asset = (name) => fileURLToPath(new URL(`../../assets/${name}`, import.meta.url));
const file = (name) => join(folder, name);
await mkdir(folder, { recursive: true });

// Ctrl-C stops the training in order: a checkpoint is written, and the next run goes on from it.
const controller = new AbortController();
process.once("SIGINT", () => controller.abort());
const { signal } = controller;

await preparePubMedQA({
  input: asset("sample/pubmedqa-synthetic.json"),
  output: file("train.jsonl"),
  evalOutput: file("held-out.json"),
  evalSize: 20,
  limit: 40,
  answer: "label",
});

const config = parseTrainConfig({
  preset: "medilora",
  base_model: asset("medtiny-f16.gguf"),
  datasets: [{ path: file("train.jsonl"), type: "chatml" }],
  output_dir: file("training"),
  sequence_len: 1024,
  num_epochs: 1,
  warmup_steps: 1,
  resume_from_checkpoint: "auto",
});
const { output: adapter } = await train(config, {
  signal,
  onProgress: (event) => {
    if (event.type === "step") console.error(`step ${event.step}/${event.totalSteps}, loss ${event.loss.toFixed(3)}`);
  },
});

await mergeAdapter({ base: asset("medtiny-f16.gguf"), adapter, output: file("tuned-f16.gguf"), signal });
await quantize({ input: file("tuned-f16.gguf"), output: file("tuned-q3.gguf"), type: "Q3_K_L", signal });
const result = await evaluate({ model: file("tuned-q3.gguf"), task: "pubmedqa", data: file("held-out.json"), signal });
console.log(evaluationTable([result]));
