import { basename, extname } from "node:path";
import { type Command, Option } from "commander";
import type { EvaluationResult } from "../../eval/evaluationResult.js";
import { SAMPLER_PRESETS, type SamplerPreset } from "../../eval/samplers.js";
import { gather, SEED_MAX, wholeNumber } from "../options.js";
import type { ProgressMeter } from "../progress.js";
import type { CliContext } from "../run.js";

interface EvalFlags {
  task: string;
  data: string;
  limit?: number;
  adapter?: AdapterFlag[];
  sampler?: SamplerPreset;
  seed?: number;
  maxTokens?: number;
  sequences?: number;
  threads?: number;
  answers?: string;
  overwrite?: boolean;
  markdown?: boolean;
  json?: boolean;
}

interface AdapterFlag {
  path: string;
  scale?: number;
}

/** `medilora eval`: a benchmark over one or several models. */
export function evalCommand(command: Command, context: CliContext): Command {
  return command
    .description("score models on a benchmark; several models give one table")
    .argument("<models...>", "GGUF models")
    .option("--task <name>", "benchmark", "pubmedqa")
    .requiredOption("--data <file>", "the benchmark's data in its published format")
    .option("--limit <n>", "ask only the first n questions", wholeNumber(1))
    .option("--adapter <file[:scale]>", "GGUF adapter on every model; may be repeated", gather(parseAdapter))
    .addOption(
      new Option("--sampler <preset>", "sampler preset (default: llama-cpp-python-2023)").choices(
        Object.keys(SAMPLER_PRESETS),
      ),
    )
    .option("--seed <n>", "seed of the draws (default: 0)", wholeNumber(0, SEED_MAX))
    .option("--max-tokens <n>", "most tokens of an answer (default: the task's)", wholeNumber(1))
    .option("--sequences <n>", "questions answered together (default: 8)", wholeNumber(1, 256))
    .option("--threads <n>", "processor threads", wholeNumber(1))
    .option(
      "--answers <file>",
      "keep every answer here (JSON lines) and go on from it; a file for each of several models",
    )
    .option("--overwrite", "begin the answers file anew")
    .addOption(new Option("--markdown", "print the table as Markdown").conflicts("json"))
    .option("--json", "print results and answers as JSON")
    .action(async (models: string[], flags: EvalFlags) => {
      const results: EvaluationResult[] = [];
      for (const model of models) results.push(await evaluateModel(model, models.length > 1, flags, context));
      await print(results, flags, context);
    });
}

/** `file` or `file:scale`: a colon before a number, so that other colons may stand in a path. */
export function parseAdapter(text: string): AdapterFlag {
  const match = /^(.+):([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/.exec(text);
  if (match === null) return { path: text };
  return { path: match[1] as string, scale: Number(match[2]) };
}

async function evaluateModel(
  model: string,
  several: boolean,
  flags: EvalFlags,
  { signal, out }: CliContext,
): Promise<EvaluationResult> {
  const [{ evaluate }, { formatDuration }] = await Promise.all([
    import("../../eval/evaluate.js"),
    import("../../report/format.js"),
  ]);
  const { adapter, answers, json: _, markdown: __, ...options } = flags;
  const meter: ProgressMeter = out.progress(`eval ${basename(model)}`);
  return evaluate({
    ...options,
    model,
    ...(adapter && { adapters: adapter }),
    ...(answers !== undefined && { answersFile: several ? answersFileOf(answers, model) : answers }),
    signal,
    onProgress: ({ done, total, questionsPerSecond, etaSeconds, validSoFar }) =>
      meter.update(
        done,
        total,
        `${done}/${total} questions  ${validSoFar} valid  ${questionsPerSecond.toFixed(1)}/s  ETA ${formatDuration(etaSeconds)}`,
      ),
  });
}

/** `answers.jsonl` of model `base.gguf` is `answers.base.jsonl`. */
export function answersFileOf(answers: string, model: string): string {
  const extension = extname(answers);
  const stem = answers.slice(0, answers.length - extension.length);
  return `${stem}.${basename(model, extname(model))}${extension}`;
}

async function print(results: EvaluationResult[], flags: EvalFlags, { out }: CliContext): Promise<void> {
  if (flags.json) return out.json(await comparable(results));
  const { evaluationMarkdown, evaluationTable } = await import("../../report/evaluationTable.js");
  out.data(flags.markdown ? evaluationMarkdown(results) : evaluationTable(results, { unicode: out.unicode }));
}

/** What `--json` prints: the results and, of exactly two, how they differ. */
async function comparable(results: EvaluationResult[]): Promise<object> {
  const [first, second] = results;
  if (results.length !== 2 || !first || !second) return { results };
  const { compareEvaluations } = await import("../../eval/compare.js");
  return { results, comparison: compareEvaluations(first, second) };
}
