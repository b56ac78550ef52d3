import { z } from "zod";

/** Letters of options. */
const MOST_CHOICES = 26;
const MOST_LABELS = 100;
const MOST_ANSWER_TOKENS = 4096;

/** How a label is read from an answer; see {@link extractionOf}. */
export const EXTRACTIONS = ["pubmedqa/strict@1", "medqa/prefix3@1", "starts_with", "prefix", "pattern"] as const;

const text = () => z.string().min(1).max(100_000);
const field = () => z.string().min(1).max(200);

export const choicesSchema = z.strictObject({
  field: field().optional().describe("A field with the list of choices, or with an object {A: ..., B: ...}."),
  fields: z.array(field()).min(2).max(MOST_CHOICES).optional().describe("A field for each choice."),
  fixed: z.array(text()).min(2).max(MOST_CHOICES).optional().describe("The same choices for every question."),
});

export const goldSchema = z.strictObject({
  field: field().describe("The field that holds the right answer."),
  as: z.enum(["index", "letter", "text"]).describe("What it holds."),
  first: z.int().min(0).max(1).default(0).describe("The index of the first choice."),
});

export const extractSchema = z.strictObject({
  rule: z.enum(EXTRACTIONS).describe("How a label is read from an answer."),
  form: text().optional().describe("For prefix: how an answer begins, with {{label}} in it."),
  pattern: z.string().min(1).max(1000).optional().describe("For pattern: an RE2 expression; group 1 is the label."),
});

const common = {
  name: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/)
    .describe("A letter, then letters, digits, - and _."),
  version: z.int().min(1).default(1).describe("Raise it with every change."),
  description: text().optional().describe("One sentence."),
  data: text().optional().describe("The file with the questions."),
  records: field().optional().describe("Of a JSON file that is one object: the field with the list of records."),
  id: field().optional().describe("The field with a question's id; by default id, else the row's number."),
  prompt: text().describe("Template of what is asked: {{field}} stands for a field, {{choices}} for the choices."),
  choice_line: text().default("{{letter}}. {{text}}").describe("Template of a choice inside {{choices}}."),
  choice_separator: z.string().max(100).default("\n").describe("Stands between the choices inside {{choices}}."),
  gold: goldSchema.describe("Where the right answer stands."),
};

export const generationSchema = z.strictObject({
  kind: z.literal("generation"),
  ...common,
  system: text().optional().describe("System prompt."),
  choices: choicesSchema.optional(),
  labels: z.array(text()).min(2).max(MOST_LABELS).describe("Every label, in the order of tables."),
  extract: extractSchema,
  max_tokens: z.int().min(1).max(MOST_ANSWER_TOKENS).default(64).describe("Most tokens of an answer."),
});

export const likelihoodSchema = z.strictObject({
  kind: z.literal("likelihood"),
  ...common,
  choices: choicesSchema,
  score: z.enum(["texts", "letters"]).default("texts").describe("What is scored behind the prompt."),
  preamble: z.string().max(100_000).default("").describe("Stands in front of shots and question."),
  delimiter: z.enum(["", " "]).default(" ").describe("Stands between prompt and choice."),
  shots_file: text().optional().describe("The file with the solved questions that --shots puts in front."),
  metrics: z
    .array(z.enum(["acc", "acc_norm", "acc_bytes", "mc1", "mc2"]))
    .min(1)
    .optional()
    .describe("The first one is the headline; by default acc_norm and acc for texts, acc for letters."),
});

export const taskSchema = z.discriminatedUnion("kind", [generationSchema, likelihoodSchema]);

/** A benchmark whose answers are generated, as its YAML file says it; {@link defineTask} makes a task of it. */
export type GenerationDefinition = z.input<typeof generationSchema>;
/** A benchmark whose choices are scored, as its YAML file says it; {@link defineTask} makes a task of it. */
export type LikelihoodDefinition = z.input<typeof likelihoodSchema>;
/** A task as one declarative object; a YAML task file holds the same keys. */
export type TaskDefinition = GenerationDefinition | LikelihoodDefinition;

export type ParsedGeneration = z.output<typeof generationSchema>;
export type ParsedLikelihood = z.output<typeof likelihoodSchema>;
export type ParsedTask = z.output<typeof taskSchema>;
