import type { SourceRecord } from "../../data/formats/record.js";

/**
 * - `acc`: 1 when the right choice has the highest sum of log-probabilities; the first of equal ones counts as chosen.
 * - `acc_norm`: the same by sum / Unicode code points of the choice; `acc_bytes`: by sum / UTF-8 bytes.
 * - `mc1`: as `acc`, but a tie counts as wrong.
 * - `mc2`: share of the probability that falls on the right choices.
 */
export type LikelihoodMetric = "acc" | "acc_norm" | "acc_bytes" | "mc1" | "mc2";

/** A question whose choices are scored, not generated. */
export interface ChoiceQuestion {
  /** Unique in its file. */
  id: string;
  /** What stands in front of every choice, or in front of each of them; without the task's preamble and shots. */
  context: string | readonly string[];
  /** At least two, none empty; without the task's delimiter. */
  choices: readonly string[];
  /** Indexes of the right choices: one, but for `mc2`. */
  gold: readonly number[];
  /** The question's own words, by which similar ones are found and equal ones told; default: its context. */
  text?: string;
  /** Of a question whose choices are the letters of options that its context shows; `context` shows others in their place. */
  lettered?: {
    options: readonly string[];
    /** The context with these options behind the letters. */
    context(options: readonly string[]): string;
  };
}

/**
 * A benchmark whose choices are scored by their log-likelihood, as data. The rules of how text becomes tokens and sums
 * become scores are the same for all and follow lm-evaluation-harness 0.4.
 *
 * Whatever changes a text or a gold label needs a new `version`.
 */
export interface LikelihoodTask {
  readonly kind: "likelihood";
  /** By which the task is found, e.g. "arc_easy". */
  readonly name: string;
  readonly version: number;
  /** One sentence for lists and help texts. */
  readonly description: string;
  /** Which file it reads, and where that is published. */
  readonly files: string;
  /** Names under which a folder may hold the file, the first that is there. */
  readonly fileNames: readonly string[];
  /** The same for the file whose first questions are the shots; a task without takes no shots. */
  readonly shotFileNames?: readonly string[];
  /** The file with the shots, whatever the folder. */
  readonly shotsFile?: string;
  /** The file that is read where the run names none. */
  readonly data?: string;
  /** SHA-256 of a declarative definition; none for tasks of code, whose version tells their changes. */
  readonly definition?: string;
  /** Stands in front of everything else. */
  readonly preamble: string;
  /** Stands between a context and a choice. */
  readonly delimiter: "" | " ";
  /** The first one is the task's headline. */
  readonly metrics: readonly [LikelihoodMetric, ...LikelihoodMetric[]];
  /** What a reader of its numbers must know. */
  readonly notes?: readonly string[];
  /**
   * The questions of a file, in its order.
   * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`, `DATA_INVALID` with file, row and field
   */
  read(path: string): AsyncIterable<LocatedQuestion>;
}

/** A question and its place for error messages: "FILE, line 3". */
export interface LocatedQuestion extends ChoiceQuestion, Pick<SourceRecord, "where"> {}

/** Tasks of one folder that are run together and averaged. */
export interface TaskGroup {
  readonly kind: "group";
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly files: string;
  readonly tasks: readonly LikelihoodTask[];
}
