/** What early stopping remembers; part of a checkpoint, so that a resumed run stops where the whole one would. */
export interface StoppingState {
  best?: { step: number; loss: number };
  /** Validations in a row without a lower loss. */
  withoutGain: number;
}

/** Watches the validation loss. */
export class EarlyStopping {
  #state: StoppingState = { withoutGain: 0 };

  /** @param patience validations in a row without a lower loss that end the run; undefined: never */
  constructor(private readonly patience: number | undefined) {}

  get state(): StoppingState {
    return this.#state;
  }

  restore(state: StoppingState): void {
    this.#state = state;
  }

  /** @returns true when this loss is the lowest so far */
  observe(step: number, loss: number): boolean {
    const { best, withoutGain } = this.#state;
    // NaN must not become the best: no later loss would be below it.
    const better = Number.isFinite(loss) && (best === undefined || loss < best.loss);
    this.#state = better ? { best: { step, loss }, withoutGain: 0 } : { best, withoutGain: withoutGain + 1 };
    return better;
  }

  get shouldStop(): boolean {
    return this.patience !== undefined && this.#state.withoutGain >= this.patience;
  }
}
