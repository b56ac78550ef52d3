import { MediloraError } from "../errors.js";

/** How far a preparation is: rows read or written so far, by phase. */
export interface PrepareProgress {
  phase: "read" | "write";
  rows: number;
}

export interface ProgressOptions {
  signal?: AbortSignal;
  /** Called every so many rows and at the end of each phase, with the rows read or written so far. */
  onProgress?: (progress: PrepareProgress) => void;
}

/** Rows between two reports. */
const INTERVAL = 100;

/** Counts rows, reports them, and stops the work at the first row after an abort. */
export class ProgressReport {
  rows = 0;

  constructor(
    private readonly phase: PrepareProgress["phase"],
    private readonly options: ProgressOptions,
  ) {}

  /** @throws MediloraError `ABORTED` */
  add(): void {
    if (this.options.signal?.aborted)
      throw new MediloraError("ABORTED", "Preparing the data was aborted; nothing was written.");
    this.rows += 1;
    if (this.rows % INTERVAL === 0) this.end();
  }

  end(): void {
    this.options.onProgress?.({ phase: this.phase, rows: this.rows });
  }
}
