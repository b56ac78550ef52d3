// Claim: merging takes at most twice as long as copying the file, and little memory.
//   npm run build && npx tsc -p bench/tsconfig.json && node bench-dist/merge.js
// 1.1 billion parameters in F16 (2.2 GB, made in bench-out/), LoRA rank 16 on all linear layers. Turn about in one run:
// `cp`, `cp` and fsync, and the merge (which syncs too), each to a fresh file; medians. Of the merge's time, the SHA-256
// of the base that goes into the metadata is measured apart. Prints one JSON line.
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { mergeAdapter } from "../dist/adapter/merge.js";
import { NativeTrainer } from "../dist/native/trainer.js";
import { sha256File } from "../dist/util/hash.js";
import { SHAPE_1B, writeRandomModel } from "./randomModel.js";

const ROUNDS = 3;
const MODULES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] as const;

const here = fileURLToPath(import.meta.url);
const folder = join(dirname(dirname(here)), "bench-out");
const base = join(folder, "1b-f16.gguf");
const adapter = join(folder, "1b-lora.gguf");
const output = join(folder, "1b-out.gguf");
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

function seconds(work: () => void): number {
  rmSync(output, { force: true });
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
}

function copy(): void {
  execFileSync("cp", [base, output]);
}

function copyAndSync(): void {
  copy();
  const file = openSync(output, "r+");
  fsyncSync(file);
  closeSync(file);
}

/** In a process of its own, whose peak memory is the merge's. */
function merge(): { seconds: number; hashSeconds: number; peakRssBytes: number } {
  rmSync(output, { force: true });
  return JSON.parse(execFileSync(process.execPath, [here, "child"], { encoding: "utf8" }));
}

async function child(): Promise<void> {
  const started = performance.now();
  await mergeAdapter({ base, adapter, output });
  const elapsed = (performance.now() - started) / 1000;
  await sha256File(base);
  const hashSeconds = (performance.now() - started) / 1000 - elapsed;
  console.log(JSON.stringify({ seconds: elapsed, hashSeconds, peakRssBytes: process.resourceUsage().maxRSS * 1024 }));
}

async function main(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(base)) writeRandomModel(base, SHAPE_1B, "F16");
  if (!existsSync(adapter)) {
    await using trainer = await NativeTrainer.open({
      model: base,
      lora: { rank: 16, alpha: 32, modules: MODULES, seed: 1 },
    });
    await trainer.saveWeights(adapter);
  }
  const rounds = Array.from({ length: ROUNDS }, () => ({
    copy: seconds(copy),
    copyAndSync: seconds(copyAndSync),
    merge: merge(),
  }));
  rmSync(output, { force: true });
  const mergeSeconds = rounds.map((round) => round.merge.seconds);
  console.log(
    JSON.stringify({
      bytes: statSync(base).size,
      copySeconds: median(rounds.map((round) => round.copy)),
      copyAndSyncSeconds: median(rounds.map((round) => round.copyAndSync)),
      mergeSeconds: median(mergeSeconds),
      hashSeconds: median(rounds.map((round) => round.merge.hashSeconds)),
      ratioToCopy: median(rounds.map((round, i) => mergeSeconds[i]! / round.copy)),
      ratioToCopyAndSync: median(rounds.map((round, i) => mergeSeconds[i]! / round.copyAndSync)),
      peakRssBytes: Math.max(...rounds.map((round) => round.merge.peakRssBytes)),
    }),
  );
}

await (process.argv[2] === "child" ? child() : main());
