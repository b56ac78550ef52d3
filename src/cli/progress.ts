import type { TextStream } from "./output.js";

export interface ProgressMeterOptions {
  /** Stands in front of every line. */
  label: string;
  /** Rewrite one line of a terminal; without, print a line whenever another 10% are done. */
  live: boolean;
}

/** Milliseconds between two drawings of the live line; the eye needs no more, and a slow terminal takes no more. */
const REDRAW_INTERVAL = 100;
const FALLBACK_COLUMNS = 80;

/** Without a terminal a count says nothing below this, and then at 1, 2 and 5 times each power of ten. */
const FIRST_COUNT = 10_000;

/** How far a job is, on one stream. */
export class ProgressMeter {
  #tenths = 0;
  #nextCount = FIRST_COUNT;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #visible = false;

  constructor(
    private readonly stream: TextStream,
    private readonly options: ProgressMeterOptions,
  ) {}

  /**
   * @param done   out of `total`, both in the same unit; a total of 0 shows nothing
   * @param detail follows the percentage
   */
  update(done: number, total: number, detail = ""): void {
    if (!(total > 0)) return;
    const share = Math.min(1, done / total);
    const percent = `${Math.floor(100 * share)}%`;
    const line = `${this.options.label} ${percent.padStart(4)}${detail === "" ? "" : `  ${detail}`}`;
    if (this.options.live) this.#draw(line, share === 1);
    else this.#print(line, share);
  }

  /** For a job whose end is not known: how much of it is done. */
  count(done: number, unit: string): void {
    const line = `${this.options.label} ${done.toLocaleString("en-US")} ${unit}`;
    if (this.options.live) this.#draw(line, false);
    else if (done >= this.#nextCount) {
      this.stream.write(`${line}\n`);
      while (this.#nextCount <= done) this.#nextCount *= String(this.#nextCount).startsWith("2") ? 2.5 : 2;
    }
  }

  /** Removes the live line, so that other text can be written; the next update draws it again. */
  clear(): void {
    if (!this.#visible) return;
    this.stream.write("\r\x1b[K");
    this.#visible = false;
    this.#drawnAt = Number.NEGATIVE_INFINITY;
  }

  #draw(line: string, last: boolean): void {
    const now = performance.now();
    if (!last && now - this.#drawnAt < REDRAW_INTERVAL) return;
    this.#drawnAt = now;
    // A line that wraps could not be rewritten; the last column makes some terminals wrap too.
    const width = (this.stream.columns ?? FALLBACK_COLUMNS) - 1;
    this.stream.write(`\r${line.slice(0, width)}\x1b[K`);
    this.#visible = true;
    if (last) this.#end();
  }

  #end(): void {
    this.stream.write("\n");
    this.#visible = false;
  }

  #print(line: string, share: number): void {
    // Rounded first: 3 of 10 is 0.3 and must count as three tenths whatever the division gives.
    const tenths = Math.floor(Math.round(share * 1e9) / 1e8);
    if (tenths <= this.#tenths) return;
    this.#tenths = tenths;
    this.stream.write(`${line}\n`);
  }
}
