import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { MediloraError } from "../../errors.js";
import { makeFolder } from "../../util/folder.js";
import { DataFolder } from "../dataFolder.js";
import { prepareRun } from "../loglikelihood/prepare.js";
import type { LikelihoodTask, TaskGroup } from "../loglikelihood/task.js";
import { prepareQuestions } from "../questions.js";
import type { GenerationTask } from "../task.js";
import { findTask, isLikelihood } from "../tasks/index.js";
import { type FetchedFile, fetchFile } from "./fetchFile.js";
import { writePubMedQATestSet } from "./pubmedqaTestSet.js";
import { type DownloadSource, downloadSource } from "./sources.js";

/** Which benchmarks {@link downloadBenchmarks} fetches, and where to. */
export interface DownloadOptions {
  /** Names of built-in tasks and groups. */
  tasks: readonly string[];
  /** The folder that the files go to; made where it is absent. */
  folder: string;
  /** Base URL of a mirror that holds the same files under their names in the folder, instead of their publishers. */
  mirror?: string;
  signal?: AbortSignal;
  /** Bytes of a file so far; `total` is undefined where the server does not say it. */
  onProgress?: (progress: { file: string; bytes: number; total: number | undefined }) => void;
}

/** What {@link downloadBenchmarks} fetched and what it left. */
export interface Downloaded {
  files: FetchedFile[];
  /** Tasks whose file was there already. */
  present: string[];
  /** Tasks whose files cannot be fetched one by one; `files` says where they are published. */
  unavailable: Array<{ task: string; files: string }>;
  /** Tasks whose file holds another number of questions than the published set. */
  different: Array<{ task: string; questions: number; published: number }>;
}

type SingleTask = GenerationTask | LikelihoodTask;

/**
 * Fetches the published files of benchmarks into a folder, where evaluations find them. Files of tasks that are there
 * stay as they are, so that a repeated call goes on where the last one stopped. Each new file is read once, whole.
 * @throws MediloraError `ARGUMENT_INVALID` for an unknown task, `NETWORK_FAILED`, `DATA_INVALID` for a file that is not the
 *   task's, which is removed, `ABORTED`, `DISK_FULL`, `FILE_WRITE`
 */
export async function downloadBenchmarks(options: DownloadOptions): Promise<Downloaded> {
  const result: Downloaded = { files: [], present: [], unavailable: [], different: [] };
  const tasks = new Set(options.tasks.flatMap((name) => membersOf(findTask(name))));
  await makeFolder(options.folder);
  for (const task of tasks) await downloadTask(task, options, result);
  return result;
}

/** The single tasks of a task or group. */
export function membersOf(task: GenerationTask | LikelihoodTask | TaskGroup): readonly SingleTask[] {
  return isLikelihood(task) && task.kind === "group" ? task.tasks : [task as SingleTask];
}

async function downloadTask(task: SingleTask, options: DownloadOptions, result: Downloaded): Promise<void> {
  const folder = await DataFolder.open(options.folder);
  if (folder === undefined)
    throw new MediloraError("ARGUMENT_INVALID", `${options.folder} is a file. Name a folder for the benchmarks.`);
  const source = downloadSource(task.name);
  if (folder.find(source?.made === undefined ? (task.fileNames ?? []) : [basename(source.made)]) !== undefined) {
    result.present.push(task.name);
    return;
  }
  if (source === undefined) {
    result.unavailable.push({ task: task.name, files: task.files });
    return;
  }
  const files = await fetchAll(source, options);
  const questions = await countQuestions(task, options.folder).catch(async (error: unknown) => {
    // Left there, it would pass for the task's file the next time.
    for (const { path } of files) await rm(path, { force: true });
    throw error;
  });
  result.files.push(...files);
  const { questions: published = questions } = source;
  if (questions !== published) result.different.push({ task: task.name, questions, published });
}

async function fetchAll({ files, made }: DownloadSource, options: DownloadOptions): Promise<FetchedFile[]> {
  const { folder, mirror, signal, onProgress } = options;
  const fetched: FetchedFile[] = [];
  for (const { url, file } of files)
    fetched.push(
      await fetchFile({
        url: mirror === undefined ? url : `${mirror.replace(/\/+$/, "")}/${file}`,
        path: join(folder, file),
        signal,
        onProgress: (bytes, total) => onProgress?.({ file, bytes, total }),
      }),
    );
  const [labelled, truth] = fetched.map(({ path }) => path);
  if (made !== undefined) await writePubMedQATestSet(labelled!, truth!, join(folder, made));
  return fetched;
}

async function countQuestions(task: SingleTask, folder: string): Promise<number> {
  if (!isLikelihood(task)) return (await prepareQuestions(task, folder)).length;
  const { tasks } = await prepareRun(task, folder, 0);
  return tasks[0]!.questions.length;
}
