import { basename, extname } from "node:path";
import { type Command, Option } from "commander";
import { MediloraError } from "../../errors.js";
import type { EvaluationResult } from "../../eval/evaluationResult.js";
import type { LikelihoodResult } from "../../eval/loglikelihood/result.js";
import { SAMPLER_PRESETS, type SamplerPreset } from "../../eval/samplers.js";
import { type AdapterFlag, gather, parseAdapter, SEED_MAX, wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";
import { checkReportFile, printCsv, writeReport } from "./evalOutputs.js";
import {
  addStrategyOptions,
  embedProgress,
  type NamedStrategy,
  rehearse,
  type StrategyFlags,
  strategiesOf,
} from "./evalStrategies.js";

interface EvalFlags extends StrategyFlags {
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
  csv?: boolean;
  report?: string;
  list?: boolean;
  dumpRequests?: string;
}

/** `medilora eval`: a benchmark over one or several models. */
export function evalCommand(command: Command, context: CliContext): Command {
  const configured = command
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
    .addOption(new Option("--csv", "print every score as CSV").conflicts(["json", "markdown"]))
    .option("--report <file>", "write an HTML page with the scores and every question")
    .option("--json", "print results and answers as JSON")
    .option("--list", "print the benchmarks and the files that each needs")
    .option("--dump-requests <file>", "write every request as a JSON line; no model is evaluated");
  return addStrategyOptions(configured).action((models: string[], flags: EvalFlags) =>
    act(models, flags, command, context),
  );
}

/** `--list` needs neither data nor a model, `--dump-requests` no model; so commander cannot require them. */
async function act(models: string[], flags: EvalFlags, command: Command, context: CliContext): Promise<void> {
  if (flags.list) return list(flags, context);
  if (flags.data === undefined) return command.error("error: required option '--data <path>' not specified");
  if (flags.dumpRequests !== undefined) return dump(flags.dumpRequests, flags.data, flags, context);
  if (models.length === 0) return command.error("error: missing required argument 'models'");
  refuseSameNames(models, flags);
  await checkReportFile(flags.report);
  const { findTask, isLikelihood } = await import("../../eval/tasks/index.js");
  const task = findTask(flags.task);
  if (isLikelihood(task)) refuse(flags, ["sampler", "maxTokens", "selfConsistency", "cot"], "is for generated answers");
  await rehearse(task, flags.data, flags);
  if (isLikelihood(task)) return scoreAll(models, flags.data, flags, context);
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

async function dump(output: string, data: string, flags: EvalFlags, { out, signal }: CliContext): Promise<void> {
  const { dumpRequests } = await import("../../eval/dumpRequests.js");
  const { task, limit, shots, seed } = flags;
  const strategies = strategiesOf(flags).map(({ strategy }) => strategy);
  const requests = await dumpRequests({ task, data, output, limit, shots, seed, strategies, signal });
  if (flags.json) out.json({ output, requests });
  else out.data(`${output}: ${requests} requests`);
}

async function scoreAll(models: string[], data: string, flags: EvalFlags, context: CliContext): Promise<void> {
  if (flags.shuffleChoices === undefined) refuse(flags, ["seed"], "is for generated answers");
  const results: LikelihoodResult[] = [];
  for (const model of models)
    for (const one of [undefined, ...strategiesOf(flags)])
      results.push(await scoreModel({ model, data, several: models.length > 1, named: one }, flags, context));
  const { out } = context;
  await writeReport(flags.report, results, context);
  if (flags.json) return out.json({ results });
  if (flags.csv) return printCsv(results, context);
  const { likelihoodMarkdown, likelihoodTable } = await import("../../report/likelihoodTable.js");
  out.data(flags.markdown ? likelihoodMarkdown(results) : likelihoodTable(results, { unicode: out.unicode }));
}

async function scoreModel(column: EvalColumn, flags: EvalFlags, context: CliContext): Promise<LikelihoodResult> {
  const { evaluateLikelihood } = await import("../../eval/loglikelihood/evaluateLikelihood.js");
  const { shots, bos } = flags;
  const report = await progressLine(column, context);
  return evaluateLikelihood({
    ...commonOptions(column, flags, context),
    shots,
    ...(bos && { addBos: true }),
    onProgress: (progress) => report(progress, ""),
  });
}

async function answerAll(models: string[], data: string, flags: EvalFlags, context: CliContext): Promise<void> {
  refuse(flags, ["shots", "bos"], "is for choices scored by log-likelihood");
  const results: EvaluationResult[] = [];
  for (const model of models)
    for (const one of [undefined, ...strategiesOf(flags)])
      results.push(await answerModel({ model, data, several: models.length > 1, named: one }, flags, context));
  const { out } = context;
  await writeReport(flags.report, results, context);
  if (flags.json) return out.json(await comparable(results));
  if (flags.csv) return printCsv(results, context);
  const { evaluationMarkdown, evaluationTable } = await import("../../report/evaluationTable.js");
  out.data(flags.markdown ? evaluationMarkdown(results) : evaluationTable(results, { unicode: out.unicode }));
}

async function answerModel(column: EvalColumn, flags: EvalFlags, context: CliContext): Promise<EvaluationResult> {
  const { evaluate } = await import("../../eval/evaluate.js");
  const { sampler, seed, maxTokens } = flags;
  const report = await progressLine(column, context);
  return evaluate({
    ...commonOptions(column, flags, context),
    ...{ sampler, seed, maxTokens },
    onProgress: (progress) => report(progress, `${progress.validSoFar} valid  `),
  });
}

/** One column of the table. */
interface EvalColumn {
  model: string;
  data: string;
  /** Whether several models are evaluated. */
  several: boolean;
  /** Undefined for the plain result. */
  named: NamedStrategy | undefined;
}

function commonOptions({ model, data, several, named }: EvalColumn, flags: EvalFlags, { signal, out }: CliContext) {
  const { task, limit, adapter, sequences, threads, answers, overwrite } = flags;
  return {
    ...{ model, data, task, limit, sequences, threads, overwrite, signal },
    ...(adapter && { adapters: adapter }),
    ...(answers !== undefined && { answersFile: answersFileOf(answers, several ? model : undefined, named?.name) }),
    ...(named && {
      strategy: named.strategy,
      onEmbedProgress: embedProgress(out, `embed ${basename(named.strategy.neighbours?.model ?? model)}`),
    }),
  };
}

interface Progress {
  done: number;
  total: number;
  questionsPerSecond: number;
  etaSeconds: number;
}

async function progressLine(
  { model, named }: EvalColumn,
  { out }: CliContext,
): Promise<(progress: Progress, more: string) => void> {
  const { formatDuration } = await import("../../report/format.js");
  let meter: ReturnType<typeof out.progress> | undefined;
  return ({ done, total, questionsPerSecond, etaSeconds }, more) => {
    // Not before: texts may be embedded first, on a meter of their own.
    meter ??= out.progress(`eval ${basename(model)}${named ? ` ${named.name}` : ""}`);
    const count = `${done}/${total} ${named ? "requests" : "questions"}`;
    meter.update(done, total, `${count}  ${more}${questionsPerSecond.toFixed(1)}/s  ETA ${formatDuration(etaSeconds)}`);
  };
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

/**
 * `answers.jsonl` of model `base.gguf` is `answers.base.jsonl`, under a strategy also `answers.base.cot.jsonl`; without a
 * model and a strategy, the file itself.
 */
export function answersFileOf(answers: string, model: string | undefined, strategy?: string): string {
  const extension = extname(answers);
  const stem = answers.slice(0, answers.length - extension.length);
  const parts = [...(model === undefined ? [] : [basename(model, extname(model))]), ...(strategy ? [strategy] : [])];
  return `${[stem, ...parts].join(".")}${extension}`;
}

/** What `--json` prints: the results and, of exactly two, how they differ. */
async function comparable(results: EvaluationResult[]): Promise<object> {
  const [first, second] = results;
  if (results.length !== 2 || !first || !second) return { results };
  const { compareEvaluations } = await import("../../eval/compare.js");
  return { results, comparison: compareEvaluations(first, second) };
}
