import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TrainConfig } from "../config/schema.js";
import { isMediloraError, MediloraError } from "../errors.js";
import type { NativeTrainer } from "../native/trainer.js";
import { stopIfAborted } from "../util/turn.js";
import { packageVersion } from "../util/version.js";
import { type CheckpointNote, Checkpoints, configHash, type RunHashes, restore, runKey } from "./checkpoint.js";
import type { TrainingData } from "./dataset.js";
import { DivergenceGuard } from "./divergence.js";
import { EarlyStopping } from "./earlyStopping.js";
import { type MemoryPlan, planMemory } from "./memory.js";
import { MetricsLog } from "./metrics.js";
import { assembleBatch, type Batch, countTokens, labelCount, packSamples } from "./packing.js";
import type { TrainingPlan } from "./plan.js";
import type { LossPoint, MetricLine, TrainProgress } from "./progress.js";
import { SampleCost } from "./sampleCost.js";
import { SampleWriter } from "./sampling.js";
import { learningRate } from "./schedule.js";

/** How {@link train} reports and stops. */
export interface TrainOptions {
  /** Stops within a micro-batch; a checkpoint of the last whole step is written first. */
  signal?: AbortSignal;
  /** Stops when the running step is done; its checkpoint is written first. */
  stop?: AbortSignal;
  /** Called at the start, after each logged step, validation and checkpoint, and for warnings. */
  onProgress?: (progress: TrainProgress) => void;
}

/** What {@link train} wrote; `bytes` is the size of `output`. */
export interface TrainResult {
  /** `adapter.gguf`, or `model.gguf` when all weights were trained; in output_dir. */
  output: string;
  bytes: number;
  steps: number;
  history: LossPoint[];
  /** Path of the loss curve as SVG. Not written when a finished run is resumed and its metrics are gone. */
  lossCurve: string;
  /** The same as an HTML page. */
  lossPage: string;
  /** Path of the metrics, JSON lines. */
  metrics: string;
}

/** One training run: from its first step, or a checkpoint's, to the written weights. */
export class Run {
  readonly #metrics: MetricsLog;
  readonly #checkpoints: Checkpoints;
  readonly #hashes: RunHashes;
  readonly #stopping: EarlyStopping;
  readonly #divergence = new DivergenceGuard();
  /** Either of the options' signals: stops what lies between two steps. */
  readonly #between: AbortSignal;
  #samples: SampleWriter | undefined;
  readonly #sampleCost = new SampleCost();
  #step = 0;
  #validationDue = false;

  constructor(
    private readonly config: TrainConfig,
    private readonly data: TrainingData,
    private readonly plan: TrainingPlan,
    private readonly trainer: NativeTrainer,
    private readonly options: TrainOptions,
  ) {
    this.#between = eitherSignal(options);
    this.#hashes = { configSha256: configHash(config), dataSha256: data.sha256 };
    this.#metrics = new MetricsLog(config.output_dir, runKey(this.#hashes));
    this.#checkpoints = new Checkpoints(config.output_dir, this.#hashes, config.save_total_limit);
    this.#stopping = new EarlyStopping(config.early_stopping_patience);
  }

