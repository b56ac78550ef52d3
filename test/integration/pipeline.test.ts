import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { type Finished, type RunOptions, runCli, whenStderrSays } from "../unit/helpers/cli.js";

const root = new URL("../../", import.meta.url);
const inRoot = (path: string) => fileURLToPath(new URL(path, root));
const base = inRoot("assets/medtiny-f16.gguf");
const skip = existsSync(inRoot("build/Release/medilora.node")) ? false : "the native addon is not built";

let folder: string;
const file = (name: string) => join(folder, name);
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-pipeline-"));
  const all = JSON.parse(await readFile(inRoot("assets/sample/pubmedqa-synthetic.json"), "utf8")) as object;
  await writeFile(file("source.json"), JSON.stringify(Object.fromEntries(Object.entries(all).slice(0, 24))));
  await writeFile(
    file("run.yaml"),
    `base_model: base-q4.gguf
adapter: qlora
datasets: [{path: train.jsonl, type: chatml}]
sequence_len: 512
lora_r: 4
micro_batch_size: 1
gradient_accumulation_steps: 2
num_epochs: 1
learning_rate: 2e-3
warmup_steps: 1
output_dir: out
threads: 2
`,
  );
});
after(async () => {
  await rm(folder, { recursive: true });
});

/** Runs a command that must succeed. */
async function medilora(args: string[], options: RunOptions = {}): Promise<Finished> {
  const finished = await runCli(args, { cwd: folder, ...options });
  assert.equal(finished.code, 0, `${args.join(" ")}: ${finished.stderr}`);
  return finished;
}

async function isPrivate(path: string): Promise<boolean> {
  return ((await stat(path)).mode & 0o777) === 0o600;
}

// One test after the other: each takes the files of the one before.
test("quantize makes the 4-bit base, and list names the types", { skip }, async () => {
  const { stdout, stderr } = await medilora(["quantize", base, "base-q4.gguf", "--type", "Q4_K_M"]);
  assert.equal(stdout, "base-q4.gguf: 4.7 MB, Q4_K_M\n");
  assert.match(stderr, /^quantize +\d+% {2}\d+\/56 tensors$/m);
  assert.equal(stripVTControlCharacters(stderr), stderr);
  assert.ok(!stderr.includes("\r"));
  const types = (await medilora(["quantize", "--type", "list"])).stdout.trim().split("\n");
  for (const type of ["F16", "Q8_0", "Q4_K_M", "Q3_K_L"]) assert.ok(types.includes(type), type);
});

test("prepare writes rows, held-out records and a manifest", { skip }, async () => {
  const args = ["source.json", "--output", "train.jsonl", "--eval-output", "held.json", "--eval-size", "4"];
  const { stdout } = await medilora(["prepare", "pubmedqa", ...args, "--json"]);
  const manifest = JSON.parse(stdout) as { outputs: Array<{ rows: number }> };
  assert.deepEqual(
    manifest.outputs.map(({ rows }) => rows),
    [20, 4, 0],
  );
});

test("preview marks what carries loss, by marks or by colour, on the same text", { skip }, async () => {
  const plain = (await medilora(["preview", "run.yaml"])).stdout;
  assert.match(plain, /^micro-batch 0 \(0 to 19\): 1 sequences, \d+ tokens, \d+ with loss/);
  assert.match(plain, /^--- sequence 0: \d+ tokens, \d+ with loss ---$/m);
  assert.match(plain, /⟦<\|im_start\|>\s?assistant\n(yes|no|maybe)\. [^⟧]*<\|im_end\|>\s*⟧/);
  assert.equal(stripVTControlCharacters(plain), plain);
  const color = (await medilora(["preview", "run.yaml"], { env: { FORCE_COLOR: "1" } })).stdout;
  assert.ok(color.includes("\x1b[32m<|im_start|>"));
  assert.ok(!color.includes("⟦"));
  const body = (text: string) => text.split("\n").slice(2).join("\n");
  assert.equal(body(stripVTControlCharacters(color)), body(plain).replace(/[⟦⟧]/g, ""));
});

test("preview of rows: label_span content leaves the header of the turn without loss", { skip }, async () => {
  const { stdout } = await medilora(["preview", "train.jsonl", "--model", "base-q4.gguf", "--label-span", "content"]);
  assert.match(stdout, /<\|im_start\|>\s?assistant\n⟦(yes|no|maybe)\. [^⟧]*<\|im_end\|>⟧/);
  const outside = await runCli(["preview", "run.yaml", "--batch", "20"], { cwd: folder });
  assert.equal(outside.code, 2);
  assert.match(outside.stderr, /--batch 20: there are 20 micro-batches, 0 to 19\. \[ARGUMENT_INVALID\]/);
});

