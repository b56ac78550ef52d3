import { basename, extname } from "node:path";
import { type Command, Option } from "commander";
import { MediloraError } from "../../errors.js";
import type { EvaluationResult } from "../../eval/evaluationResult.js";
import type { LikelihoodResult } from "../../eval/loglikelihood/result.js";
import { SAMPLER_PRESETS, type SamplerPreset } from "../../eval/samplers.js";
import { type AdapterFlag, gather, parseAdapter, SEED_MAX, wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

interface EvalFlags {
  task: string;
  data?: string;
  limit?: number;
  adapter?: AdapterFlag[];
  sampler?: SamplerPreset;
  seed?: number;
  maxTokens?: number;
  shots?: number;
  bos?: boolean;
  sequences?: number;
  threads?: number;
  answers?: string;
  overwrite?: boolean;
  markdown?: boolean;
  json?: boolean;
  list?: boolean;
  dumpRequests?: string;
}

/** `medilora eval`: a benchmark over one or several models. */
export function evalCommand(command: Command, context: CliContext): Command {
  return command
    .description("score models on a benchmark; several models give one table")
    .argument("[models...]", "GGUF models")
    .option("--task <name>", "benchmark; see --list", "pubmedqa")
    .option("--data <path>", "the benchmark's data in its published format, or the folder that holds it")
    .option("--limit <n>", "ask only the first n questions (of each task)", wholeNumber(1))
    .option("--adapter <file[:scale]>", "GGUF adapter on every model; may be repeated", gather(parseAdapter))
    .addOption(
      new Option("--sampler <preset>", "generated answers: sampler preset (default: llama-cpp-python-2023)").choices(
        Object.keys(SAMPLER_PRESETS),
      ),
    )
    .option("--seed <n>", "generated answers: seed of the draws (default: 0)", wholeNumber(0, SEED_MAX))
    .option("--max-tokens <n>", "generated answers: most tokens of one (default: the task's)", wholeNumber(1))
    .option("--shots <k>", "log-likelihood: solved questions in front of each one (default: 0)", wholeNumber(0))
    .option("--bos", "log-likelihood: begin every context with BOS")
    .option("--sequences <n>", "answers or choices computed together (default: 8 or 64)", wholeNumber(1, 256))
    .option("--threads <n>", "processor threads", wholeNumber(1))
    .option(
      "--answers <file>",
      "keep every answer here (JSON lines) and go on from it; a file for each of several models",
    )
    .option("--overwrite", "begin the answers file anew")
    .addOption(new Option("--markdown", "print the table as Markdown").conflicts("json"))
    .option("--json", "print results and answers as JSON")
    .option("--list", "print the benchmarks and the files that each needs")
    .option("--dump-requests <file>", "write every request as a JSON line; no model is loaded")
    .action((models: string[], flags: EvalFlags) => act(models, flags, command, context));
}

/** `--list` needs neither data nor a model, `--dump-requests` no model; so commander cannot require them. */
async function act(models: string[], flags: EvalFlags, command: Command, context: CliContext): Promise<void> {
  if (flags.list) return list(flags, context);
  if (flags.data === undefined) return command.error("error: required option '--data <path>' not specified");
  if (flags.dumpRequests !== undefined) return dump(flags.dumpRequests, flags.data, flags, context);
  if (models.length === 0) return command.error("error: missing required argument 'models'");
  refuseSameNames(models, flags);
  const { findTask, isLikelihood } = await import("../../eval/tasks/index.js");
  if (isLikelihood(findTask(flags.task))) return scoreAll(models, flags.data, flags, context);
  return answerAll(models, flags.data, flags, context);
}

async function list({ json }: EvalFlags, { out }: CliContext): Promise<void> {
  const { GENERATION_TASKS, isMember, LIKELIHOOD_TASKS } = await import("../../eval/tasks/index.js");
  const tasks = [
    ...GENERATION_TASKS.map((task) => ({ ...task, answers: "generated" })),
    ...LIKELIHOOD_TASKS.map((task) => ({ ...task, answers: "log-likelihood" })),
  ].map(({ name, version, answers, description, files }) => ({ name, version, answers, description, files }));
  if (json) return out.json({ tasks });
  const members = new Set(LIKELIHOOD_TASKS.filter(isMember).map(({ name }) => name));
  for (const { name, answers, description, files } of tasks)
    out.data(`${members.has(name) ? "  " : ""}${name} (${answers}): ${description} Data: ${files}.`);
}

async function dump(output: string, data: string, flags: EvalFlags, { out }: CliContext): Promise<void> {
  const { dumpRequests } = await import("../../eval/dumpRequests.js");
  const { task, limit, shots } = flags;
  const requests = await dumpRequests({ task, data, output, limit, shots });
  if (flags.json) out.json({ output, requests });
  else out.data(`${output}: ${requests} requests`);
}

async function scoreAll(models: string[], data: string, flags: EvalFlags, context: CliContext): Promise<void> {
  refuse(flags, ["sampler", "seed", "maxTokens"], "is for generated answers");
  const results: LikelihoodResult[] = [];
  for (const model of models) results.push(await scoreModel(model, data, models.length > 1, flags, context));
  const { out } = context;
  if (flags.json) return out.json({ results });
  const { likelihoodMarkdown, likelihoodTable } = await import("../../report/likelihoodTable.js");
  out.data(flags.markdown ? likelihoodMarkdown(results) : likelihoodTable(results, { unicode: out.unicode }));
}

async function scoreModel(
  model: string,
  data: string,
  several: boolean,
  flags: EvalFlags,
  context: CliContext,
): Promise<LikelihoodResult> {
  const { evaluateLikelihood } = await import("../../eval/loglikelihood/evaluateLikelihood.js");
  const { shots, bos } = flags;
  const report = await progressLine(model, context);
  return evaluateLikelihood({
    ...commonOptions(model, data, several, flags, context),
    shots,
    ...(bos && { addBos: true }),
    onProgress: (progress) => report(progress, ""),
  });
}

async function answerAll(models: string[], data: string, flags: EvalFlags, context: CliContext): Promise<void> {
  refuse(flags, ["shots", "bos"], "is for choices scored by log-likelihood");
  const results: EvaluationResult[] = [];
  for (const model of models) results.push(await answerModel(model, data, models.length > 1, flags, context));
  const { out } = context;
  if (flags.json) return out.json(await comparable(results));
  const { evaluationMarkdown, evaluationTable } = await import("../../report/evaluationTable.js");
  out.data(flags.markdown ? evaluationMarkdown(results) : evaluationTable(results, { unicode: out.unicode }));
}

async function answerModel(
  model: string,
  data: string,
  several: boolean,
  flags: EvalFlags,
  context: CliContext,
): Promise<EvaluationResult> {
  const { evaluate } = await import("../../eval/evaluate.js");
  const { sampler, seed, maxTokens } = flags;
  const report = await progressLine(model, context);
  return evaluate({
    ...commonOptions(model, data, several, flags, context),
    ...{ sampler, seed, maxTokens },
    onProgress: (progress) => report(progress, `${progress.validSoFar} valid  `),
  });
}

function commonOptions(model: string, data: string, several: boolean, flags: EvalFlags, { signal }: CliContext) {
  const { task, limit, adapter, sequences, threads, answers, overwrite } = flags;
  return {
    ...{ model, data, task, limit, sequences, threads, overwrite, signal },
    ...(adapter && { adapters: adapter }),
    ...(answers !== undefined && { answersFile: several ? answersFileOf(answers, model) : answers }),
  };
}

interface Progress {
  done: number;
  total: number;
  questionsPerSecond: number;
  etaSeconds: number;
}

async function progressLine(model: string, { out }: CliContext): Promise<(progress: Progress, more: string) => void> {
  const { formatDuration } = await import("../../report/format.js");
  const meter = out.progress(`eval ${basename(model)}`);
  return ({ done, total, questionsPerSecond, etaSeconds }, more) =>
    meter.update(
      done,
      total,
      `${done}/${total} questions  ${more}${questionsPerSecond.toFixed(1)}/s  ETA ${formatDuration(etaSeconds)}`,
    );
}

/** Options of the other kind of task would be ignored silently. */
function refuse(flags: EvalFlags, names: ReadonlyArray<keyof EvalFlags>, reason: string): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const option = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new MediloraError("ARGUMENT_INVALID", `--${option} ${reason}; ${flags.task} is none. Leave it out.`);
}

/** Models of one name would share an answers file. */
function refuseSameNames(models: string[], { answers }: EvalFlags): void {
  if (answers === undefined) return;
  const names = models.map((model) => basename(model, extname(model)));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `Two models are named ${twice}, so their answers would go into one file. Evaluate them apart, or rename one.`,
    );
}

/** `answers.jsonl` of model `base.gguf` is `answers.base.jsonl`. */
export function answersFileOf(answers: string, model: string): string {
  const extension = extname(answers);
  const stem = answers.slice(0, answers.length - extension.length);
  return `${stem}.${basename(model, extname(model))}${extension}`;
}

/** What `--json` prints: the results and, of exactly two, how they differ. */
async function comparable(results: EvaluationResult[]): Promise<object> {
  const [first, second] = results;
  if (results.length !== 2 || !first || !second) return { results };
  const { compareEvaluations } = await import("../../eval/compare.js");
  return { results, comparison: compareEvaluations(first, second) };
}
