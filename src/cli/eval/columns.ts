import type { BenchmarkResult } from "../../eval/benchmarkResults.js";
import type { ContaminationCheck } from "../../eval/contamination.js";
import { prepareEvaluation } from "../../eval/evaluate.js";
import { prepareLikelihood } from "../../eval/loglikelihood/evaluateLikelihood.js";
import { nativeRuntime } from "../../eval/runtime.js";
import { isLikelihood } from "../../eval/tasks/index.js";
import { formatDuration } from "../../report/format.js";
import type { CliContext } from "../run.js";
import { answersFileOf, type EvalFlags, type ModelArgument, parseModel } from "./flags.js";
import type { Benchmark } from "./select.js";
import { embedProgress, type NamedStrategy } from "./strategies.js";

/** What all runs of a command line share. */
export interface CommandLine {
  flags: EvalFlags;
  several: { models: boolean; tasks: boolean };
  /** One model, plainly, on one benchmark. */
  isSingle: boolean;
  contamination: ContaminationCheck | undefined;
  context: CliContext;
}

/** A model, asked plainly or by a strategy. */
export interface Column {
  model: ModelArgument;
  strategy: NamedStrategy | undefined;
}

/** Computes one result. */
export type Run = () => Promise<BenchmarkResult>;

/**
 * Prepares every column of every benchmark. A prompt that is too long under the last strategy, with shots that are found
 * by then, or an answers file of another run must not show after the hours of the runs before it.
 * @returns one list a benchmark, in the order of the columns
 * @throws MediloraError as the evaluations would, `CONTEXT_EXCEEDED` among them
 */
export async function prepareRuns(
  benchmarks: readonly Benchmark[],
  columns: readonly Column[],
  line: CommandLine,
): Promise<Run[][]> {
  const blocks: Run[][] = [];
  for (const benchmark of benchmarks) {
    const block: Run[] = [];
    for (const column of columns) block.push(await prepareColumn(column, benchmark, line));
    blocks.push(block);
  }
  return blocks;
}

async function prepareColumn(column: Column, { task, data }: Benchmark, line: CommandLine): Promise<Run> {
  const { model, strategy } = column;
  const { flags, contamination, context } = line;
  const { limit, sequences, threads, overwrite, contextSize } = flags;
  const answersFile = answersFileFor(column, task.name, line);
  const common = {
    ...{ model: model.model, data, limit, sequences, threads, overwrite, contextSize, contamination },
    adapters: [...(flags.adapter ?? []), ...model.adapters],
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
    const likelihood = { ...common, task, shots, ...(bos && { addBos: true }), onProgress };
    const prepared = await prepareLikelihood(nativeRuntime, likelihood);
    // What is too long is cut here, so there are no prompts to check.
    if (!line.isSingle) await prepared.checkAnswers();
    return prepared.run;
  }
  const { sampler, seed, maxTokens, truncateLeft } = flags;
  const prepared = await prepareEvaluation(nativeRuntime, {
    ...common,
    ...{ task, sampler, seed, maxTokens, truncateLeft },
    onProgress: (progress) => report(progress, `${progress.validSoFar} valid  `),
  });
  // A single run checks both itself, before its first question.
  if (line.isSingle) return prepared.run;
  await prepared.checkAnswers();
  await prepared.checkPrompts();
  return prepared.run;
}

/** Of several models or tasks, each gets a file of its own, and so does each strategy. */
function answersFileFor(
  { model, strategy }: Column,
  task: string,
  { flags, several }: CommandLine,
): string | undefined {
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
