import { z } from "zod";

// What reports read of a result, and no more: results may hold other fields as well.

const file = z.object({ file: z.string(), sha256: z.string(), bytes: z.number() });
const interval = z.object({ low: z.number(), high: z.number() });
const count = z.int().min(0);

/** JSON has neither -Infinity, which a choice of probability 0 has, nor NaN: both are null there. */
const logprob = z
  .custom<number | null>((value) => value === null || typeof value === "number", "must be a number or null")
  .transform((value) => (value === null || Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value));

const adapters = z.array(file.extend({ scale: z.number() }));

const strategy = z.object({
  label: z.string(),
  choiceShuffling: z.object({ permutations: count, seed: z.number() }).optional(),
  neighbours: z
    .object({ shots: count, train: z.array(file), embedding: z.object({ model: file, adapters }) })
    .optional(),
});

/** @param clean scores of the questions that do not occur in training rows */
function contamination<Clean extends z.ZodType>(clean: Clean) {
  const check = { rule: z.string(), training: z.array(z.object({ file: z.string() })), rows: count, questions: count };
  return z.object({ ...check, tooShort: count, overlaps: z.array(z.unknown()), clean: clean.nullable() }).optional();
}

const run = {
  model: file,
  adapters,
  timings: z.object({ asked: count, resumed: count, loadSeconds: z.number(), answerSeconds: z.number() }),
  versions: z.object({ medilora: z.string(), llamaCpp: z.string(), node: z.string() }),
  machine: z.object({ cpu: z.string(), threads: count }),
  strategy: strategy.optional(),
  notes: z.array(z.string()),
};

const definition = z.string().optional();

const generatedItem = z.object({
  id: z.string(),
  prompt: z.string(),
  response: z.string(),
  extracted: z.string().nullable(),
  gold: z.string(),
  finish: z.enum(["stop", "length"]),
  logprob,
  promptTokens: count,
  answerTokens: count,
  cut: count.optional(),
  vote: z.object({ ballots: z.array(z.string().nullable()) }).optional(),
});

export const generatedSchema = z
  .object({
    ...run,
    task: z.object({ name: z.string(), version: z.number(), labels: z.array(z.string()).min(1), definition }),
    data: file,
    sampler: z.object({
      preset: z.string(),
      description: z.string(),
      steps: z.array(z.object({ type: z.string(), t: z.number().optional() })),
    }),
    seed: z.number(),
    maxTokens: count,
    extraction: z.string(),
    metrics: z.object({
      n: count.min(1),
      correct: count,
      accuracy: z.number(),
      valid: count,
      validRate: z.number(),
      accuracyOfValid: z.number().nullable(),
      macroF1: z.number(),
      confusion: z.array(z.array(count)),
    }),
    intervals: z.object({
      accuracy: interval,
      validRate: interval,
      accuracyOfValid: interval.nullable(),
      macroF1: interval,
    }),
    contamination: contamination(
      z.object({ metrics: z.object({ n: count.min(1), accuracy: z.number() }), accuracy: interval }),
    ),
    items: z.array(generatedItem),
  })
  .superRefine(({ task, metrics, items }, { addIssue }) => {
    const refuse = (path: Array<string | number>, message: string) => addIssue({ code: "custom", path, message });
    const { labels } = task;
    if (items.length !== metrics.n) refuse(["items"], "must be as many as metrics.n");
    if (new Set(labels).size !== labels.length) refuse(["task", "labels"], "must not repeat a label");
    if (metrics.confusion.length !== labels.length || metrics.confusion.some((row) => row.length !== labels.length + 1))
      refuse(["metrics", "confusion"], "must have a row a label, and a column a label and one for invalid answers");
    const ids = new Set<string>();
    items.forEach(({ id, gold, extracted }, i) => {
      if (ids.has(id)) refuse(["items", i, "id"], "occurs twice");
      ids.add(id);
      if (!labels.includes(gold)) refuse(["items", i, "gold"], "must be one of task.labels");
      if (extracted !== null && !labels.includes(extracted))
        refuse(["items", i, "extracted"], "must be one of task.labels, or null");
    });
  });

const likelihoodItem = z
  .object({
    task: z.string(),
    id: z.string(),
    context: z.union([z.string(), z.array(z.string())]),
    choices: z.array(z.string()).min(2),
    logprobs: z.array(logprob),
    chosen: count.nullable(),
    gold: z.array(count).min(1),
    scores: z.record(z.string(), z.number().optional()),
  })
  .superRefine(({ context, choices, logprobs, chosen, gold }, { addIssue }) => {
    const refuse = (path: string, message: string) => addIssue({ code: "custom", path: [path], message });
    const { length } = choices;
    if (logprobs.length !== length) refuse("logprobs", "must be as many as choices");
    if (typeof context !== "string" && context.length !== length) refuse("context", "must be as many as choices");
    if (chosen !== null && chosen >= length) refuse("chosen", "must be the index of a choice, or null");
    if (gold.some((index) => index >= length)) refuse("gold", "must be indexes of choices");
  });

const metricScore = z.object({
  metric: z.string(),
  mean: z.number(),
  stderr: z.number().nullable(),
  interval: interval.nullable(),
});

const likelihoodScores = {
  tasks: z
    .array(z.object({ name: z.string(), version: z.number(), n: count.min(1), metrics: z.array(metricScore).min(1) }))
    .min(1),
  group: z.object({ mean: z.number(), stderr: z.number().nullable(), plainMean: z.number() }).nullable(),
};

export const likelihoodSchema = z
  .object({
    ...run,
    task: z.object({ name: z.string(), version: z.number(), definition }),
    shots: count,
    addBos: z.boolean(),
    data: z.array(file).min(1),
    ...likelihoodScores,
    contamination: contamination(z.object(likelihoodScores)),
    items: z.array(likelihoodItem),
  })
  .superRefine(({ tasks, items }, { addIssue }) => {
    const refuse = (path: Array<string | number>, message: string) => addIssue({ code: "custom", path, message });
    const open = new Map(tasks.map(({ name, n }) => [name, n]));
    const ids = new Set<string>();
    items.forEach(({ task, id }, i) => {
      const left = open.get(task);
      if (left === undefined) refuse(["items", i, "task"], "must be the name of one of tasks");
      else open.set(task, left - 1);
      const key = JSON.stringify([task, id]);
      if (ids.has(key)) refuse(["items", i, "id"], "occurs twice");
      ids.add(key);
    });
    tasks.forEach(({ name }, i) => {
      if (open.get(name) !== 0) refuse(["tasks", i, "n"], "must be the number of the task's items");
    });
  });

/** A result with generated answers. An `EvaluationResult` is one. */
export type GeneratedReport = z.output<typeof generatedSchema>;
/** A result with scored choices. A `LikelihoodResult` is one. */
export type LikelihoodReport = z.output<typeof likelihoodSchema>;
export type ReportResult = GeneratedReport | LikelihoodReport;