  async finish(): Promise<TrainResult> {
    const memory = planMemory(this.trainer, this.config, this.plan.largestMicroBatch);
    this.trainer.setCheckpointing(memory.checkpointing);
    const resumedFrom = await this.#resume();
    await this.#checkpoints.begin(this.#step);
    const earlier = await this.#metrics.begin(this.#step);
    await using samples = await SampleWriter.open(this.config, this.data, runKey(this.#hashes));
    this.#samples = samples;
    // Those of a validation that is yet to be made are made again with it.
    await samples?.begin(this.#validationDue ? this.#step - 1 : this.#step);
    this.#reportStart({ memory, resumedFrom, earlier });
    this.#warnAtStart(resumedFrom);
    try {
      if (this.#validationDue) await this.#evaluate();
      while (this.#step < this.plan.totalSteps && !this.#stopping.shouldStop) {
        stopIfAborted(this.#between);
        await this.#oneStep();
      }
      await this.#metrics.draw();
      if (!(await this.#takeBest())) this.#divergence.checkEnd();
    } catch (error) {
      throw isMediloraError(error) && error.code === "ABORTED" ? await this.#saveOnAbort(error) : error;
    }
    return this.#write();
  }

  async #resume(): Promise<number | undefined> {
    const wanted = this.config.resume_from_checkpoint;
    const path = wanted === true || wanted === "auto" ? await this.#checkpoints.newest() : wanted;
    if (path === undefined && wanted === true) throw await this.#checkpoints.missing();
    if (path === undefined) return undefined;
    const { step, stopping, validationDue, notFinite = 0 } = await restore(this.trainer, path, this.#hashes);
    this.#stopping.restore(stopping);
    this.#divergence.restore(step, notFinite);
    this.#validationDue = validationDue;
    this.#step = step;
    return step;
  }

  #reportStart({ memory, resumedFrom, earlier }: StartOfRun): void {
    const { train } = this.data;
    this.options.onProgress?.({
      type: "start",
      totalSteps: this.plan.totalSteps,
      samples: train.length,
      bins: this.plan.bins.length,
      ...countTokens(train),
      trainableParameters: this.trainer.info.trainable,
      checkpointing: memory.checkpointing,
      peakMemory: memory.peak,
      earlier,
      ...(resumedFrom !== undefined && { resumedFrom }),
    });
  }

  #warnAtStart(resumedFrom: number | undefined): void {
    for (const message of this.plan.warnings) this.#warn(message);
    if (resumedFrom === undefined && existsSync(this.#output))
      this.#warn(`${this.#output} is there from an earlier run. It stays until this run ends well and replaces it.`);
  }

  #warn(message: string): void {
    this.options.onProgress?.({ type: "warning", message });
  }

  /** Where the trained weights go. */
  get #output(): string {
    return join(this.config.output_dir, this.config.adapter === "none" ? "model.gguf" : "adapter.gguf");
  }

  async #oneStep(): Promise<void> {
    const step = this.#step;
    const started = performance.now();
    const batches = this.plan
      .microBatches(step)
      .map((bins) => assembleBatch(this.data.train, bins))
      .filter((batch) => labelCount(batch) > 0);
    const { loss, tokens, divisor } = await this.#accumulate(batches);
    const rate = learningRate(step, {
      schedule: this.config.lr_scheduler,
      peak: this.config.learning_rate,
      warmupSteps: this.config.warmup_steps,
      totalSteps: this.plan.totalSteps,
    });
    const update = divisor > 0 ? await this.#update(rate, divisor) : { gradNorm: 0, skipped: true };
    this.#step = step + 1;
    const seconds = (performance.now() - started) / 1000;
    this.#sampleCost.addStep(seconds);
    await this.#report({ loss, learningRate: rate, ...update }, tokens / seconds, seconds);
    if (divisor > 0) this.#divergence.observe(this.#step, Number.isFinite(loss) && !update.skipped);
    this.#validationDue = this.#isDue(this.config.eval_steps, step);
    if (this.#validationDue) await this.#evaluate();
    if (this.#isDue(this.config.save_steps, step)) await this.#save();
  }

  /** Gradients of one step, summed. `divisor` turns them into the mean that loss_normalization asks for. */
  async #accumulate(batches: readonly Batch[]): Promise<{ loss: number; tokens: number; divisor: number }> {
    const legacy = this.config.loss_normalization === "legacy";
    let loss = 0;
    let labels = 0;
    let tokens = 0;
    for (const batch of batches) {
      const count = labelCount(batch);
      const { signal } = this.options;
      const gradientScale = legacy ? 1 / count : 1;
      const sum = await this.trainer.accumulate(batch, { gradientScale, ...(signal && { signal }) });
      loss += legacy ? sum / count : sum;
      labels += count;
      tokens += batch.tokens.length;
    }
    const divisor = legacy ? batches.length : labels;
    return { loss: loss / Math.max(1, divisor), tokens, divisor };
  }

  #update(rate: number, divisor: number): Promise<{ gradNorm: number; skipped: boolean }> {
    return this.trainer.step({
      learningRate: rate,
      divisor,
      maxGradNorm: this.config.max_grad_norm,
      beta1: this.config.adam_beta1,
      beta2: this.config.adam_beta2,
      epsilon: this.config.adam_epsilon,
      weightDecay: this.config.weight_decay,
    });
  }

  async #report(
    values: { loss: number; learningRate: number; gradNorm: number; skipped: boolean },
    tokensPerSecond: number,
    seconds: number,
  ): Promise<void> {
    const step = this.#step;
    const { totalSteps } = this.plan;
    const rss = process.memoryUsage.rss();
    const entry = { step, totalSteps, epoch: this.plan.epochAt(step), ...values, tokensPerSecond, rss };
    await this.#metrics.add(entry);
    if (values.skipped)
      this.#warn(
        `Step ${step} was skipped: ${values.gradNorm === 0 ? "none of its tokens carries loss" : "its gradients were not finite"}.`,
      );
    if (step % this.config.logging_steps === 0 || step === totalSteps)
      this.options.onProgress?.({ type: "step", ...entry, etaSeconds: seconds * (totalSteps - step) });
  }

  /** Every `interval` steps, or without one at each epoch's end; `step` counts from 0. */
  #isDue(interval: number | undefined, step: number): boolean {
    return interval === undefined ? this.plan.endsEpoch(step) : (step + 1) % interval === 0;
  }

  /** Samples come first: nothing follows from them, so that an interrupted evaluation can be made again as a whole. */
  async #evaluate(): Promise<void> {
    if (this.#samples) await this.#writeSamples(this.#samples);
    if (this.data.validation.length > 0) await this.#validate();
    this.#validationDue = false;
  }

  /** A model that cannot be shown can be trained all the same. */
  async #writeSamples(writer: SampleWriter): Promise<void> {
    const started = performance.now();
    try {
      const samples = await writer.write(this.trainer, this.#step, this.#between);
      const seconds = (performance.now() - started) / 1000;
      this.options.onProgress?.({ type: "samples", step: this.#step, samples, seconds });
      const much = this.#sampleCost.addSamples(seconds);
      if (much !== undefined) this.#warn(much);
    } catch (error) {
      if (!isMediloraError(error) || error.code === "ABORTED") throw error;
      this.#warn(`There are no samples of step ${this.#step}: ${error.message}`);
    }
  }

  async #validate(): Promise<void> {
    const { validation } = this.data;
    const packing = { sequenceLen: this.config.sequence_len, samplePacking: this.config.sample_packing };
    let sum = 0;
    let labels = 0;
    for (const bin of packSamples(validation, packing)) {
      const batch = assembleBatch(validation, [bin]);
      if (labelCount(batch) === 0) continue;
      sum += await this.trainer.evaluate(batch, this.#between);
      labels += labelCount(batch);
    }
    const loss = sum / labels;
    await this.#metrics.add({ step: this.#step, evalLoss: loss });
    this.options.onProgress?.({ type: "evaluation", step: this.#step, loss });
    this.#validationDue = false;
    const best = this.#stopping.observe(this.#step, loss);
    if (best && this.config.load_best_model_at_end) await this.#checkpoints.saveBest(this.trainer, this.#note());
    if (this.#stopping.shouldStop)
      this.#warn(
        `Stopped early after step ${this.#step}: the validation loss has not fallen for ${this.#stopping.state.withoutGain} validations.`,
      );
  }

  #note(): CheckpointNote {
    return {
      step: this.#step,
      ...this.#hashes,
      stopping: this.#stopping.state,
      validationDue: this.#validationDue,
      notFinite: this.#divergence.inARow,
    };
  }

  /** With load_best_model_at_end, the weights of the best validation. @returns whether it took earlier ones */
  async #takeBest(): Promise<boolean> {
    const { best } = this.#stopping.state;
    if (!this.config.load_best_model_at_end || best === undefined || best.step === this.#step) return false;
    await restore(this.trainer, this.#checkpoints.bestPath, this.#hashes);
    return true;
  }

  async #save(): Promise<string> {
    await this.#metrics.sync();
    const path = await this.#checkpoints.save(this.trainer, this.#note());
    this.options.onProgress?.({ type: "checkpoint", step: this.#step, path });
    return path;
  }

  async #saveOnAbort(error: MediloraError): Promise<MediloraError> {
    // Before its first step a run has nothing that is worth the checkpoints of an earlier attempt at it.
    const kept = this.#step === 0 ? await this.#checkpoints.newest() : undefined;
    const path = kept ?? (await this.#save());
    const message = `Stopped on request after step ${this.#step} of ${this.plan.totalSteps}; ${kept ? "kept" : "saved"} ${path}. Go on with resume_from_checkpoint: true (medilora train --resume).`;
    return new MediloraError("ABORTED", message, { cause: error.cause });
  }

  async #write(): Promise<TrainResult> {
    const output = this.#output;
    const bytes = await this.trainer.saveWeights(output, {
      "medilora.version": packageVersion(),
      "medilora.config_sha256": this.#hashes.configSha256,
      "medilora.data_sha256": this.#hashes.dataSha256,
    });
    const { history, lossCurve, lossPage, path: metrics } = this.#metrics;
    return { output, bytes, steps: this.#step, history, lossCurve, lossPage, metrics };
  }
}

interface StartOfRun {
  memory: MemoryPlan;
  resumedFrom: number | undefined;
  earlier: readonly MetricLine[];
}

/** A signal that aborts with the first of the two. */
export function eitherSignal({ signal, stop }: Pick<TrainOptions, "signal" | "stop">): AbortSignal {
  return AbortSignal.any([signal, stop].filter((one) => one !== undefined));
}
