import { z } from "zod";
import { BIOASQ_TYPES } from "../data/bioasq.js";
import { DIALOGUE_FORMS } from "../data/dialogue.js";
import { MAPPING_KEYS } from "../data/formats/mapping.js";
import { SECTION_NAMES } from "../data/mimic/sectionNames.js";
import { SAMPLER_PRESETS, type SamplerPreset } from "../eval/samplers.js";

const path = () => z.string().min(1);
const limit = () => z.int().min(1).optional().describe("Only so many rows.");
const seed = () => z.int().min(0).max(0xffffffff).optional();
const inputs = () => z.array(path()).min(1).describe("Files, read in this order.");

const rows = <Source extends string>(source: Source) =>
  z.strictObject({ source: z.literal(source), inputs: inputs(), limit: limit() });

/** One source of training rows, with the options of `medilora prepare`. */
export const prepareSchema = z.discriminatedUnion("source", [
  z.strictObject({
    source: z.literal("mimic"),
    input: path().describe("NOTEEVENTS.csv or NOTEEVENTS.csv.gz."),
    categories: z.union([z.array(z.string()).min(1), z.literal("all")]).optional(),
    sections: z.union([z.array(z.enum(SECTION_NAMES)).min(1), z.literal("whole")]).optional(),
    limit: limit(),
  }),
  z.strictObject({ source: z.literal("textbook"), inputs: inputs(), strip: z.enum(["symbols", "all"]).optional() }),
  z.strictObject({ source: z.literal("guidelines"), input: path().describe("JSON lines.") }),
  z.strictObject({
    source: z.literal("pubmedqa"),
    input: path().describe("PubMedQA's published JSON."),
    eval_size: z.int().min(1).optional().describe("Records to hold out for an evaluation."),
    seed: seed(),
    answer: z.enum(["label-and-long-answer", "label"]).optional(),
    limit: limit(),
  }),
  rows("pubmedqa-unlabelled"),
  rows("medqa"),
  rows("medmcqa"),
  rows("bioasq").extend({ types: z.array(z.enum(BIOASQ_TYPES)).min(1).optional() }),
  rows("dialogue").extend({ form: z.enum(DIALOGUE_FORMS).optional(), filter: z.boolean().optional() }),
  rows("any").extend({
    mapping: z.partialRecord(z.enum(MAPPING_KEYS), z.string().min(1)).optional(),
    records: z.string().min(1).optional(),
    system: z.string().min(1).optional(),
    filter: z.boolean().optional(),
  }),
]);

export const evalSchema = z.strictObject({
  task: z.string().describe("Name of a benchmark; medilora eval --list prints them."),
  data: path().optional().describe("The benchmark's file, or the folder that holds it."),
  prepared: z.string().optional().describe("Instead of data: the held-out records of this preparation of pubmedqa."),
  models: z
    .array(z.enum(["base", "tuned"]))
    .min(1)
    .default(["base", "tuned"])
    .describe("base: the untrained model, quantised as the tuned one is."),
  limit: z.int().min(1).optional().describe("Only the first so many questions of each task."),
  sampler: z
    .enum(Object.keys(SAMPLER_PRESETS) as [SamplerPreset])
    .optional()
    .describe("Generated answers: sampler preset."),
  seed: seed(),
  max_tokens: z.int().min(1).optional().describe("Generated answers: most tokens of one."),
  shots: z.int().min(0).optional().describe("Log-likelihood: solved questions in front of each one."),
  sequences: z.int().min(1).max(256).optional().describe("Answers or choices computed together."),
});

/** A stage of training: the keys of a training configuration, which are checked as one; these two are the pipeline's. */
const stageSchema = z.looseObject({
  name: z.string().describe("Name of the stage."),
  datasets: z
    .array(z.looseObject({ path: path().optional(), prepared: z.string().optional() }))
    .min(1)
    .describe("Training data: path, or prepared with the name of a preparation; type."),
});

/** Every key of a pipeline. */
export const pipelineSchema = z.strictObject({
  name: z.string().optional().describe("Stands in the names of the models; by default the name of the file."),
  work_dir: path().optional().describe("Folder of everything that is written; by default <name>-work."),
  base_model: path().describe("GGUF model that is trained, merged into and compared with; a float one."),
  quantize_base: z.string().optional().describe("Train on the base quantised to this type, such as Q4_K_M."),
  prepare: z.record(z.string(), prepareSchema).default({}).describe("Sources of rows, by names of your own."),
  train: z.array(stageSchema).min(1).describe("Stages, each from the adapter of the one before."),
  merge: z.strictObject({ type: z.enum(["F32", "F16", "BF16"]).optional() }).default({}),
  quantize: z
    .strictObject({ type: z.string().describe("Such as Q3_K_L.") })
    .optional()
    .describe("Quantise the merged model."),
  eval: z.record(z.string(), evalSchema).default({}).describe("Benchmarks, by names of your own."),
  report: z
    .strictObject({ title: z.string().min(1).optional() })
    .optional()
    .describe("One HTML page of all results and losses."),
  threads: z.int().min(1).max(512).optional().describe("Processor threads of every step."),
});

export type PrepareStepConfig = z.output<typeof prepareSchema>;
export type EvalStepConfig = z.output<typeof evalSchema>;
export type PipelineConfig = z.output<typeof pipelineSchema>;
