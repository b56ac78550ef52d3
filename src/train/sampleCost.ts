/** Samples may take this share of a run's time, validations and checkpoints left out, before somebody is told. */
const SHARE = 0.25;
/** Seconds of samples of which nobody complains. */
const LITTLE = 30;

/** Adds up what samples take of a run's time, and says once when that is much. */
export class SampleCost {
  #training = 0;
  #samples = 0;
  #told = false;

  /** @param seconds of an optimizer step */
  addStep(seconds: number): void {
    this.#training += seconds;
  }

  /**
   * @param seconds of the samples of one step
   * @returns what to tell, the first time that it is much
   */
  addSamples(seconds: number): string | undefined {
    this.#samples += seconds;
    const share = this.#samples / (this.#samples + this.#training);
    if (this.#told || this.#samples < LITTLE || share < SHARE) return undefined;
    this.#told = true;
    return `Samples took ${Math.round(share * 100)}% of the time so far. Lower eval_table_size or eval_max_new_tokens, or raise eval_steps.`;
  }
}
