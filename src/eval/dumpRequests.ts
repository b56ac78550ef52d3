import { AtomicWriter } from "../util/atomicFile.js";
import { prepareRun } from "./loglikelihood/prepare.js";
import type { LikelihoodTask, TaskGroup } from "./loglikelihood/task.js";
import { prepareQuestions } from "./questions.js";
import type { GenerationTask } from "./task.js";
import { resolveTaskFile } from "./taskFile.js";
import { findTask, isLikelihood } from "./tasks/index.js";

export interface DumpRequestsOptions {
  task: string | GenerationTask | LikelihoodTask | TaskGroup;
  /** As for evaluating the task. */
  data: string;
  /** JSON lines file to write, mode 0600. */
  output: string;
  /** Of each task, the first so many questions only. */
  limit?: number;
  shots?: number;
}

/** A line of the file. */
export interface DumpedRequest {
  task: string;
  docId: string;
  /** ChatML up to the assistant's header, or the text in front of the continuation. */
  context: string;
  /** Null where the answer is generated. */
  continuation: string | null;
  /** The right label, or the indexes of the right choices. */
  gold: string | number[];
}

/**
 * Writes every request of a task as a JSON line, one a choice where choices are scored. No model is loaded: prompts can
 * be checked against any other harness.
 * @returns the number of lines
 * @throws MediloraError `ARGUMENT_INVALID`, `DATA_INVALID`, `DATA_EMPTY`, `FILE_NOT_FOUND`, `FILE_READ`, `FILE_WRITE`,
 *   `DISK_FULL`
 */
export async function dumpRequests(options: DumpRequestsOptions): Promise<number> {
  const task = typeof options.task === "string" ? findTask(options.task) : options.task;
  const requests = isLikelihood(task) ? await choiceRequests(task, options) : await promptRequests(task, options);
  await using writer = await AtomicWriter.open(options.output);
  for (const request of requests) await writer.write(`${JSON.stringify(request)}\n`);
  await writer.commit();
  return requests.length;
}

async function promptRequests(task: GenerationTask, { data, limit }: DumpRequestsOptions): Promise<DumpedRequest[]> {
  const questions = await prepareQuestions(task, await resolveTaskFile(task, data));
  return questions
    .slice(0, limit)
    .map(({ id, prompt, gold }) => ({ task: task.name, docId: id, context: prompt, continuation: null, gold }));
}

async function choiceRequests(
  task: LikelihoodTask | TaskGroup,
  { data, limit, shots = 0 }: DumpRequestsOptions,
): Promise<DumpedRequest[]> {
  const { tasks } = await prepareRun(task, data, shots);
  return tasks
    .flatMap(({ questions }) => questions.slice(0, limit))
    .flatMap((question) =>
      question.continuations.map((continuation, i) => ({
        task: question.task,
        docId: question.id,
        context: question.contexts[i]!,
        continuation,
        gold: [...question.gold],
      })),
    );
}
