import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TrainConfig } from "../config/schema.js";
import { fileError } from "../errors.js";
import { paddedContext } from "../eval/cacheBudget.js";
import { MEDICAL_NOTICE } from "../eval/evaluationResult.js";
import { SAMPLER_PRESETS } from "../eval/samplers.js";
import type { GenerateResult } from "../native/binding.js";
import { type EngineOptions, InferenceEngine } from "../native/engine.js";
import { type NativeTokenizer, openTokenizer } from "../native/tokenizer.js";
import type { NativeTrainer } from "../native/trainer.js";
import type { TrainingData } from "./dataset.js";
import { tokenizerPath } from "./openTrainer.js";
import type { SampleGeneration } from "./progress.js";
import { RunLog } from "./runLog.js";
import { type SamplePrompt, samplePrompts } from "./samplePrompts.js";

/** Answers decoded together: their cache takes memory beside the training. */
const MOST_AT_ONCE = 4;

/**
 * Shows what the model under training writes: `samples.jsonl`, a line a sample and validation, mode 0600 since it holds
 * text of the data.
 *
 * The weights of the moment are written beside the others and opened by the inference engine; the trainer and its random
 * counters are not touched, so a run with samples learns the same as one without.
 */
export class SampleWriter implements AsyncDisposable {
  readonly #log: RunLog<SampleGeneration & { step: number }>;
  readonly #weights: string;

  private constructor(
    private readonly config: TrainConfig,
    private readonly tokenizer: NativeTokenizer,
    private readonly prompts: readonly SamplePrompt[],
    run: string,
  ) {
    const notice = `${JSON.stringify({ notice: MEDICAL_NOTICE })}\n`;
    this.#log = new RunLog(join(config.output_dir, "samples.jsonl"), run, notice);
    this.#weights = join(config.output_dir, ".samples.gguf");
  }

  /**
   * @param run key of the run, part of every line
   * @returns undefined where the configuration asks for no samples, or none has anything to go on with
   */
  static async open(config: TrainConfig, data: TrainingData, run: string): Promise<SampleWriter | undefined> {
    if (!config.eval_table_size) return undefined;
    const tokenizer = await openTokenizer(tokenizerPath(config));
    const prompts = samplePrompts(tokenizer, data, config.eval_table_size);
    if (prompts.length > 0) return new SampleWriter(config, tokenizer, prompts, run);
    tokenizer.dispose();
    return undefined;
  }

  /** Keeps the samples of this run's steps up to `step`, as {@link RunLog.begin}. */
  async begin(step: number): Promise<void> {
    await this.#log.begin(step);
  }

  /** @throws MediloraError what opening and asking the engine throws; `ABORTED`, `DISK_FULL`, `FILE_WRITE` */
  async write(trainer: NativeTrainer, step: number, signal: AbortSignal): Promise<SampleGeneration[]> {
    const samples = await this.#generate(trainer, signal);
    for (const sample of samples) await this.#log.add({ step, ...sample });
    return samples;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.tokenizer.dispose();
  }

  async #generate(trainer: NativeTrainer, signal: AbortSignal): Promise<SampleGeneration[]> {
    const { eval_max_new_tokens: maxTokens } = this.config;
    const requests = this.prompts.map(({ prompt }) => ({
      prompt,
      maxTokens,
      seed: 0,
      sampler: SAMPLER_PRESETS.greedy,
    }));
    const results: GenerateResult[] = [];
    try {
      await trainer.saveWeights(this.#weights);
      await using engine = await InferenceEngine.open(this.#engineOptions(), { signal });
      await engine.generate(requests, { signal, onResult: (result) => results.push(result) });
    } finally {
      await rm(this.#weights, { force: true }).catch((error: unknown) => {
        throw fileError(error, this.#weights, "write");
      });
    }
    results.sort((a, b) => a.index - b.index);
    return this.prompts.map((prompt, i) => this.#sample(prompt, results[i] as GenerateResult));
  }

  #engineOptions(): EngineOptions {
    const { adapter, base_model: base, threads, eval_max_new_tokens: maxTokens } = this.config;
    const cells = this.prompts.map(({ prompt }) => prompt.length + maxTokens).sort((a, b) => b - a);
    const most = cells.slice(0, MOST_AT_ONCE);
    return {
      ...(adapter === "none" || base === undefined
        ? { model: this.#weights }
        : { model: base, adapters: [{ path: this.#weights }] }),
      contextSize: paddedContext(most.reduce((sum, count) => sum + count, 0)),
      sequences: most.length,
      ...(threads !== undefined && { threads }),
    };
  }

  #sample({ prompt, reference, heldOut }: SamplePrompt, { text, finish }: GenerateResult): SampleGeneration {
    const textOf = (tokens: Int32Array, special: boolean) => this.tokenizer.detokenize(tokens, { special });
    return {
      prompt: textOf(prompt, true),
      reference: textOf(reference.subarray(0, this.config.eval_max_new_tokens), false).trimEnd(),
      generated: text,
      finish,
      heldOut,
    };
  }
}
