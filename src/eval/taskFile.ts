import { MediloraError } from "../errors.js";
import { DataFolder } from "./dataFolder.js";
import type { LikelihoodTask } from "./loglikelihood/task.js";
import type { GenerationTask } from "./task.js";

type FileTask = Pick<GenerationTask | LikelihoodTask, "name" | "fileNames">;

/**
 * The file of a task in a folder.
 * @param what the file, for messages
 * @throws MediloraError `FILE_NOT_FOUND` with the names that were looked for
 */
export function taskFile(task: FileTask, folder: DataFolder, what = task.name): string {
  const names = task.fileNames ?? [];
  const found = folder.find(names);
  if (found !== undefined) return found;
  const looked =
    names.length === 0 ? "it has no published name; name the file itself" : `${names.join(" or ")} is looked for`;
  throw new MediloraError("FILE_NOT_FOUND", `${folder.path} holds no file of ${what}: ${looked}.`);
}

/**
 * The file that is meant by a path: the path itself, or the task's file in that folder.
 * @throws MediloraError as {@link taskFile} and {@link DataFolder.open}
 */
export async function resolveTaskFile(task: FileTask, path: string): Promise<string> {
  const folder = await DataFolder.open(path);
  return folder === undefined ? path : taskFile(task, folder);
}
