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
      /** What the metrics hold of those steps; empty in a run that starts anew. */
      earlier: readonly MetricLine[];
    }
  | TrainStep
  | { type: "evaluation"; step: number; loss: number }
  /** `seconds`: that the samples took. */
  | { type: "samples"; step: number; samples: readonly SampleGeneration[]; seconds: number }
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
  /** Memory of the process after the step (resident set size, with what is mapped of the base), in bytes. */
  rss: number;
  etaSeconds: number;
  /** A gradient was not finite, or no token carried loss, so nothing was updated. */
  skipped: boolean;
}

/** One line of `metrics.jsonl`, without the name of its run: a step, or the validation after one. */
export type MetricLine = Omit<TrainStep, "type" | "etaSeconds"> | { step: number; evalLoss: number };

/** What the model under training makes of a sample's prompt, drawn greedily. May hold text of the data. */
export interface SampleGeneration {
  prompt: string;
  /** What the sample goes on with, at most as many tokens as may be generated. */
  reference: string;
  generated: string;
  /** "length": the most tokens were reached. */
  finish: "stop" | "length";
  /** Whether the sample is held out for validation; else the model is trained on it. */
  heldOut: boolean;
}

/** One point of the loss curve. */
export interface LossPoint {
  step: number;
  epoch: number;
  loss: number;
  learningRate: number;
  evalLoss?: number;
}
