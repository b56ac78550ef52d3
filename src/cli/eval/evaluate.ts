import { access } from "node:fs/promises";
import { fileError, MediloraError } from "../../errors.js";
import type { BenchmarkResult } from "../../eval/benchmarkResults.js";
import { type ContaminationCheck, checkBenchmarks } from "../../eval/contamination.js";
import { dumpRequests } from "../../eval/dumpRequests.js";
import { prepareRun } from "../../eval/loglikelihood/prepare.js";
import { prepareQuestions } from "../../eval/questions.js";
import { rehearseStrategy } from "../../eval/strategies/rehearse.js";
import { isLikelihood } from "../../eval/tasks/index.js";
import { checkReplaceable } from "../replaceable.js";
import type { CliContext } from "../run.js";
import { prepareRuns, type Run } from "./columns.js";
import { download } from "./download.js";
import { type EvalFlags, type ModelArgument, parseModel } from "./flags.js";
import { checkReportFile, writeReport } from "./outputs.js";
import { printFinished, printResults } from "./print.js";
import { type Benchmark, namedTasks, type Selection, selectBenchmarks } from "./select.js";
import { type NamedStrategy, strategiesOf } from "./strategies.js";

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
  await checkData(selection.benchmarks, strategies, flags, context.signal);
  const contamination = await checkContamination(selection.benchmarks, flags, context);
  const columns = models.flatMap((model) => [undefined, ...strategies].map((strategy) => ({ model, strategy })));
  const several = { models: models.length > 1, tasks: selection.benchmarks.length > 1 };
  const isSingle = columns.length === 1 && selection.benchmarks.length === 1;
  const line = { flags, several, isSingle, contamination, context };
  const runs = await prepareRuns(selection.benchmarks, columns, line);
  const shown = { ...selection, reference: ((flags.reference ?? 1) - 1) * (1 + strategies.length) };
  await runAll(runs, shown, flags, context);
}

/** Computes the results and prints them; also those that there are when it fails. */
async function runAll(
  runs: ReadonlyArray<readonly Run[]>,
  shown: Selection & { reference: number },
  flags: EvalFlags,
  context: CliContext,
): Promise<void> {
  const blocks: BenchmarkResult[][] = [];
  try {
    for (const block of runs) {
      const results: BenchmarkResult[] = [];
      blocks.push(results);
      for (const run of block) results.push(await run());
    }
    await writeReport(flags.report, blocks.flat(), shown.reference, context);
  } catch (error) {
    printFinished(blocks, shown, flags, context);
    throw error;
  }
  printResults(blocks, shown, flags, context);
}

async function dump(output: string, { benchmarks }: Selection, flags: EvalFlags, context: CliContext): Promise<void> {
  const { out, signal } = context;
  const [benchmark, other] = benchmarks;
  if (benchmark === undefined || other !== undefined)
    throw new MediloraError("ARGUMENT_INVALID", "--dump-requests takes one benchmark. Name it by --task.");
  await checkReplaceable(output, "requests");
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
  signal: AbortSignal,
): Promise<void> {
  const { limit, sampler, seed, shots } = flags;
  for (const { task, data } of benchmarks) {
    if (benchmarks.length > 1)
      if (isLikelihood(task)) await prepareRun(task, data, shots ?? 0, signal);
      else await prepareQuestions(task, data, signal);
    for (const { strategy } of strategies)
      await rehearseStrategy(task, strategy, { data, limit, sampler, seed, shots, signal });
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
