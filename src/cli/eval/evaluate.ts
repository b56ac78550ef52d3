import { access } from "node:fs/promises";
import { fileError, MediloraError } from "../../errors.js";
import type { BenchmarkResult } from "../../eval/benchmarkResults.js";
import { type ContaminationCheck, checkBenchmarks } from "../../eval/contamination.js";
import { dumpRequests } from "../../eval/dumpRequests.js";
import { evaluate } from "../../eval/evaluate.js";
import { evaluateLikelihood } from "../../eval/loglikelihood/evaluateLikelihood.js";
import { prepareRun } from "../../eval/loglikelihood/prepare.js";
import { prepareQuestions } from "../../eval/questions.js";
import { rehearseStrategy } from "../../eval/strategies/rehearse.js";
import { isLikelihood } from "../../eval/tasks/index.js";
import { formatDuration } from "../../report/format.js";
import type { CliContext } from "../run.js";
import { download } from "./download.js";
import { answersFileOf, type EvalFlags, type ModelArgument, parseModel } from "./flags.js";
import { checkReportFile, writeReport } from "./outputs.js";
import { printResults } from "./print.js";
import { type Benchmark, namedTasks, type Selection, selectBenchmarks } from "./select.js";
import { embedProgress, type NamedStrategy, strategiesOf } from "./strategies.js";

/** Downloads, dumps or evaluates, as the flags say, and prints what came of it. */
export async function evaluateModels(texts: readonly string[], flags: EvalFlags, context: CliContext): Promise<void> {
  const strategies = strategiesOf(flags);
  const tasks = await namedTasks(flags);
  checkKinds(flags, tasks);
  const models = texts.map(parseModel);
  refuseSameNames(models, flags);
  if (flags.download) await download(tasks, flags, context, models.length === 0);
  if (flags.download && models.length === 0) return;
  const selection = await selectBenchmarks(tasks, flags);
  checkStrategies(flags, selection.benchmarks);
  if (flags.dumpRequests !== undefined) return dump(flags.dumpRequests, selection, flags, context);
  for (const { task, files } of selection.skipped)
    context.out.note(`${task} is left out, its file is absent: ${files}`);
  await checkReportFile(flags.report);
  await checkModels(models, flags);
  await checkData(selection.benchmarks, strategies, flags);
  const contamination = await checkContamination(selection.benchmarks, flags, context);
  const columns = models.flatMap((model) => [undefined, ...strategies].map((strategy) => ({ model, strategy })));
  const several = { models: models.length > 1, tasks: selection.benchmarks.length > 1 };
  const blocks: BenchmarkResult[][] = [];
  for (const benchmark of selection.benchmarks) {
    const block: BenchmarkResult[] = [];
    for (const column of columns)
      block.push(await evaluateColumn(column, benchmark, { flags, several, contamination, context }));
    blocks.push(block);
  }
  const reference = ((flags.reference ?? 1) - 1) * (1 + strategies.length);
  await writeReport(flags.report, blocks.flat(), reference, context);
  printResults(blocks, { ...selection, reference }, flags, context);
}

async function dump(output: string, { benchmarks }: Selection, flags: EvalFlags, context: CliContext): Promise<void> {
  const { out, signal } = context;
  const [benchmark, other] = benchmarks;
  if (benchmark === undefined || other !== undefined)
    throw new MediloraError("ARGUMENT_INVALID", "--dump-requests takes one benchmark. Name it by --task.");
  const { limit, shots, seed } = flags;
  const strategies = strategiesOf(flags).map(({ strategy }) => strategy);
  const requests = await dumpRequests({ ...benchmark, output, limit, shots, seed, strategies, signal });
  if (flags.json) out.json({ output, requests });
  else out.data(`${output}: ${requests} requests`);
}

/** A misspelt second model must not show after the first one's hours. */
async function checkModels(models: readonly ModelArgument[], { adapter = [] }: EvalFlags): Promise<void> {
  const adapters = [...adapter, ...models.flatMap((model) => model.adapters)];
  for (const path of [...models.map(({ model }) => model), ...adapters.map((one) => one.path)])
    await access(path).catch((error) => {
      throw fileError(error, path, "read");
    });
}

/** A broken file, or a strategy that a task does not take, must not show after the hours of what was computed before. */
async function checkData(
  benchmarks: readonly Benchmark[],
  strategies: readonly NamedStrategy[],
  flags: EvalFlags,
): Promise<void> {
  const { limit, sampler, seed, shots } = flags;
  for (const { task, data } of benchmarks) {
    if (benchmarks.length > 1)
      if (isLikelihood(task)) await prepareRun(task, data, shots ?? 0);
      else await prepareQuestions(task, data);
    for (const { strategy } of strategies)
      await rehearseStrategy(task, strategy, { data, limit, sampler, seed, shots });
  }
}

