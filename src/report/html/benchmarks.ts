import { taskId } from "../../eval/task.js";
import { columnTitle } from "../evaluationTable.js";
import type { GeneratedReport, LikelihoodReport, ReportResult } from "../resultSchema.js";

/** What a model made of a question. */
export interface Answer {
  /** The label or choice; null for an invalid answer. */
  label: string | null;
  /** For mc2, which gives shares: whether the likeliest choice is a right one. */
  isRight: boolean;
  /** 0 or 1; for mc2 the share of the right choices. */
  score: number;
}

export interface Question {
  /** Of a group, the task's name; else that of the benchmark. */
  task: string;
  id: string;
  gold: string;
  /** By column; null where that run did not ask the question. */
  answers: Array<Answer | null>;
}

export interface Column {
  /** Tells the runs of a benchmark apart. */
  name: string;
  result: ReportResult;
}

/** Runs of one task on the same data, side by side. */
export interface Benchmark {
  /** In links to its questions. */
  key: string;
  /** Id of its section. */
  anchor: string;
  kind: "generated" | "likelihood";
  task: { name: string; version: number };
  columns: Column[];
  questions: Question[];
  /** The answers that every question has; null where they differ from question to question. */
  labels: readonly string[] | null;
}

export function isGenerated(result: ReportResult): result is GeneratedReport {
  return "extraction" in result;
}

/** Results by benchmark: of the same kind, task and data; columns and benchmarks in the order of the results. */
export function groupByBenchmark(results: readonly ReportResult[]): Benchmark[] {
  const groups = new Map<string, ReportResult[]>();
  for (const result of results) {
    const name = JSON.stringify([
      isGenerated(result),
      taskId(result.task),
      result.task.definition,
      questionFiles(result),
    ]);
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  const keys = new Set<string>();
  return [...groups.values()].map((runs, i) => {
    const key = unusedKey(taskId(runs[0]!.task), keys);
    keys.add(key);
    return { key, anchor: `benchmark-${i + 1}`, ...sideBySide(runs) };
  });
}

/** SHA-256 of the files that hold the questions; those of the shots are left out. */
function questionFiles(result: ReportResult): string[] {
  if (isGenerated(result)) return [result.data.sha256];
  // With shots, each task has its file and that of its shots.
  const { data, shots } = result;
  return data.filter((_, i) => shots === 0 || i % 2 === 0).map(({ sha256 }) => sha256);
}

function unusedKey(wanted: string, used: ReadonlySet<string>): string {
  let key = wanted;
  for (let i = 2; used.has(key); i++) key = `${wanted}-${i}`;
  return key;
}

function sideBySide(results: readonly ReportResult[]): Omit<Benchmark, "key" | "anchor"> {
  const names = columnNames(results);
  const first = results[0]!;
  const labels = commonLabels(results);
  return {
    kind: isGenerated(first) ? "generated" : "likelihood",
    task: first.task,
    columns: results.map((result, i) => ({ name: names[i]!, result })),
    questions: pairQuestions(results.map((result) => answersOf(result, labels))),
    labels,
  };
}

/** Names of models and strategies; where two are equal, with what else differs, and at last with numbers. */
function columnNames(results: readonly ReportResult[]): string[] {
  const models = results.map(columnTitle);
  const settled = models.map((name, i) => (count(models, name) === 1 ? name : `${name} (${settingsOf(results[i]!)})`));
  return settled.map((name, i) =>
    count(settled, name) === 1 ? name : `${name} #${count(settled.slice(0, i + 1), name)}`,
  );
}

/** What a run of a benchmark may differ in beside its strategy, in few words. */
export function settingsOf(result: ReportResult): string {
  if (isGenerated(result)) return `${result.sampler.preset}, seed ${result.seed}`;
  return `${result.shots} shots${result.addBos ? ", BOS" : ""}`;
}

function count(names: readonly string[], name: string): number {
  return names.filter((one) => one === name).length;
}

function commonLabels(results: readonly ReportResult[]): readonly string[] | null {
  const [first] = results;
  if (isGenerated(first!)) return first.task.labels;
  const items = (results as readonly LikelihoodReport[]).flatMap((result) => result.items);
  const { choices } = items[0]!;
  const same = JSON.stringify(choices);
  const isCommon = items.every((item) => item.gold.length === 1 && JSON.stringify(item.choices) === same);
  return isCommon && new Set(choices).size === choices.length ? choices : null;
}

interface Answered {
  task: string;
  id: string;
  gold: string;
  answer: Answer;
}

function answersOf(result: ReportResult, labels: readonly string[] | null): Answered[] {
  if (isGenerated(result))
    return result.items.map(({ id, gold, extracted }) => {
      const isRight = extracted === gold;
      return { task: result.task.name, id, gold, answer: { label: extracted, isRight, score: Number(isRight) } };
    });
  const headlines = new Map(result.tasks.map(({ name, metrics }) => [name, metrics[0]!.metric]));
  return result.items.map(({ task, id, choices, chosen, gold, scores }) => {
    const nameOf = (index: number) => (labels === null ? `${index + 1}: ${choices[index]}` : choices[index]!);
    const metric = headlines.get(task)!;
    const score = scores[metric] ?? 0;
    const isRight = metric === "mc2" ? chosen !== null && gold.includes(chosen) : score === 1;
    const label = chosen === null ? null : nameOf(chosen);
    return { task, id, gold: gold.map(nameOf).join(" | "), answer: { label, isRight, score } };
  });
}

/** The union of the columns' questions, in the order in which they first occur. */
function pairQuestions(columns: ReadonlyArray<readonly Answered[]>): Question[] {
  const questions = new Map<string, Question>();
  columns.forEach((answered, column) => {
    for (const { task, id, gold, answer } of answered) {
      const key = JSON.stringify([task, id]);
      let question = questions.get(key);
      if (question === undefined) {
        question = { task, id, gold, answers: columns.map(() => null) };
        questions.set(key, question);
      }
      question.answers[column] = answer;
    }
  });
  return [...questions.values()];
}
