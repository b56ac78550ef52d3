import type { Interval } from "../eval/intervals.js";
import type { GeneratedReport, LikelihoodReport, ReportResult } from "./resultSchema.js";

/** One number of a result. */
export interface Score {
  /** The task, of a group's means the group. */
  task: string;
  metric: string;
  /** In 0..1; null where there is none, such as the accuracy of no valid answer. */
  value: number | null;
  /** 95%; null where none is known. */
  interval: Interval | null;
  /** Standard error; null where none is known. */
  stderr: number | null;
  /** What it is a mean over: questions; of the plain mean of a group, tasks. */
  n: number;
}

/** Every score of a result, the headline first; behind them those of its clean questions, where that was checked. */
export function scoresOf(result: ReportResult): Score[] {
  return "extraction" in result ? generatedScores(result) : likelihoodScores(result);
}

function generatedScores({ task, metrics, intervals, contamination }: GeneratedReport): Score[] {
  const score = (metric: string, value: number | null, interval: Interval | null, n = metrics.n): Score => ({
    ...{ task: task.name, metric, value, interval, n },
    stderr: null,
  });
  const clean = contamination?.clean;
  return [
    score("accuracy", metrics.accuracy, intervals.accuracy),
    score("valid responses", metrics.validRate, intervals.validRate),
    score("accuracy of valid", metrics.accuracyOfValid, intervals.accuracyOfValid, metrics.valid),
    score("macro-F1", metrics.macroF1, intervals.macroF1),
    ...(clean ? [score("accuracy, clean questions", clean.metrics.accuracy, clean.accuracy, clean.metrics.n)] : []),
  ];
}

function likelihoodScores({ task, contamination, ...scores }: LikelihoodReport): Score[] {
  const clean = contamination?.clean ? meansOf(task.name, contamination.clean) : [];
  return [
    ...meansOf(task.name, scores),
    ...clean.map((score) => ({ ...score, metric: `${score.metric}, clean questions` })),
  ];
}

function meansOf(name: string, { tasks, group }: Pick<LikelihoodReport, "tasks" | "group">): Score[] {
  const n = tasks.reduce((sum, one) => sum + one.n, 0);
  const means: Score[] =
    group === null
      ? []
      : [
          {
            ...{ task: name, metric: "mean by questions", value: group.mean, stderr: group.stderr, n },
            interval: normalInterval(group.mean, group.stderr),
          },
          {
            ...{ task: name, metric: "plain mean of tasks", value: group.plainMean, n: tasks.length },
            ...{ interval: null, stderr: null },
          },
        ];
  const own = tasks.flatMap((one) =>
    one.metrics.map(({ metric, mean, stderr, interval }) => ({
      ...{ task: one.name, metric, value: mean, stderr, n: one.n },
      interval: interval ?? normalInterval(mean, stderr),
    })),
  );
  return [...means, ...own];
}

const Z95 = 1.959964;

/** For means that are no proportion: value -/+ 1.96 standard errors, inside 0..1. */
function normalInterval(mean: number, stderr: number | null): Interval | null {
  if (stderr === null) return null;
  return { low: Math.max(0, mean - Z95 * stderr), high: Math.min(1, mean + Z95 * stderr) };
}
