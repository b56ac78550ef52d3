import { freemem } from "node:os";
import type { TrainConfig } from "../config/schema.js";
import { MediloraError } from "../errors.js";
import type { NativeTrainer } from "../native/trainer.js";
import { formatBytes } from "../report/format.js";

/** What one run of training takes, in bytes. */
export interface MemoryPlan {
  /** Of the whole process at its peak, the mapped base included. */
  peak: number;
  /** Of the base, which is mapped from its file. */
  weights: number;
  /** Trainable weights, their gradients and the optimizer's state. */
  parameters: number;
  /** Activations and scratch of a micro-batch. */
  buffers: number;
  /** Whether activations are computed again instead of kept. */
  checkpointing: boolean;
}

/** Share of the free memory that training may take when no budget is given. */
const FREE_SHARE = 0.8;

/**
 * Decides about activation checkpointing and predicts the peak memory.
 * @param tokens of the largest micro-batch; every one of them may carry a label
 * @throws MediloraError `OUT_OF_MEMORY` when a memory_budget is given that even checkpointing does not keep
 */
export function planMemory(
  trainer: NativeTrainer,
  config: Pick<TrainConfig, "gradient_checkpointing" | "memory_budget">,
  tokens: number,
): MemoryPlan {
  const batch = { tokens, labels: tokens };
  const budget = config.memory_budget === undefined ? FREE_SHARE * freemem() : config.memory_budget * 1e9;
  const wanted = config.gradient_checkpointing;
  const kept = predict(trainer, batch, false);
  const plan = wanted === true || (wanted === "auto" && kept.peak > budget) ? predict(trainer, batch, true) : kept;
  if (config.memory_budget !== undefined && plan.peak > budget)
    throw new MediloraError(
      "OUT_OF_MEMORY",
      `Training needs ${formatBytes(plan.peak)}, memory_budget is ${formatBytes(budget)}. ` +
        "Lower sequence_len or micro_batch_size, set gradient_checkpointing: true, or raise memory_budget.",
    );
  return plan;
}

function predict(
  trainer: NativeTrainer,
  batch: { tokens: number; labels: number },
  checkpointing: boolean,
): MemoryPlan {
  const memory = trainer.memory({ ...batch, checkpointing });
  const peak = process.memoryUsage.rss() + memory.weights + memory.parameters + memory.buffers;
  return { ...memory, peak, checkpointing };
}
