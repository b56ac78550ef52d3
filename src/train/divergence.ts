import { MediloraError } from "../errors.js";

/** A run survives single bad steps, which an odd row can cause; so many in a row do not pass by themselves. */
const MOST_IN_A_ROW = 3;

/** Ends a run whose loss or gradient is not finite, before weights are written that learnt nothing. */
export class DivergenceGuard {
  #inARow = 0;
  #lastStep = 0;

  /** Bad steps in a row, up to the last one. */
  get inARow(): number {
    return this.#inARow;
  }

  /** Goes on after a checkpoint's step. */
  restore(step: number, inARow: number): void {
    this.#lastStep = step;
    this.#inARow = inARow;
  }

  /**
   * @param step counted from 1
   * @param finite whether loss and gradient of the step are
   * @throws MediloraError `GRADIENT_NOT_FINITE` when they are not at step 1, or at the third step in a row
   */
  observe(step: number, finite: boolean): void {
    this.#lastStep = step;
    this.#inARow = finite ? 0 : this.#inARow + 1;
    if (this.#inARow >= MOST_IN_A_ROW || (this.#inARow > 0 && step === 1)) throw this.#error();
  }

  /** @throws MediloraError `GRADIENT_NOT_FINITE` when the last step was not finite */
  checkEnd(): void {
    if (this.#inARow > 0) throw this.#error();
  }

  #error(): MediloraError {
    const first = this.#inARow > 1 ? `s ${this.#lastStep - this.#inARow + 1} to` : "";
    return new MediloraError(
      "GRADIENT_NOT_FINITE",
      `The loss or its gradient is not finite at step${first} ${this.#lastStep}, so no weights were written. ` +
        "Check the weights of the base model (one NaN among them spoils every loss), or lower learning_rate.",
    );
  }
}
