import { z } from "zod";

/** JSON has no -Infinity: a token of probability 0 makes a sum that is stored as null. */
const logprobSchema = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NEGATIVE_INFINITY);

export const scoreSchema = z.object({
  /** `<task>/<question's id>`. */
  id: z.string(),
  /** Of the texts that were scored. */
  promptSha256: z.string(),
  /** [choices]: sum of the natural log-probabilities of the choice's tokens. */
  logprobs: z.array(logprobSchema),
  /** [choices]: whether each of its tokens was the likeliest one. */
  isGreedy: z.array(z.boolean()),
  /** [choices]: tokens that were scored. */
  tokens: z.array(z.int()),
  /** Tokens cut off the context's left end. */
  cut: z.int(),
  /** From the start of the (last) run's decoding to this score. */
  seconds: z.number(),
});

export type StoredScore = z.output<typeof scoreSchema>;

/** What a score depends on. Two runs with equal keys may share scores; batch, threads and limit are not in it. */
export interface LikelihoodKey {
  /** SHA-256 of the model file. */
  model: string;
  adapters: ReadonlyArray<{ sha256: string; scale: number }>;
  /** `<name>@<version>`. */
  task: string;
  /** SHA-256 of a declarative task's definition. */
  definition?: string;
  /** SHA-256 of each data file, and of each shots file. */
  data: readonly string[];
  shots: number;
  addBos: boolean;
  /** Given by the caller, since it decides what is cut; null where it follows from the data. */
  contextSize: number | null;
  /** What of a strategy decides a score; left out of a plain run. */
  strategy?: object;
  medilora: string;
  llamaCpp: string;
}
