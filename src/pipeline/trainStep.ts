import { join } from "node:path";
import { configError, type Keys, withoutEmpty } from "../config/issues.js";
import { parseTrainConfig } from "../config/load.js";
import type { TrainConfig } from "../config/schema.js";
import { train } from "../train/train.js";
import type { Pipeline } from "./load.js";
import { rowsOf } from "./prepareStep.js";
import type { Step, StepInput } from "./step.js";

export type Stage = Pipeline["train"][number];

/** Keys of a training configuration that the pipeline sets itself. */
const OWN_KEYS = ["base_model", "output_dir", "resume_from_checkpoint", "model_config", "tokenizer_model"] as const;

/** Keys that change where, how fast or how loudly a training runs, and not the adapter. */
const NEUTRAL_KEYS: ReadonlySet<string> = new Set([
  "base_model",
  "output_dir",
  "lora_model_dir",
  "datasets",
  "threads",
  "logging_steps",
  "eval_table_size",
  "eval_max_new_tokens",
  "save_steps",
  "save_total_limit",
  "gradient_checkpointing",
  "memory_budget",
] satisfies Array<keyof TrainConfig>);

/** What a stage of training starts from. */
export interface StageStart {
  /** The model that is trained on. */
  base: StepInput;
  /** The adapter of the stage before. */
  adapter: string | undefined;
  onNote?: (note: string) => void;
}

/** Where the adapter of a stage stands. */
export function adapterOf(pipeline: Pipeline, name: string): string {
  return join(stageFolder(pipeline, name), "adapter.gguf");
}

export function stageFolder(pipeline: Pipeline, name: string): string {
  return join(pipeline.work_dir, `train.${name}`);
}

/**
 * A stage of training as a step.
 * @throws MediloraError `CONFIG_INVALID` with the stage's name, as {@link parseTrainConfig}
 */
export function trainStep(pipeline: Pipeline, stage: Stage, start: StageStart): Step {
  const config = stageConfig(pipeline, stage, start);
  const id = `train.${stage.name}`;
  const inputs: StepInput[] = [
    start.base,
    ...config.datasets.map(({ path }, i) => ({ key: `${id}.datasets[${i}]`, path })),
    ...(config.lora_model_dir === undefined ? [] : [{ key: `${id}.lora_model_dir`, path: config.lora_model_dir }]),
  ];
  const kinds = config.datasets.map(({ path: _, ...kind }) => kind);
  const options = Object.entries(config).filter(([key]) => !NEUTRAL_KEYS.has(key));
  return {
    id,
    folder: stageFolder(pipeline, stage.name),
    options: { ...Object.fromEntries(options), kinds },
    inputs,
    outputs: [adapterOf(pipeline, stage.name), join(stageFolder(pipeline, stage.name), "metrics.jsonl")],
    training: config,
    async run({ resume, signal, stop, onTraining }) {
      await train(
        { ...config, ...(resume && { resume_from_checkpoint: "auto" }) },
        { ...(signal && { signal }), ...(stop && { stop }), onProgress: onTraining },
      );
    },
  };
}

function stageConfig(pipeline: Pipeline, stage: Stage, { base, adapter, onNote }: StageStart): TrainConfig {
  const source = `${pipeline.source}, train.${stage.name}`;
  const { name: _, ...written } = withoutEmpty(stage) as Stage;
  const problems = refused(written, adapter !== undefined);
  if (problems.length > 0) throw configError(source, problems);
  const keys: Keys = {
    threads: pipeline.threads,
    ...written,
    datasets: stage.datasets.map((dataset) => withPath(pipeline, dataset)),
    base_model: base.path,
    output_dir: stageFolder(pipeline, stage.name),
    ...(adapter !== undefined && { lora_model_dir: adapter }),
  };
  return parseTrainConfig(keys, { baseDir: pipeline.baseDir, source, ...(onNote && { onNote }) });
}

function refused(written: Keys, follows: boolean): string[] {
  const own: readonly string[] = follows ? [...OWN_KEYS, "lora_model_dir"] : OWN_KEYS;
  const problems = own
    .filter((key) => Object.hasOwn(written, key))
    .map((key) => `${key}: is set by the pipeline. Remove it.`);
  if (written.adapter === "none") problems.push("adapter: a pipeline trains adapters. Choose lora or qlora.");
  return problems;
}

function withPath(pipeline: Pipeline, dataset: Stage["datasets"][number]): unknown {
  if (dataset.prepared === undefined) return dataset;
  const { prepared, path: _, ...rest } = dataset;
  return { ...rest, path: rowsOf(pipeline, prepared) };
}
