import type { TrainConfig } from "../config/schema.js";
import type { TrainProgress } from "../train/progress.js";

/** A file or folder that a step reads. */
export interface StepInput {
  /** Where the pipeline names it, for messages. */
  key: string;
  path: string;
}

export interface StepContext {
  /** Goes on from what an interrupted run left; else the step's folder is empty. */
  resume: boolean;
  signal?: AbortSignal;
  /** Of a training: to stop when the running optimizer step is done. */
  stop?: AbortSignal;
  onProgress(progress: { done: number; total: number; unit: string }): void;
  onTraining(event: TrainProgress): void;
  onWarning(message: string): void;
}

/** One step of a pipeline, planned: nothing is read or computed before `run`. */
export interface Step {
  /** Such as "train.chat". */
  id: string;
  /** Of everything that the step writes. */
  folder: string;
  /** What decides the result beside the inputs; no paths. */
  options: unknown;
  inputs: StepInput[];
  /** Files that later steps, or the user, read. */
  outputs: string[];
  /** Of a training. */
  training?: TrainConfig;
  run(context: StepContext): Promise<void>;
}
