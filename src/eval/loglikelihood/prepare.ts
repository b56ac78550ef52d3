import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import { recordError } from "../../data/formats/record.js";
import { fileError, MediloraError } from "../../errors.js";
import { sha256Text } from "../../util/hash.js";
import type { ChoiceQuestion, LikelihoodTask, LocatedQuestion, TaskGroup } from "./task.js";

/** One question, ready to be scored. */
export interface PreparedChoices extends Pick<ChoiceQuestion, "choices" | "gold"> {
  /** `<task>/<id>`, unique in a run. */
  key: string;
  task: string;
  id: string;
  /** [choices]: preamble, shots and question; equal texts where the choices share their context. */
  contexts: readonly string[];
  /** [choices]: delimiter and choice. */
  continuations: readonly string[];
  /** Of contexts and continuations. */
  promptSha256: string;
}

/** A task with the questions of its file. */
export interface PreparedTask {
  task: LikelihoodTask;
  path: string;
  shotsPath?: string;
  /** In front of every question: preamble and shots. */
  header: string;
  questions: PreparedChoices[];
  /** Of each question, what its file says. */
  sources: LocatedQuestion[];
}

export interface PreparedRun {
  tasks: PreparedTask[];
  /** Names of the group's tasks whose file is absent. */
  missing: string[];
}

/**
 * The questions of a task, or of all tasks of a group whose files are there, in the order of the files. All are checked
 * before anything is scored.
 * @param data  the task's file, or a folder that holds it; a folder for a group
 * @param shots questions of the shots file that stand solved in front of each question
 * @throws MediloraError `ARGUMENT_INVALID` for shots that the task does not take; `DATA_INVALID`, `DATA_EMPTY`,
 *   `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function prepareRun(task: LikelihoodTask | TaskGroup, data: string, shots: number): Promise<PreparedRun> {
  if (task.kind === "likelihood") return { tasks: [await prepareTask(task, data, shots)], missing: [] };
  if (!(await isFolder(data)))
    throw new MediloraError("ARGUMENT_INVALID", `${task.name} needs a folder with its files: ${task.files}.`);
  const tasks: PreparedTask[] = [];
  const missing: string[] = [];
  for (const member of task.tasks)
    if ((await findIn(data, member.fileNames)) === undefined) missing.push(member.name);
    else tasks.push(await prepareTask(member, data, shots));
  if (tasks.length > 0) return { tasks, missing };
  throw new MediloraError("FILE_NOT_FOUND", `${data} holds no file of ${task.name}: ${task.files}.`);
}

async function prepareTask(task: LikelihoodTask, data: string, shots: number): Promise<PreparedTask> {
  const path = (await isFolder(data)) ? await fileOf(task.name, data, task.fileNames) : data;
  const shotsPath = shots === 0 ? undefined : await shotsFile(task, data);
  const header = task.preamble + (shotsPath === undefined ? "" : await shotsText(task, shotsPath, shots));
  const sources: LocatedQuestion[] = [];
  const ids = new Set<string>();
  for await (const question of task.read(path)) {
    checkQuestion(question);
    if (ids.has(question.id)) throw recordError(question.where, `the id occurs twice; give each question its own`);
    ids.add(question.id);
    sources.push(question);
  }
  if (sources.length === 0)
    throw new MediloraError("DATA_EMPTY", `${path} holds no questions of ${task.name}. Give another file.`);
  const questions = sources.map((question) => prepareChoices(task, header, question));
  return { task, path, header, questions, sources, ...(shotsPath !== undefined && { shotsPath }) };
}

/** @param header stands in front of the question: the task's preamble, and shots */
export function prepareChoices(task: LikelihoodTask, header: string, question: ChoiceQuestion): PreparedChoices {
  const { id, choices, gold } = question;
  // One string for all choices where they share it: with shots it is long.
  const shared = typeof question.context === "string" ? header + question.context : undefined;
  const contexts = choices.map((_, i) => shared ?? header + contextOf(question, i));
  const continuations = choices.map((choice) => task.delimiter + choice);
  const promptSha256 = sha256Text(JSON.stringify([contexts, continuations]));
  return { key: `${task.name}/${id}`, task: task.name, id, contexts, continuations, choices, gold, promptSha256 };
}

/** The first questions of the file, solved, each followed by a blank line. */
async function shotsText(task: LikelihoodTask, path: string, shots: number): Promise<string> {
  const solved: string[] = [];
  for await (const question of task.read(path)) {
    if (solved.length === shots) break;
    checkQuestion(question);
    solved.push(solvedText(task, question));
  }
  if (solved.length === shots) return solved.join("");
  throw new MediloraError("ARGUMENT_INVALID", `${path} holds ${solved.length} shots; ${shots} are asked for.`);
}

/** A solved question and the blank line behind it. */
export function solvedText(task: LikelihoodTask, question: ChoiceQuestion): string {
  const right = question.gold[0]!;
  return `${contextOf(question, right)}${task.delimiter}${question.choices[right]}\n\n`;
}

/**
 * All questions of a file of solved ones, checked.
 * @param data the file, or a folder that holds it under a name of the task's shots or data
 * @throws MediloraError `DATA_INVALID`, `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function readSolved(
  task: LikelihoodTask,
  data: string,
): Promise<{ path: string; questions: LocatedQuestion[] }> {
  const names = [...(task.shotFileNames ?? []), ...task.fileNames];
  const path = (await isFolder(data)) ? await fileOf(`solved questions of ${task.name}`, data, names) : data;
  const questions: LocatedQuestion[] = [];
  for await (const question of task.read(path)) {
    checkQuestion(question);
    questions.push(question);
  }
  return { path, questions };
}

function contextOf({ context }: ChoiceQuestion, choice: number): string {
  return typeof context === "string" ? context : context[choice]!;
}

function checkQuestion({ where, choices, gold }: LocatedQuestion): void {
  if (choices.length < 2) throw recordError(where, "a question needs at least two choices");
  const empty = choices.indexOf("");
  if (empty >= 0) throw recordError(where, `choice ${empty + 1} is empty`);
  if (gold.length === 0 || gold.some((index) => !Number.isInteger(index) || index < 0 || index >= choices.length))
    throw recordError(where, "the right answer must be one of the choices");
}

async function shotsFile(task: LikelihoodTask, data: string): Promise<string> {
  if (task.shotFileNames === undefined)
    throw new MediloraError("ARGUMENT_INVALID", `${task.name} has no shots. Leave shots out.`);
  if (await isFolder(data)) return fileOf(`the shots of ${task.name}`, data, task.shotFileNames);
  throw new MediloraError(
    "ARGUMENT_INVALID",
    `With shots, ${task.name} needs the folder of its files: ${task.files}. Give the folder as data.`,
  );
}

async function fileOf(what: string, folder: string, names: readonly string[]): Promise<string> {
  const found = await findIn(folder, names);
  if (found !== undefined) return found;
  throw new MediloraError("FILE_NOT_FOUND", `${folder} holds no file of ${what}: ${names.join(" or ")} is looked for.`);
}

async function findIn(folder: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const path = join(folder, name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw fileError(error, path, "read");
  }
}
