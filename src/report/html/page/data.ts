/** What the page's script works on, as JSON. */
export interface PageData {
  /** Source of a regular expression for the flag u. */
  hiddenCharacters: string;
  benchmarks: PageBenchmark[];
}

export interface PageBenchmark {
  key: string;
  kind: "generated" | "likelihood";
  models: string[];
  /** The answers that every question has; null where they differ from question to question. */
  labels: readonly string[] | null;
  /** With what their prompts begin alike, which is kept once. */
  tasks: Array<{ name: string; beginning: string }>;
  questions: PageQuestion[];
}

export interface PageQuestion {
  /** Index in the benchmark's tasks. */
  task: number;
  id: string;
  gold: string;
  /** Distinct ones, without the task's beginning. */
  prompts: string[];
  /** Of scored choices. */
  choices?: string[];
  /** Indexes of the right choices. */
  right?: number[];
  /** By model; null where that run did not ask the question. */
  answers: Array<PageAnswer | null>;
}

export interface PageAnswer {
  label: string | null;
  isRight: boolean;
  /** Indexes in the question's prompts: one, or one a choice. */
  prompts: number[];
  /** Of generated answers. */
  response?: string;
  finish?: "stop" | "length";
  tokens?: number;
  /** Tokens cut off the beginning of the user's text. */
  cut?: number;
  /** Labels of the answers that voted; null for an invalid one. */
  votes?: Array<string | null>;
  /** Of the answer, or of each choice; null for -Infinity. */
  logprobs: Array<number | null>;
  /** Index of the choice. */
  chosen?: number | null;
}
