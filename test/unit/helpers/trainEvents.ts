import type { TrainProgress, TrainStep } from "../../../dist/train/progress.js";

type Start = Extract<TrainProgress, { type: "start" }>;

/** What train() reports when it begins. */
export function startEvent(changes: Partial<Start> = {}): Start {
  return {
    type: "start",
    totalSteps: 100,
    samples: 10,
    bins: 5,
    tokens: 1000,
    labelTokens: 100,
    trainableParameters: 5000,
    checkpointing: false,
    peakMemory: 2e8,
    earlier: [],
    ...changes,
  };
}

/** What train() reports of a step of a run of 100, ten an epoch. */
export function stepEvent(step: number, changes: Partial<TrainStep> = {}): TrainStep {
  return {
    type: "step",
    step,
    totalSteps: 100,
    epoch: step / 10,
    loss: 5 - step / 50,
    learningRate: 1e-4,
    gradNorm: 1,
    tokensPerSecond: 1000,
    rss: 1.5e8,
    etaSeconds: 60,
    skipped: false,
    ...changes,
  };
}
