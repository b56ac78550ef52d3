// `npm run bench`: the claims of the README about speed on this machine, as Markdown and JSON in bench-out/.
//   npm run bench [-- --quick] [-- --7b]
// --quick: smaller products and fewer questions, which still shows whether something has become slow.
// The models are made there by the script: 250M parameters (0.15 GB) and, with --7b, 7B (4 GB).
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { quantize } from "../dist/quantize/quantize.js";
import { SHAPE_7B, SHAPE_250M, writeRandomModel } from "./randomModel.js";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(dirname(here), "bench-out");
const large = process.argv.includes("--7b");
const quick = process.argv.includes("--quick");
mkdirSync(out, { recursive: true });

function run(script: string, args: string[], env: Record<string, string> = {}): string {
  console.error(`bench: ${script} ${args.join(" ")} ${JSON.stringify(env)}`);
  const options = { env: { ...process.env, ...env }, encoding: "utf8", maxBuffer: 1e8 } as const;
  return execFileSync(process.execPath, [join(here, script), ...args], {
    ...options,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** What engine.js prints. */
interface EngineRates {
  questions: number;
  promptTokens: number;
  questionsPerSecond: Record<string, number>;
  batchedOverNodeLlamaCpp: number;
  batchedOverOneByOne: number;
  batchedOverOneByOneGgml: number;
  lettersOverOneByOne: number;
}

const record = (text: string) => JSON.parse(text) as Record<string, number>;
const model = (name: string) => join(out, name);

async function makeModels(): Promise<void> {
  if (!existsSync(model("250m-q4_k.gguf"))) writeRandomModel(model("250m-q4_k.gguf"), SHAPE_250M);
  if (!existsSync(model("250m-q3_k_l.gguf")))
    await quantize({
      input: model("250m-q4_k.gguf"),
      output: model("250m-q3_k_l.gguf"),
      type: "Q3_K_L",
      allowRequantize: true,
    });
  if (large && !existsSync(model("7b-q4_k.gguf"))) writeRandomModel(model("7b-q4_k.gguf"), SHAPE_7B);
}

function trainingRow(name: string, result: Record<string, number>): string {
  const { tokensPerSecond, gflops, shareOfPeak, peakRssBytes, predictedBytes } = result as Record<string, number>;
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);
  return `| ${name} | ${tokensPerSecond!.toFixed(0)} | ${gflops!.toFixed(0)} | ${(100 * shareOfPeak!).toFixed(0)}% | ${gigabytes(peakRssBytes!)} | ${gigabytes(predictedBytes!)} |`;
}

function engineRows({ questionsPerSecond: rates, ...engine }: EngineRates): string {
  const row = (name: string, rate: number, slower?: number) =>
    `| ${name} | ${rate.toFixed(2)} | ${slower === undefined ? "" : slower.toFixed(1)} |`;
  return [
    row("together", rates.batched!),
    row("node-llama-cpp, one by one", rates.nodeLlamaCpp!, engine.batchedOverNodeLlamaCpp),
    row("this engine, one by one", rates.oneByOne!, engine.batchedOverOneByOne),
    row("this engine with ggml's kernels, one by one", rates.oneByOneGgml!, engine.batchedOverOneByOneGgml),
    row("log-likelihood of four letters, together", rates.letters!),
    row("a call a letter", rates.lettersOneByOne!, engine.lettersOverOneByOne),
  ].join("\n");
}

await makeModels();
const gemm = run("gemm.js", quick ? ["--quick"] : []);
const small = record(run("training.js", ["250m", model("250m-q4_k.gguf"), "512"]));
const ggml = record(run("training.js", ["250m", model("250m-q4_k.gguf"), "512"], { MEDILORA_GEMM: "off" }));
const prompts = record(run("promptProcessing.js", [model("250m-q3_k_l.gguf")]));
const engine = JSON.parse(run("engine.js", [model("250m-q3_k_l.gguf"), quick ? "8" : "50"])) as EngineRates;
const seven = large
  ? [512, 2048].map((tokens) => record(run("training.js", ["7b", model("7b-q4_k.gguf"), String(tokens)])))
  : [];

const rows = [
  trainingRow("250M, 2 x 512 tokens", small),
  trainingRow("250M, ggml's operations", ggml),
  ...seven.map((result) => trainingRow(`7B, 2 x ${result.tokens! / 2} tokens`, result)),
];
const markdown = `# Benchmarks on ${cpus()[0]?.model}, ${cpus().length} cores

## Matrix products
${gemm.slice(0, gemm.lastIndexOf("\n{"))}
## Training steps: LoRA rank 8 on q and v, Q4_K base
| shape | tokens/s | GFLOP/s (4 x parameters x tokens) | share of the peak | peak RSS, GB | predicted |
|---|---|---|---|---|---|
${rows.join("\n")}

A step is ${(ggml.secondsPerStep! / small.secondsPerStep!).toFixed(1)} times as fast as with ggml's operations.

## Reading a prompt of 512 tokens, 250M, Q3_K_L
${prompts.tokensPerSecond!.toFixed(0)} tokens/s, stock libllama ${prompts.stockTokensPerSecond!.toFixed(0)}: ${prompts.ratio!.toFixed(1)} times; same arg-max token at ${prompts.sameArgMax} of ${prompts.positions} positions.

## Questions a second: ${engine.questions} of ${engine.promptTokens.toFixed(0)} tokens, 16 new tokens, 250M, Q3_K_L
| | questions/s | times slower than together |
|---|---|---|
${engineRows(engine)}
`;
writeFileSync(join(out, "results.md"), markdown);
writeFileSync(
  join(out, "results.json"),
  JSON.stringify(
    { training: [small, ggml, ...seven], prompts, engine, gemm: JSON.parse(gemm.slice(gemm.lastIndexOf("\n{"))) },
    null,
    1,
  ),
);
console.log(markdown);
