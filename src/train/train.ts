import { loadTrainConfig, parseTrainConfig } from "../config/load.js";
import type { TrainConfig } from "../config/schema.js";
import { MediloraError } from "../errors.js";
import { openTokenizer } from "../native/tokenizer.js";
import { makeFolder } from "../util/folder.js";
import { lockFolder } from "../util/lock.js";
import { loadTrainingData, type TrainingData } from "./dataset.js";
import { openTrainer, tokenizerPath } from "./openTrainer.js";
import { TrainingPlan } from "./plan.js";
import { eitherSignal, Run, type TrainOptions, type TrainResult } from "./run.js";

/**
 * Trains a LoRA adapter on a frozen, perhaps quantised base, or all weights of a model (`adapter: none`).
 *
 * Weights appear in output_dir when the run has ended well; those of an earlier run stay until then. One run at a time
 * has an output_dir: its file `.lock` sees to that.
 * @param config a configuration (see parseTrainConfig), or the path of a YAML file
 * @throws MediloraError `ARGUMENT_INVALID`, `CONFIG_INVALID`, `BUSY`, `DATA_EMPTY`, `DATA_INVALID`, `LABELS_EMPTY`,
 *         `CONTEXT_EXCEEDED`, `MODEL_INVALID`, `ARCHITECTURE_UNSUPPORTED`, `CHECKPOINT_INVALID`, `GRADIENT_NOT_FINITE`
 *         (no weights are written), `OUT_OF_MEMORY` (memory_budget), `DISK_FULL`, `ABORTED` (resume with
 *         resume_from_checkpoint: true)
 * @see Dettmers et al. 2023, QLoRA
 */
export async function train(config: TrainConfig | string, options: TrainOptions = {}): Promise<TrainResult> {
  const resolved = await resolveConfig(config, (message) => options.onProgress?.({ type: "warning", message }));
  const data = await loadTokenizedData(resolved);
  const plan = new TrainingPlan(data.train, resolved);
  await makeFolder(resolved.output_dir);
  await using _lock = await lockFolder(resolved.output_dir);
  await using trainer = await openTrainer(resolved, eitherSignal(options));
  return await new Run(resolved, data, plan, trainer, options).finish();
}

/** Callers in plain JavaScript can pass anything, so an object is checked too; checking it again changes nothing. */
async function resolveConfig(config: TrainConfig | string, onNote: (note: string) => void): Promise<TrainConfig> {
  if (typeof config === "string") return loadTrainConfig(config, { onNote });
  if (typeof config === "object" && config !== null) return parseTrainConfig(config, { onNote });
  throw new MediloraError(
    "ARGUMENT_INVALID",
    "train() needs a configuration, such as parseTrainConfig() gives, or the path of a YAML file.",
  );
}

/** The configuration's data sets in tokens of its model. */
export async function loadTokenizedData(config: TrainConfig): Promise<TrainingData> {
  await using tokenizer = await openTokenizer(tokenizerPath(config));
  return await loadTrainingData(tokenizer, config);
}
