import { stat } from "node:fs/promises";
import { MediloraError } from "../../errors.js";
import { DataFolder } from "../../eval/dataFolder.js";
import { loadTask } from "../../eval/define/load.js";
import { membersOf } from "../../eval/download/download.js";
import type { LikelihoodTask, TaskGroup } from "../../eval/loglikelihood/task.js";
import type { GenerationTask } from "../../eval/task.js";
import { findTask, GENERATION_TASKS, isMember, LIKELIHOOD_TASKS } from "../../eval/tasks/index.js";
import { type EvalFlags, isTaskFile } from "./flags.js";

export type BenchmarkTask = GenerationTask | LikelihoodTask | TaskGroup;

/** A task and its file or folder. */
export interface Benchmark {
  task: BenchmarkTask;
  data: string;
}

export interface Selection {
  benchmarks: Benchmark[];
  /** Tasks whose files are absent. */
  skipped: Array<{ task: string; files: string }>;
}

/** Where files are looked for, and downloaded to, unless `--data` says otherwise. */
export const DEFAULT_FOLDER = "benchmarks";

/**
 * The tasks that the flags name: without `--task`, pubmedqa where `--data` is a file, else all.
 * @throws MediloraError `ARGUMENT_INVALID` for an unknown name or two tasks of one name, and what {@link loadTask} throws
 */
export async function namedTasks({ task: names, data }: Pick<EvalFlags, "task" | "data">): Promise<BenchmarkTask[]> {
  const wanted = names ?? [(await isFile(data)) ? "pubmedqa" : "all"];
  const tasks: BenchmarkTask[] = [];
  for (const name of wanted)
    if (name === "all") tasks.push(...GENERATION_TASKS, ...LIKELIHOOD_TASKS.filter((task) => !isMember(task)));
    else tasks.push(isTaskFile(name) ? await loadTask(name) : findTask(name));
  const unique = [...new Set(tasks)];
  const twice = unique.find((task, i) => unique.findIndex(({ name }) => name === task.name) !== i);
  if (twice === undefined) return unique;
  throw new MediloraError("ARGUMENT_INVALID", `Two tasks are named ${twice.name}. Rename one, or evaluate them apart.`);
}

/**
 * The tasks whose files are there.
 * @throws MediloraError `FILE_NOT_FOUND` when there is none, or the only task that was named has none; `ARGUMENT_INVALID`
 *   for several tasks and one file
 */
export async function selectBenchmarks(
  tasks: readonly BenchmarkTask[],
  { data }: Pick<EvalFlags, "data">,
): Promise<Selection> {
  if (await isFile(data)) {
    if (tasks.length === 1) return { benchmarks: [{ task: tasks[0]!, data: data! }], skipped: [] };
    throw new MediloraError("ARGUMENT_INVALID", "Several benchmarks need a folder with their files as --data.");
  }
  const place = data ?? DEFAULT_FOLDER;
  // Only the default folder may be absent.
  const folder = data === undefined && !(await isThere(place)) ? undefined : await DataFolder.open(place);
  const selection: Selection = { benchmarks: [], skipped: [] };
  for (const task of tasks) {
    const found = ownData(task) ?? (hasFile(task, folder) ? place : undefined);
    if (found !== undefined) selection.benchmarks.push({ task, data: found });
    else selection.skipped.push({ task: task.name, files: task.files });
  }
  if (selection.benchmarks.length === 0) throw nothingFound(place, selection.skipped);
  return selection;
}

function ownData(task: BenchmarkTask): string | undefined {
  return "data" in task ? task.data : undefined;
}

function hasFile(task: BenchmarkTask, folder: DataFolder | undefined): boolean {
  return membersOf(task).some(({ fileNames = [] }) => folder?.find(fileNames) !== undefined);
}

function nothingFound(place: string, skipped: Selection["skipped"]): MediloraError {
  return new MediloraError(
    "FILE_NOT_FOUND",
    `${place} holds no file of these benchmarks. Put the published files there, or into folders below it, or name another ` +
      "folder by --data; --download fetches most of them:\n" +
      skipped.map(({ task, files }) => `- ${task}: ${files}`).join("\n"),
  );
}

async function isFile(path: string | undefined): Promise<boolean> {
  return path !== undefined && (await stat(path).catch(() => undefined))?.isDirectory() === false;
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
