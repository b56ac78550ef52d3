// A training that is stopped in the middle and goes on: progress, AbortSignal, resume. In the repository, after `npm ci`:
//   node examples/node/progress-and-cancel.mjs OUTPUT_DIR
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMediloraError, parseTrainConfig, preparePubMedQA, train } from "medilora";

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("Usage: node progress-and-cancel.mjs OUTPUT_DIR");
await mkdir(folder, { recursive: true });
const asset = (name) => fileURLToPath(new URL(`../../assets/${name}`, import.meta.url));
const rows = join(folder, "train.jsonl");
await preparePubMedQA({ input: asset("sample/pubmedqa-synthetic.json"), output: rows, limit: 24 });

const config = parseTrainConfig({
  preset: "medilora",
  base_model: asset("medtiny-f16.gguf"),
  datasets: [{ path: rows, type: "chatml" }],
  output_dir: join(folder, "training"),
  sequence_len: 512,
  micro_batch_size: 1,
  warmup_steps: 1,
  // "auto": go on where a checkpoint of this very run is, else begin. `true` would fail without one.
  resume_from_checkpoint: "auto",
});

function report(event) {
  if (event.type === "start" && event.resumedFrom) console.log(`goes on behind step ${event.resumedFrom}`);
  if (event.type === "step") console.log(`step ${event.step} of ${event.totalSteps}, loss ${event.loss.toFixed(3)}`);
  if (event.type === "checkpoint") console.log(`checkpoint of step ${event.step}`);
}

// As a "Stop" button would. Abort takes effect inside a micro-batch; the last whole step is saved, then train() rejects.
const controller = new AbortController();
try {
  await train(config, {
    signal: controller.signal,
    onProgress(event) {
      report(event);
      if (event.type === "step" && event.step === 2) controller.abort();
    },
  });
} catch (error) {
  if (!isMediloraError(error) || error.code !== "ABORTED") throw error;
  console.log("stopped");
}

// The same call again. The weights come out byte for byte as without the stop.
const { output, steps } = await train(config, { onProgress: report });
console.log(`${steps} steps, ${output}`);
