import { MediloraError } from "../errors.js";

export type LearningRateSchedule = "cosine" | "linear" | "constant";

export interface LearningRateOptions {
  schedule: LearningRateSchedule;
  /** The rate at the end of the warm-up. */
  peak: number;
  /** W: steps of linear warm-up from 0. */
  warmupSteps: number;
  /** T: optimizer steps of the whole run. */
  totalSteps: number;
}

/**
 * The learning rate of an optimizer step.
 *
 * t < W: peak t / max(1, W), for every schedule; after that, with p = (t - W) / max(1, T - W), at most 1:
 * cosine peak (1 + cos(pi p)) / 2, linear peak (1 - p), constant peak.
 * @param step t, counted from 0: with a warm-up, the first step has rate 0
 * @throws MediloraError `ARGUMENT_INVALID` for a step that is no integer >= 0
 * @see the schedules of Hugging Face transformers, get_cosine_schedule_with_warmup and its neighbours
 */
export function learningRate(step: number, options: LearningRateOptions): number {
  const { schedule, peak, warmupSteps, totalSteps } = options;
  if (!Number.isInteger(step) || step < 0)
    throw new MediloraError("ARGUMENT_INVALID", `step must be an integer from 0 on; it is ${step}.`);
  if (step < warmupSteps) return (peak * step) / Math.max(1, warmupSteps);
  if (schedule === "constant") return peak;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return schedule === "linear" ? peak * (1 - progress) : (peak * (1 + Math.cos(Math.PI * progress))) / 2;
}

/**
 * Optimizer steps of a run: ceil(epochs * ceil(microBatches / accumulation)).
 * @param epochs       passes over the data; a fraction is allowed
 * @param microBatches micro-batches of one epoch
 * @param accumulation micro-batches of one optimizer step; the last step of an epoch may have fewer
 * @throws MediloraError `ARGUMENT_INVALID` for a value that is not positive, or counts that are no integers
 */
export function totalSteps(epochs: number, microBatches: number, accumulation: number): number {
  if (!(epochs > 0 && Number.isFinite(epochs)))
    throw new MediloraError("ARGUMENT_INVALID", `epochs must be a positive number; it is ${epochs}.`);
  for (const [name, value] of Object.entries({ microBatches, accumulation }))
    if (!Number.isInteger(value) || value < 1)
      throw new MediloraError("ARGUMENT_INVALID", `${name} must be a positive integer; it is ${value}.`);
  return Math.ceil(epochs * Math.ceil(microBatches / accumulation));
}
