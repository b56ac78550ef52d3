import type { TrainConfig } from "../config/schema.js";
import { epochOrder, packSamples, type TokenizedSample } from "./packing.js";
import { totalSteps } from "./schedule.js";

/** Which bins each optimizer step sees. The step's number alone determines it, so resuming needs no other record. */
export class TrainingPlan {
  readonly bins: number[][];
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly #config: TrainConfig;
  /** Tokens of each bin. */
  readonly #lengths: number[];
  #order: { epoch: number; bins: Int32Array } | undefined;

  constructor(samples: readonly TokenizedSample[], config: TrainConfig) {
    this.#config = config;
    this.bins = packSamples(samples, { sequenceLen: config.sequence_len, samplePacking: config.sample_packing });
    this.#lengths = this.bins.map((bin) => bin.reduce((sum, index) => sum + samples[index]!.tokens.length, 0));
    const microBatches = Math.ceil(this.bins.length / config.micro_batch_size);
    const accumulation = config.gradient_accumulation_steps;
    this.stepsPerEpoch = Math.ceil(microBatches / accumulation);
    const steps = totalSteps(config.num_epochs, microBatches, accumulation);
    this.totalSteps = Math.min(steps, config.max_steps ?? steps);
  }

  /** Tokens of the largest micro-batch that can occur, at most. */
  get largestMicroBatch(): number {
    const longest = this.#lengths.toSorted((a, b) => b - a).slice(0, this.#config.micro_batch_size);
    return longest.reduce((sum, length) => sum + length, 0);
  }

  /** What the configuration asks for and this amount of data cannot give. */
  get warnings(): string[] {
    const warmup = this.#config.warmup_steps;
    // The peak is reached at step W, counted from 0, so the run must have W + 1 steps.
    if (warmup === 0 || warmup < this.totalSteps) return [];
    return [
      `warmup_steps ${warmup} does not end within the run's ${this.totalSteps} steps: the learning rate never reaches its peak. Lower warmup_steps.`,
    ];
  }

  /** Position of a step, counted from 0, in epochs. */
  epochAt(step: number): number {
    return step / this.stepsPerEpoch;
  }

  /** True when an epoch, or the run, ends with this step (counted from 0). */
  endsEpoch(step: number): boolean {
    return (step + 1) % this.stepsPerEpoch === 0 || step + 1 === this.totalSteps;
  }

  /** The micro-batches of a step, each a list of bins. */
  microBatches(step: number): number[][][] {
    const { micro_batch_size: size, gradient_accumulation_steps: accumulation } = this.#config;
    const order = this.#epoch(Math.floor(step / this.stepsPerEpoch));
    const start = (step % this.stepsPerEpoch) * size * accumulation;
    const end = Math.min(start + size * accumulation, order.length);
    const batches: number[][][] = [];
    for (let i = start; i < end; i += size)
      batches.push(Array.from(order.subarray(i, Math.min(i + size, end)), (bin) => this.bins[bin]!));
    return batches;
  }

  #epoch(epoch: number): Int32Array {
    if (this.#order?.epoch !== epoch) this.#order = { epoch, bins: this.#binOrder(epoch) };
    return this.#order.bins;
  }

  #binOrder(epoch: number): Int32Array {
    const order = epochOrder(this.bins.length, this.#config.seed, epoch);
    if (!this.#config.group_by_length) return order;
    // As Hugging Face's trainer has it: sorted within runs of 50 batches, so that order stays random between them.
    const run = 50 * this.#config.micro_batch_size * this.#config.gradient_accumulation_steps;
    for (let start = 0; start < order.length; start += run)
      order.subarray(start, start + run).sort((a, b) => this.#lengths[b]! - this.#lengths[a]! || a - b);
    return order;
  }
}
