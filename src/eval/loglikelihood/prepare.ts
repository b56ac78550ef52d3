import { recordError } from "../../data/formats/record.js";
import { MediloraError } from "../../errors.js";
import { sha256Text } from "../../util/hash.js";
import { untilAborted } from "../../util/turn.js";
import { DataFolder } from "../dataFolder.js";
import { taskFile } from "../taskFile.js";
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
  /** Its place in the file, for error messages. */
  where: string;
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
 *   `FILE_NOT_FOUND`, `FILE_READ`, `ABORTED`
 */
export async function prepareRun(
  task: LikelihoodTask | TaskGroup,
  data: string,
  shots: number,
  signal?: AbortSignal,
): Promise<PreparedRun> {
  const folder = await DataFolder.open(data);
  if (task.kind === "likelihood")
    return { tasks: [await prepareTask(task, { data, folder, signal }, shots)], missing: [] };
  if (folder === undefined)
    throw new MediloraError("ARGUMENT_INVALID", `${task.name} needs a folder with its files: ${task.files}.`);
  const tasks: PreparedTask[] = [];
  const missing: string[] = [];
  for (const member of task.tasks)
    if (folder.find(member.fileNames) === undefined) missing.push(member.name);
    else tasks.push(await prepareTask(member, { data, folder, signal }, shots));
  if (tasks.length > 0) return { tasks, missing };
  throw new MediloraError("FILE_NOT_FOUND", `${data} holds no file of ${task.name}: ${task.files}.`);
}

/** The path that the caller gave, and the folder that it is. */
interface Place {
  data: string;
  /** Stops the reading. */
  signal: AbortSignal | undefined;
  folder: DataFolder | undefined;
}

async function prepareTask(task: LikelihoodTask, place: Place, shots: number): Promise<PreparedTask> {
  const path = place.folder === undefined ? place.data : taskFile(task, place.folder);
  const shotsPath = shots === 0 ? undefined : shotsFile(task, place);
  const header =
    task.preamble +
    (shotsPath === undefined
      ? ""
      : await shotsText(task, untilAborted(task.read(shotsPath), place.signal), { path: shotsPath, shots }));
  const sources: LocatedQuestion[] = [];
  const ids = new Set<string>();
  for await (const question of untilAborted(task.read(path), place.signal)) {
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

/** The question alone: its context without preamble and shots, and its choices. */
export function ownTexts(question: ChoiceQuestion): string[] {
  const { choices } = question;
  return [...new Set(choices.map((_, i) => contextOf(question, i))), ...choices];
}

/** @param header stands in front of the question: the task's preamble, and shots */
export function prepareChoices(task: LikelihoodTask, header: string, question: LocatedQuestion): PreparedChoices {
  const { id, choices, gold, where } = question;
  // One string for all choices where they share it: with shots it is long.
  const shared = typeof question.context === "string" ? header + question.context : undefined;
  const contexts = choices.map((_, i) => shared ?? header + contextOf(question, i));
  const continuations = choices.map((choice) => task.delimiter + choice);
  const promptSha256 = sha256Text(JSON.stringify([contexts, continuations]));
  return {
    key: `${task.name}/${id}`,
    task: task.name,
    id,
    contexts,
    continuations,
    choices,
    gold,
    promptSha256,
    where,
  };
}

/** The first questions of the file, solved, each followed by a blank line. */
async function shotsText(
  task: LikelihoodTask,
  questions: AsyncIterable<LocatedQuestion>,
  { path, shots }: { path: string; shots: number },
): Promise<string> {
  const solved: string[] = [];
  for await (const question of questions) {
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
 * @throws MediloraError `DATA_INVALID`, `FILE_NOT_FOUND`, `FILE_READ`, `ABORTED`
 */
export async function readSolved(
  task: LikelihoodTask,
  data: string,
  signal: AbortSignal | undefined,
): Promise<{ path: string; questions: LocatedQuestion[] }> {
  const names = [...(task.shotFileNames ?? []), ...task.fileNames];
  const folder = await DataFolder.open(data);
  const path = folder ? taskFile({ ...task, fileNames: names }, folder, `solved questions of ${task.name}`) : data;
  const questions: LocatedQuestion[] = [];
  for await (const question of untilAborted(task.read(path), signal)) {
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

function shotsFile(task: LikelihoodTask, { folder }: Place): string {
  if (task.shotsFile !== undefined) return task.shotsFile;
  if (task.shotFileNames === undefined)
    throw new MediloraError("ARGUMENT_INVALID", `${task.name} has no shots. Leave shots out.`);
  if (folder !== undefined)
    return taskFile({ ...task, fileNames: task.shotFileNames }, folder, `the shots of ${task.name}`);
  throw new MediloraError(
    "ARGUMENT_INVALID",
    `With shots, ${task.name} needs the folder of its files: ${task.files}. Give the folder as data.`,
  );
}