test("SIGINT stops a training with exit code 130, and --resume goes on", { skip }, async () => {
  const onStart = whenStderrSays("trainable parameters", (child) => child.kill("SIGINT"));
  const args = ["train", "run.yaml", "--set", "num_epochs=2"];
  const stopped = await runCli(args, { cwd: folder, onStart });
  assert.equal(stopped.code, 130);
  assert.match(stopped.stderr, /medilora: Stopped on request after step \d+ of 20; .* \[ABORTED\]\n$/);
  const { stderr } = await medilora([...args, "--resume"]);
  assert.match(stderr, /resumed after step \d+/);
});

test("train writes adapter, metrics and loss curve; progress goes to stderr", { skip }, async () => {
  const { stdout, stderr } = await medilora(["train", "run.yaml", "--set", "output_dir=trained", "--json"]);
  const result = JSON.parse(stdout) as { output: string; steps: number; history: unknown[]; lossCurve: string };
  assert.equal(result.output, file("trained/adapter.gguf"));
  assert.equal(result.steps, 10);
  assert.equal(result.history.length, 10);
  assert.match(stderr, /^20 samples in 20 sequences, [\d,]+ tokens/m);
  assert.equal(stderr.match(/^train +\d+0% {2}step \d+\/10 {2}epoch [\d.]+ {2}loss \d+\.\d{4} {2}lr /gm)?.length, 10);
  assert.match(await readFile(result.lossCurve, "utf8"), /^<svg/);
});

test("merge and quantize make the model that eval scores beside the base", { skip }, async () => {
  const merged = await medilora([
    "merge",
    "--base",
    base,
    "--adapter",
    "trained/adapter.gguf",
    "--output",
    "merged.gguf",
  ]);
  assert.match(merged.stdout, /^merged\.gguf: 13\.8 MB, 12 tensors merged, F16\n$/);
  await medilora(["quantize", "merged.gguf", "tuned.gguf", "--type", "Q3_K_L", "--threads", "2"]);
  const args = ["--task", "pubmedqa", "--data", "held.json", "--limit", "3", "--max-tokens", "4", "--threads", "2"];
  const table = await medilora(["eval", "tuned.gguf", "base-q4.gguf", ...args, "--answers", "answers.jsonl"]);
  assert.match(table.stdout, /tuned\.gguf.*base-q4\.gguf/);
  assert.equal(table.stdout.match(/Not medical advice/g)?.length, 1);
  const json = await medilora(["eval", "tuned.gguf", ...args, "--answers", "answers.tuned.jsonl", "--json"]);
  const { results } = JSON.parse(json.stdout) as {
    results: Array<{ items: unknown[]; timings: { asked: number; resumed: number } }>;
  };
  assert.equal(results[0]?.items.length, 3);
  assert.deepEqual([results[0]?.timings.asked, results[0]?.timings.resumed], [0, 3], "the answers were kept");
  const markdown = await medilora(["eval", base, ...args, "--adapter", "trained/adapter.gguf:0.5", "--markdown"]);
  assert.match(markdown.stdout, /^\| Model \| .*medtiny-f16\.gguf \+ adapter\.gguf x 0\.5 \|$/m);
});

test("debug gradients writes a gradient for every tensor of the adapter", { skip }, async () => {
  const batch = { tokens: [1, 5, 6, 7], positions: [0, 1, 2, 3], sequences: [0, 0, 0, 0], labels: [-100, 6, 7, -100] };
  await writeFile(file("batch.json"), JSON.stringify(batch));
  const args = [
    "--model",
    base,
    "--adapter",
    "trained/adapter.gguf",
    "--batch",
    "batch.json",
    "--out",
    "gradients.json",
  ];
  await medilora(["debug", "gradients", ...args, "--checkpointing", "--threads", "1"]);
  const { labelTokens, gradients } = JSON.parse(await readFile(file("gradients.json"), "utf8")) as {
    labelTokens: number;
    gradients: Record<string, unknown>;
  };
  assert.equal(labelTokens, 2);
  assert.equal(Object.keys(gradients).length, 24);
});

test("everything that was written has mode 0600", { skip }, async () => {
  const own = new Set(["source.json", "run.yaml", "batch.json"]);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !own.has(entry.name));
  assert.ok(files.length >= 14, `${files.length} files`);
  for (const entry of files) assert.ok(await isPrivate(join(entry.parentPath, entry.name)), entry.name);
});
