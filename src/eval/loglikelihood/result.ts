import { type Contamination, type ContaminationCheck, contaminationOf } from "../contamination.js";
import {
  type AdapterIdentity,
  type EvaluationTimings,
  type FileIdentity,
  MEDICAL_NOTICE,
} from "../evaluationResult.js";
import { type Interval, wilson } from "../intervals.js";
import type { StrategyDescription } from "../strategies/strategy.js";
import { chosenBy, groupMean, type MeanScore, meanScore, questionScore } from "./metrics.js";
import type { PreparedChoices, PreparedTask } from "./prepare.js";
import type { StoredScore } from "./storedScore.js";
import type { LikelihoodMetric } from "./task.js";

/** A question with the log-likelihoods of its choices. */
export interface LikelihoodItem {
  task: string;
  id: string;
  /** What stood in front of every choice, preamble and shots included; [choices] where it differs between them. */
  context: string | string[];
  /** Without the delimiter that stands in front of each. */
  choices: string[];
  /**
   * `[choices]`: sum of the natural log-probabilities of a choice's tokens; under choice shuffling the logarithm of the
   * option's mean probability among the options, over all orders.
   */
  logprobs: number[];
  /** `[choices]`: whether each of its tokens was the likeliest one, in every order. */
  isGreedy: boolean[];
  /** The choice that the task's headline takes; null when there is none. */
  chosen: number | null;
  gold: number[];
  /** By metric; the task's headline first. */
  scores: Partial<Record<LikelihoodMetric, number>>;
}

/** A metric over the questions of a task: its mean, standard error and interval. */
export interface MetricScore extends MeanScore {
  metric: LikelihoodMetric;
  /** Wilson's 95% interval; null for mc2, which is no proportion. */
  interval: Interval | null;
}

/** Scores on one task; of a group each task has its own. */
export interface TaskScore {
  name: string;
  version: number;
  n: number;
  /** The headline first. */
  metrics: MetricScore[];
}

/** Plain data: JSON keeps all of it but a sum of -Infinity, which becomes null. */
export interface LikelihoodResult {
  notice: string;
  model: FileIdentity;
  adapters: AdapterIdentity[];
  /** `definition` is the SHA-256 of a declarative task's. */
  task: { name: string; version: number; definition?: string };
  shots: number;
  addBos: boolean;
  /** How questions were put; left out of a plain run. */
  strategy?: StrategyDescription;
  /** Of each task its data file and, with shots, that of the shots. */
  data: FileIdentity[];
  tasks: TaskScore[];
  /** Of a group: the mean of its tasks' headlines, weighted by their questions and plain; null for a single task. */
  group: (MeanScore & { plainMean: number }) | null;
  /** Which questions occur in training rows, where that was checked; the clean questions with the scores of their tasks. */
  contamination?: Contamination<Pick<LikelihoodResult, "tasks" | "group">>;
  timings: EvaluationTimings;
  versions: { medilora: string; llamaCpp: string; node: string };
  machine: { cpu: string; threads: number };
  /** Task after task, in the order of the data. */
  items: LikelihoodItem[];
  /** What a reader must know to read the numbers right. */
  notes: string[];
}

/** What describes a run, before it is scored. */
export type LikelihoodRun = Omit<
  LikelihoodResult,
  "notice" | "tasks" | "group" | "contamination" | "items" | "notes"
> & {
  isGroup: boolean;
  /** Names of the group's tasks whose file is absent. */
  missing: readonly string[];
  /** Questions of the data, scored or not. */
  available: number;
  contamination?: ContaminationCheck | undefined;
};

/**
 * Scores a run.
 * @param prepared the tasks with the questions that were scored
 * @param scores   one a question, task after task
 */
export function buildLikelihoodResult(
  run: LikelihoodRun,
  prepared: readonly PreparedTask[],
  scores: readonly StoredScore[],
): LikelihoodResult {
  const { isGroup, missing, available, contamination: check, ...description } = run;
  const byKey = new Map(scores.map((score) => [score.id, score]));
  const itemsOf = ({ task, questions }: PreparedTask) =>
    questions.map((question) => toItem(task.metrics, question, byKey.get(question.key)!));
  const items = prepared.map(itemsOf);
  const keys = items.flat().map(itemKey);
  return {
    notice: MEDICAL_NOTICE,
    ...description,
    ...scoresOf(prepared, items, isGroup),
    ...(check && {
      contamination: contaminationOf(check, keys, (clean) =>
        scoresOf(
          prepared,
          items.map((own) => own.filter((item) => clean.has(itemKey(item)))),
          isGroup,
        ),
      ),
    }),
    items: items.flat(),
    notes: runNotes({ missing, available, addBos: run.addBos }, prepared, scores),
  };
}

function itemKey({ task, id }: Pick<LikelihoodItem, "task" | "id">): string {
  return `${task}/${id}`;
}

/** @param items of each task; one without is left out */
function scoresOf(
  prepared: readonly PreparedTask[],
  items: ReadonlyArray<readonly LikelihoodItem[]>,
  isGroup: boolean,
): Pick<LikelihoodResult, "tasks" | "group"> {
  const tasks = prepared.flatMap(({ task }, i): TaskScore[] => {
    const own = items[i]!;
    if (own.length === 0) return [];
    const metrics = task.metrics.map((metric) => metricScore(metric, own));
    return [{ name: task.name, version: task.version, n: own.length, metrics }];
  });
  return { tasks, group: isGroup ? groupMean(tasks.map(({ n, metrics }) => ({ ...metrics[0]!, n }))) : null };
}

function toItem(
  metrics: readonly LikelihoodMetric[],
  question: PreparedChoices,
  { logprobs, isGreedy }: StoredScore,
): LikelihoodItem {
  const { task, id, gold, choices, contexts } = question;
  const [context] = contexts as [string];
  return {
    task,
    id,
    context: contexts.every((one) => one === context) ? context : [...contexts],
    choices: [...choices],
    logprobs,
    isGreedy,
    chosen: chosenBy(metrics[0]!, logprobs, choices),
    gold: [...gold],
    scores: Object.fromEntries(metrics.map((metric) => [metric, questionScore(metric, logprobs, question)])),
  };
}

function metricScore(metric: LikelihoodMetric, items: readonly LikelihoodItem[]): MetricScore {
  const scores = items.map((item) => item.scores[metric]!);
  const right = scores.reduce((sum, score) => sum + score, 0);
  return { metric, ...meanScore(scores), interval: metric === "mc2" ? null : wilson(right, scores.length) };
}

function runNotes(
  { missing, available, addBos }: Pick<LikelihoodRun, "missing" | "available" | "addBos">,
  prepared: readonly PreparedTask[],
  scores: readonly StoredScore[],
): string[] {
  const notes = prepared.flatMap(({ task }) => task.notes ?? []);
  if (missing.length > 0)
    notes.push(
      `The means are over ${prepared.length} of ${prepared.length + missing.length} tasks: the files of ` +
        `${missing.join(", ")} are absent.`,
    );
  if (scores.length < available) notes.push(`Only ${scores.length} of the data's ${available} questions were scored.`);
  const cut = scores.filter((score) => score.cut > 0).length;
  if (cut > 0) notes.push(`${cut} of ${scores.length} questions were cut from the left to fit the model's context.`);
  if (addBos) notes.push("Every context began with BOS; lm-evaluation-harness leaves it out unless asked to.");
  return notes;
}
