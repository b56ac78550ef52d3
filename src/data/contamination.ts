import { MediloraError } from "../errors.js";
import { readBenchmark } from "./benchmarkText.js";
import { GRAM_WORDS, GramIndex } from "./gramIndex.js";
import { checkNamedOnce, type FileSource, fileSource } from "./manifest.js";
import { type ProgressOptions, ProgressReport } from "./progress.js";
import { checkNotEmpty, readRows } from "./rows.js";
import { rowTexts } from "./textRow.js";

/** Changes with the length of the grams or with what a word is. */
export const CONTAMINATION_RULE = `${GRAM_WORDS}-gram@1`;

export interface ContaminationOptions extends ProgressOptions {
  /** Files of training rows. */
  training: readonly string[];
  /** Benchmarks in their published files; see {@link readBenchmark}. */
  benchmarks: readonly string[];
  /** For benchmarks that are one JSON object: the field whose array holds the questions, as BioASQ's `questions`. */
  at?: string;
}

/** A question that shares a run of 13 words with the training rows. */
export interface Overlap {
  id: string;
  /** Distinct 13-grams of the question that occur in the training rows, and all it has. */
  matched: number;
  grams: number;
  /** The first training row that holds one of them. */
  row: { file: string; id: string };
}

export interface BenchmarkOverlap extends FileSource {
  questions: number;
  /** Questions without any text of 13 words: nothing can be said of them. */
  tooShort: number;
  /** Questions that overlap, in the file's order. */
  overlaps: Overlap[];
}

export interface ContaminationReport {
  rule: string;
  training: FileSource[];
  rows: number;
  benchmarks: BenchmarkOverlap[];
}

/** What of a question occurs in training rows. */
export type GramMatch = Pick<Overlap, "matched" | "grams"> & {
  /** The first training row that holds one of the grams; undefined without a match. */
  row: Overlap["row"] | undefined;
};

interface Question {
  grams: ReadonlySet<number>;
  row?: Overlap["row"];
}

/**
 * Which questions of benchmarks share a run of 13 words with training rows, question by question. Words are compared in
 * lower case, without punctuation. An overlap is a reason to look: stock phrases overlap too; the share of matched
 * grams tells them from copies.
 *
 * The training rows are streamed; memory holds the benchmarks' grams (see {@link GramIndex}).
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_EMPTY` for a benchmark without questions or a file without rows, and what
 *   {@link readBenchmark} and {@link readRows} throw
 * @see Brown et al. 2020, Language Models are Few-Shot Learners, appendix C
 */
export async function checkContamination(options: ContaminationOptions): Promise<ContaminationReport> {
  const { training, benchmarks, at } = options;
  if (training.length === 0 || benchmarks.length === 0)
    throw new MediloraError("ARGUMENT_INVALID", "Name at least one file of training rows and one benchmark.");
  checkNamedOnce(training);
  checkNamedOnce(benchmarks);
  const index = new GramIndex();
  const questions: Question[] = [];
  const ids: string[][] = [];
  for (const path of benchmarks) {
    const own: string[] = [];
    for await (const { id, texts } of readBenchmark(path, at)) {
      own.push(id);
      addQuestion(index, questions, texts);
    }
    if (own.length === 0) throw new MediloraError("DATA_EMPTY", `${path} holds no questions. Give another file.`);
    ids.push(own);
  }
  const { matches, rows } = await matchTraining(index, questions, options);
  const report: BenchmarkOverlap[] = [];
  let start = 0;
  for (const [benchmark, path] of benchmarks.entries()) {
    const own = ids[benchmark]!;
    report.push({ ...(await fileSource(path)), ...overlapOf(own, matches.slice(start, start + own.length)) });
    start += own.length;
  }
  return { rule: CONTAMINATION_RULE, training: await Promise.all(training.map(fileSource)), rows, benchmarks: report };
}

/**
 * The same check for questions that are at hand.
 * @param questions the texts of each one
 * @returns a match for each question, in their order, and the number of training rows
 * @throws MediloraError `ABORTED`, and what {@link readRows} throws
 */
export async function matchGrams(
  questions: Iterable<readonly string[]>,
  options: ProgressOptions & Pick<ContaminationOptions, "training">,
): Promise<{ matches: GramMatch[]; rows: number }> {
  const index = new GramIndex();
  const all: Question[] = [];
  for (const texts of questions) addQuestion(index, all, texts);
  return matchTraining(index, all, options);
}

function addQuestion(index: GramIndex, questions: Question[], texts: readonly string[]): void {
  const number = questions.length;
  questions.push({ grams: new Set(texts.flatMap((text) => index.add(number, text))) });
}

async function matchTraining(
  index: GramIndex,
  questions: readonly Question[],
  options: ProgressOptions & Pick<ContaminationOptions, "training">,
): Promise<{ matches: GramMatch[]; rows: number }> {
  const matched = new Uint8Array(index.size);
  const progress = new ProgressReport("read", options);
  for (const file of options.training) {
    const before = progress.rows;
    for await (const row of readRows(file)) {
      progress.add();
      for (const text of rowTexts(row))
        index.match(text, (gram, owners) => {
          if (matched[gram] === 1) return;
          matched[gram] = 1;
          for (const owner of owners) (questions[owner] as Question).row ??= { file, id: row.id };
        });
    }
    checkNotEmpty(file, progress.rows - before);
  }
  progress.end();
  const matches = questions.map(({ grams, row }) => {
    const count = [...grams].filter((gram) => matched[gram] === 1).length;
    return { matched: count, grams: grams.size, row };
  });
  return { matches, rows: progress.rows };
}

/** @param ids of the questions that were matched, in the same order */
export function overlapOf(
  ids: readonly string[],
  matches: readonly GramMatch[],
): Pick<BenchmarkOverlap, "questions" | "tooShort" | "overlaps"> {
  const overlaps = matches.flatMap(({ row, ...match }, i): Overlap[] =>
    row === undefined ? [] : [{ id: ids[i]!, ...match, row }],
  );
  return { questions: ids.length, tooShort: matches.filter(({ grams }) => grams === 0).length, overlaps };
}