async function checkContamination(
  benchmarks: readonly Benchmark[],
  { contamination: training }: EvalFlags,
  { out, signal }: CliContext,
): Promise<ContaminationCheck | undefined> {
  if (training === undefined) return undefined;
  const check = await checkBenchmarks({ training, benchmarks, signal });
  out.note(`compared with ${check.rows} training rows`);
  return check;
}

interface Run {
  flags: EvalFlags;
  several: { models: boolean; tasks: boolean };
  contamination: ContaminationCheck | undefined;
  context: CliContext;
}

/** A model, asked plainly or by a strategy. */
interface Column {
  model: ModelArgument;
  strategy: NamedStrategy | undefined;
}

async function evaluateColumn(column: Column, { task, data }: Benchmark, run: Run): Promise<BenchmarkResult> {
  const { model, strategy } = column;
  const { flags, contamination, context } = run;
  const { limit, sequences, threads, overwrite, contextSize } = flags;
  const adapters = [...(flags.adapter ?? []), ...model.adapters];
  const answersFile = answersFileFor(column, task.name, run);
  const common = {
    ...{ model: model.model, data, limit, sequences, threads, overwrite, contextSize, adapters, contamination },
    ...(answersFile !== undefined && { answersFile }),
    ...(strategy && { strategy: strategy.strategy }),
    onEmbedProgress: embedProgress(
      context.out,
      `embed ${flags.knnModel ? parseModel(flags.knnModel).name : model.name}`,
    ),
    signal: context.signal,
  };
  const report = progressLine(column, task.name, context);
  if (isLikelihood(task)) {
    const { shots, bos } = flags;
    const onProgress = (progress: Progress) => report(progress, "");
    return evaluateLikelihood({ ...common, task, shots, ...(bos && { addBos: true }), onProgress });
  }
  const { sampler, seed, maxTokens, truncateLeft } = flags;
  return evaluate({
    ...common,
    ...{ task, sampler, seed, maxTokens, truncateLeft },
    onProgress: (progress) => report(progress, `${progress.validSoFar} valid  `),
  });
}

/** Of several models or tasks, each gets a file of its own, and so does each strategy. */
function answersFileFor({ model, strategy }: Column, task: string, { flags, several }: Run): string | undefined {
  const parts = [
    ...(several.models ? [model.name] : []),
    ...(several.tasks ? [task] : []),
    ...(strategy ? [strategy.name] : []),
  ];
  return flags.answers === undefined ? undefined : answersFileOf(flags.answers, parts);
}

interface Progress {
  done: number;
  total: number;
  questionsPerSecond: number;
  etaSeconds: number;
}

function progressLine(
  { model, strategy }: Column,
  task: string,
  { out }: CliContext,
): (progress: Progress, more: string) => void {
  let meter: ReturnType<typeof out.progress> | undefined;
  return ({ done, total, questionsPerSecond, etaSeconds }, more) => {
    // Not before: texts may be embedded first, on a meter of their own.
    meter ??= out.progress(`eval ${model.name} ${task}${strategy ? ` ${strategy.name}` : ""}`);
    const count = `${done}/${total} ${strategy ? "requests" : "questions"}`;
    meter.update(done, total, `${count}  ${more}${questionsPerSecond.toFixed(1)}/s  ETA ${formatDuration(etaSeconds)}`);
  };
}

const OF_GENERATED = "is for generated answers";

/** Options of a kind of task that is not among the tasks would be ignored silently. */
function checkKinds(flags: EvalFlags, tasks: ReadonlyArray<Benchmark["task"]>): void {
  const scored = tasks.filter(isLikelihood);
  if (scored.length === tasks.length) refuse(flags, ["sampler", "maxTokens", "truncateLeft"], OF_GENERATED, tasks);
  if (scored.length === tasks.length && flags.shuffleChoices === undefined)
    refuse(flags, ["seed"], OF_GENERATED, tasks);
  if (scored.length === 0) refuse(flags, ["shots", "bos"], "is for choices scored by log-likelihood", tasks);
}

/** A strategy is a column of the whole table, so that every task must take it; {@link rehearseStrategy} sees the rest. */
function checkStrategies(flags: EvalFlags, benchmarks: readonly Benchmark[]): void {
  const scored = benchmarks.map(({ task }) => task).find(isLikelihood);
  if (scored !== undefined) refuse(flags, ["selfConsistency", "cot"], OF_GENERATED, [scored]);
}

function refuse(
  flags: EvalFlags,
  names: ReadonlyArray<keyof EvalFlags>,
  reason: string,
  tasks: ReadonlyArray<Benchmark["task"]>,
): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const option = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const none = tasks.length === 1 ? `${tasks[0]!.name} is none` : "none of the tasks is one";
  throw new MediloraError("ARGUMENT_INVALID", `--${option} ${reason}; ${none}. Leave it out.`);
}

/** Models of one name would share an answers file. */
function refuseSameNames(models: readonly ModelArgument[], { answers }: EvalFlags): void {
  if (answers === undefined) return;
  const names = models.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `Two models are named ${twice}, so their answers would go into one file. Evaluate them apart, or rename one.`,
    );
}
