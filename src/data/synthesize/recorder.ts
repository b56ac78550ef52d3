import { MediloraError } from "../../errors.js";
import type { Journal, JournalEntry } from "./journal.js";

/** So many rejected requests at the beginning, and no other answer, are the fault of the set-up and not of passages. */
const MOST_REJECTED = 3;

/**
 * Puts answers into a journal. Passages that were rejected before anything was answered are held back: with a wrong model
 * name every request is rejected, and none of them must count as done.
 */
export class Recorder {
  #pending: JournalEntry[] = [];

  constructor(private readonly journal: Journal) {}

  /** Of all runs, those held back included. */
  get tokens(): number {
    const { promptTokens, completionTokens } = this.journal;
    return this.#pending.reduce(
      (sum, entry) => sum + entry.promptTokens + entry.completionTokens,
      promptTokens + completionTokens,
    );
  }

  /** Passages. */
  get done(): number {
    return this.journal.done.size + this.#pending.length;
  }

  /** @throws MediloraError `ARGUMENT_INVALID` when the first requests are all rejected; `FILE_WRITE`, `DISK_FULL` */
  add(entry: JournalEntry): void {
    this.#pending.push(entry);
    if (entry.refused !== "rejected" || this.journal.proven) this.flush();
    if (this.#pending.length === MOST_REJECTED)
      throw new MediloraError(
        "ARGUMENT_INVALID",
        `The endpoint rejects each of the first ${MOST_REJECTED} requests. Check the name of the model and the most ` +
          "tokens of an answer that it allows; these passages are asked again.",
      );
  }

  /** For the end of a run, when nothing else is to come. */
  flush(): void {
    for (const entry of this.#pending.splice(0)) this.journal.append(entry);
  }
}
