import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Output } from "../cli/output.js";
import { isMediloraError } from "../index.js";
import { Files } from "./files.js";
import { prepareData } from "./prepareData.js";
import { problems, report } from "./report.js";
import { evaluateBoth, mergeIntoBase, quantizeBase, quantizeForUse, trainAdapter } from "./steps.js";

const HELP = `The whole way from a base model to a scored, fine-tuned one, offline, with the bundled 7-million-parameter model.

  npm run demo -- [--data FILE] [--out DIR]

  --data FILE  PubMedQA JSON with labels; the bundled synthetic sample by default
  --out DIR    folder for everything that is written (default: demo-out)`;

const assets = new URL("../../assets/", import.meta.url);
const asset = (name: string) => fileURLToPath(new URL(name, assets));

/** Runs every step. @returns the exit code: 0, or 1 when the result is not what the demo promises */
async function demo(out: Output, data: string, folder: string): Promise<number> {
  const started = performance.now();
  await mkdir(folder, { recursive: true });
  const files = new Files(asset("medtiny-f16.gguf"), folder);
  await quantizeBase(out, files);
  const counts = await prepareData(out, data, files);
  const training = await trainAdapter(out, files);
  await mergeIntoBase(out, files);
  await quantizeForUse(out, files);
  const evaluations = await evaluateBoth(out, files);
  const outcome = { training, ...evaluations };
  await report(out, files, outcome, { ...counts, seconds: (performance.now() - started) / 1000 });
  const found = problems(outcome);
  for (const problem of found) out.note(`demo: ${problem}`);
  return found.length === 0 ? 0 : 1;
}

async function main(args: string[]): Promise<number> {
  const out = new Output(process.stdout, process.stderr, process.env);
  const { values } = parseArgs({
    args,
    options: { data: { type: "string" }, out: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help) {
    out.data(HELP);
    return 0;
  }
  const data = values.data ?? asset("sample/pubmedqa-synthetic.json");
  return demo(out, resolve(data), resolve(values.out ?? "demo-out"));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const known = isMediloraError(error) || (error as { code?: unknown }).code?.toString().startsWith("ERR_PARSE_ARGS");
  if (!known) throw error;
  process.stderr.write(`demo: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
