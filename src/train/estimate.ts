import type { TrainConfig } from "../config/schema.js";
import { MediloraError } from "../errors.js";
import { NativeTrainer } from "../native/trainer.js";
import { type MemoryPlan, planMemory } from "./memory.js";
import { openTrainer, trainerOptions } from "./openTrainer.js";
import { assembleBatch, type Batch, countTokens, labelCount } from "./packing.js";
import { TrainingPlan } from "./plan.js";
import { loadTokenizedData } from "./train.js";

/** What a training run will take. */
export interface TrainingEstimate {
  /** Optimizer steps of the whole run. */
  steps: number;
  /** Rows, or pieces of long documents, that are trained on. */
  samples: number;
  /** Tokens of one epoch. */
  tokens: number;
  /** Those of them that carry loss. */
  labelTokens: number;
  trainableParameters: number;
  memory: MemoryPlan;
  secondsPerStep: number;
  /** Of all steps, without validation. */
  totalSeconds: number;
  tokensPerSecond: number;
  /** What the configuration asks for and this amount of data cannot give. */
  warnings: string[];
}

/** Blocks in the two cut-down models whose times are measured; a block's own time is their difference. */
const PROBES = [1, 3] as const;

/**
 * Predicts memory and time of a training run without running it: memory from the sizes of its buffers, time from one
 * micro-batch through the lowest blocks of the model, where one block takes as long as another.
 * @throws MediloraError as train() does for the configuration, the data and the model
 */
export async function planTraining(config: TrainConfig, signal?: AbortSignal): Promise<TrainingEstimate> {
  const data = await loadTokenizedData(config);
  const plan = new TrainingPlan(data.train, config);
  const { tokens, labelTokens } = countTokens(data.train);
  await using trainer = await openTrainer(config, signal);
  const memory = planMemory(trainer, config, plan.largestMicroBatch);
  const batch = typicalBatch(plan, data.train);
  const seconds = await secondsOf(config, trainer.info.layers, memory.checkpointing, batch, signal);
  const tokensPerSecond = batch.tokens.length / seconds;
  const secondsPerStep = tokens / tokensPerSecond / plan.stepsPerEpoch;
  return {
    steps: plan.totalSteps,
    samples: data.train.length,
    tokens,
    labelTokens,
    trainableParameters: trainer.info.trainable,
    memory,
    secondsPerStep,
    totalSeconds: secondsPerStep * plan.totalSteps,
    tokensPerSecond,
    warnings: plan.warnings,
  };
}

/** The first micro-batch of the run that carries labels. */
function typicalBatch(plan: TrainingPlan, samples: Parameters<typeof assembleBatch>[0]): Batch {
  for (let step = 0; step < plan.stepsPerEpoch; step++)
    for (const bins of plan.microBatches(step)) {
      const batch = assembleBatch(samples, bins);
      if (labelCount(batch) > 0) return batch;
    }
  throw new MediloraError("LABELS_EMPTY", "No micro-batch carries a label. Check the datasets and label_span.");
}

/** Seconds of one micro-batch through all layers. */
async function secondsOf(
  config: TrainConfig,
  layers: number,
  checkpointing: boolean,
  batch: Batch,
  signal?: AbortSignal,
): Promise<number> {
  const [few, more] = PROBES;
  const { lora_model_dir: _, ...fresh } = config; // a cut-down model does not fit a whole model's adapter
  const time = (count: number) =>
    secondsWith({ ...fresh, gradient_checkpointing: checkpointing }, count, batch, signal);
  if (layers <= more) return time(layers);
  return secondsOfLayers(layers, await time(few), await time(more));
}

/** Seconds of `layers` blocks from those of the probes; on a busy computer the larger one can come out faster. */
export function secondsOfLayers(layers: number, few: number, more: number): number {
  return few + ((layers - PROBES[0]) * Math.max(0, more - few)) / (PROBES[1] - PROBES[0]);
}

async function secondsWith(config: TrainConfig, layers: number, batch: Batch, signal?: AbortSignal): Promise<number> {
  await using trainer = await NativeTrainer.open({ ...trainerOptions(config), layers }, signal);
  const options = { ...(signal && { signal }) };
  await trainer.accumulate(batch, options); // reads the weights from disk and allocates
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const started = performance.now();
    await trainer.accumulate(batch, options);
    times.push((performance.now() - started) / 1000);
  }
  return times.sort((a, b) => a - b)[1]!;
}
