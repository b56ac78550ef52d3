/** What train() reports, in this order. Losses are means over labelled tokens, in nats. */
export type TrainProgress =
  | {
      type: "start";
      totalSteps: number;
      samples: number;
      bins: number;
      /** Of one epoch. */
      tokens: number;
      labelTokens: number;
      trainableParameters: number;
      /** Whether activations are computed again in the backward pass. */
      checkpointing: boolean;
      /** Predicted, of the whole process, in bytes. */
      peakMemory: number;
      /** Steps that a checkpoint had taken already. */
      resumedFrom?: number;
    }
  | TrainStep
  | { type: "evaluation"; step: number; loss: number }
  | { type: "checkpoint"; step: number; path: string }
  | { type: "warning"; message: string };

/** An optimizer step: `loss` is the mean over its labelled tokens, in nats; `epoch` a fraction; times in seconds. */
export interface TrainStep {
  type: "step";
  /** Counted from 1. */
  step: number;
  totalSteps: number;
  epoch: number;
  loss: number;
  learningRate: number;
  /** L2 norm before clipping. */
  gradNorm: number;
  tokensPerSecond: number;
  etaSeconds: number;
  /** A gradient was not finite, or no token carried loss, so nothing was updated. */
  skipped: boolean;
}

/** One point of the loss curve. */
export interface LossPoint {
  step: number;
  epoch: number;
  loss: number;
  evalLoss?: number;
}
