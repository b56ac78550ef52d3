import { mkdir } from "node:fs/promises";
import { loadTrainConfig } from "../config/load.js";
import type { TrainConfig } from "../config/schema.js";
import { fileError } from "../errors.js";
import { openTokenizer } from "../native/tokenizer.js";
import { loadTrainingData, type TrainingData } from "./dataset.js";
import { openTrainer, tokenizerPath } from "./openTrainer.js";
import { TrainingPlan } from "./plan.js";
import { Run, type TrainOptions, type TrainResult } from "./run.js";

/**
 * Trains a LoRA adapter on a frozen, perhaps quantised base, or all weights of a model (`adapter: none`).
 * @param config a resolved configuration (see parseTrainConfig), or the path of a YAML file
 * @throws MediloraError `CONFIG_INVALID`, `DATA_EMPTY`, `DATA_INVALID`, `LABELS_EMPTY`, `CONTEXT_EXCEEDED`,
 *         `MODEL_INVALID`, `ARCHITECTURE_UNSUPPORTED`, `CHECKPOINT_INVALID`, `OUT_OF_MEMORY` (memory_budget),
 *         `DISK_FULL`, `ABORTED` (resume with resume_from_checkpoint: true)
 * @see Dettmers et al. 2023, QLoRA
 */
export async function train(config: TrainConfig | string, options: TrainOptions = {}): Promise<TrainResult> {
  const resolved = typeof config === "string" ? await loadTrainConfig(config) : config;
  const data = await loadTokenizedData(resolved);
  const plan = new TrainingPlan(data.train, resolved);
  await mkdir(resolved.output_dir, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, resolved.output_dir, "write");
  });
  await using trainer = await openTrainer(resolved, options.signal);
  return await new Run(resolved, data, plan, trainer, options).finish();
}

/** The configuration's data sets in tokens of its model. */
export async function loadTokenizedData(config: TrainConfig): Promise<TrainingData> {
  await using tokenizer = await openTokenizer(tokenizerPath(config));
  return await loadTrainingData(tokenizer, config);
}
