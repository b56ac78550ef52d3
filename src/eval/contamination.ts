import { basename } from "node:path";
import { CONTAMINATION_RULE, type GramMatch, matchGrams, type Overlap, overlapOf } from "../data/contamination.js";
import { fileSource } from "../data/manifest.js";
import type { ProgressOptions } from "../data/progress.js";
import { MediloraError } from "../errors.js";
import { ownTexts, prepareRun } from "./loglikelihood/prepare.js";
import type { LikelihoodTask, TaskGroup } from "./loglikelihood/task.js";
import { prepareQuestions } from "./questions.js";
import type { GenerationTask } from "./task.js";
import { findTask, isLikelihood } from "./tasks/index.js";

/** Which training rows {@link checkBenchmarks} reads. */
export interface ContaminationCheckOptions extends ProgressOptions {
  /** Files of training rows (JSON lines), which are streamed once for all benchmarks. */
  training: readonly string[];
  /** Tasks by name or as objects, each with its file or folder. */
  benchmarks: ReadonlyArray<{ task: string | GenerationTask | LikelihoodTask | TaskGroup; data: string }>;
}

/** Which questions share a run of 13 words with training rows, for evaluations of these benchmarks. */
export interface ContaminationCheck {
  rule: string;
  training: ReadonlyArray<{ file: string; sha256: string }>;
  /** Training rows. */
  rows: number;
  /** By `<task>/<id>`. */
  matches: ReadonlyMap<string, GramMatch>;
}

/** What a result says of it. */
export interface Contamination<Scores> extends Pick<ContaminationCheck, "rule" | "training" | "rows"> {
  questions: number;
  /** Questions without any text of 13 words: nothing can be said of them, and they count as clean. */
  tooShort: number;
  /** Ids are `<task>/<id>`; files are without their folders. */
  overlaps: Overlap[];
  /** Of the questions that do not overlap; null where all do. */
  clean: Scores | null;
}

/**
 * Looks up what each question shows to a model (its own text and choices; no system prompt, preamble or shots) in training
 * rows. Give the result to evaluations of the same benchmarks as `contamination`.
 * @throws MediloraError `ARGUMENT_INVALID`, `DATA_INVALID`, `DATA_EMPTY`, `FILE_NOT_FOUND`, `FILE_READ`, `ABORTED`
 * @see checkContamination, which looks up files instead
 */
export async function checkBenchmarks(options: ContaminationCheckOptions): Promise<ContaminationCheck> {
  const { training, benchmarks } = options;
  if (training.length === 0)
    throw new MediloraError("ARGUMENT_INVALID", "training must name at least one file of training rows.");
  const questions = new Map<string, readonly string[]>();
  for (const { task, data } of benchmarks)
    for (const [key, texts] of await questionTexts(
      typeof task === "string" ? findTask(task) : task,
      data,
      options.signal,
    ))
      questions.set(key, texts);
  const { matches, rows } = await matchGrams(questions.values(), options);
  const files = await Promise.all(training.map(fileSource));
  return {
    rule: CONTAMINATION_RULE,
    training: files.map(({ path, sha256 }) => ({ file: basename(path), sha256 })),
    rows,
    matches: new Map([...questions.keys()].map((key, i) => [key, matches[i]!])),
  };
}

async function questionTexts(
  task: GenerationTask | LikelihoodTask | TaskGroup,
  data: string,
  signal: AbortSignal | undefined,
): Promise<Array<[key: string, texts: readonly string[]]>> {
  if (isLikelihood(task)) {
    const { tasks } = await prepareRun(task, data, 0, signal);
    return tasks.flatMap(({ questions, sources }) =>
      questions.map(({ key }, i): [string, readonly string[]] => [key, ownTexts(sources[i]!)]),
    );
  }
  const questions = await prepareQuestions(task, data, signal);
  return questions.map(({ id, messages }) => [
    `${task.name}/${id}`,
    messages
      .filter(({ role }) => role === "user")
      .slice(-1)
      .map(({ content }) => content),
  ]);
}

/**
 * The part of a check that is about the questions of a result.
 * @param keys    `<task>/<id>` of each question that was asked
 * @param scoreOf scores the questions that are clean, at least one; gets their keys
 * @throws MediloraError `ARGUMENT_INVALID` when the check does not know a question
 */
export function contaminationOf<Scores>(
  { rule, training, rows, matches }: ContaminationCheck,
  keys: readonly string[],
  scoreOf: (clean: ReadonlySet<string>) => Scores,
): Contamination<Scores> {
  const own = keys.map((key, index) => {
    const match = matches.get(key);
    if (match !== undefined) return match;
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `contamination does not know question ${index + 1} of those that were asked. Check the benchmarks that are evaluated, with the same data.`,
    );
  });
  const clean = new Set(keys.filter((_, i) => own[i]!.row === undefined));
  const { questions, tooShort, overlaps } = overlapOf(keys, own);
  return {
    ...{ rule, training, rows, questions, tooShort },
    overlaps: overlaps.map(({ row, ...overlap }) => ({ ...overlap, row: { ...row, file: basename(row.file) } })),
    clean: clean.size === 0 ? null : scoreOf(clean),
  };
}
