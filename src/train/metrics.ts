import { appendFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../errors.js";
import { lossCurveSvg } from "../report/lossCurve.js";
import { writeFileAtomic } from "../util/atomicFile.js";
import type { LossPoint, TrainStep } from "./progress.js";

type MetricLine = Omit<TrainStep, "type" | "etaSeconds"> | { step: number; evalLoss: number };

/** The run's `metrics.jsonl`, a line a step and one a validation, and the loss curve `loss.svg` that is drawn from it. */
export class MetricsLog {
  readonly path: string;
  readonly lossCurve: string;
  readonly history: LossPoint[] = [];
  readonly #run: string;
  #kept: MetricLine[] | undefined;

  /** @param run key of the run, part of every line: the folder's earlier lines may be of another one */
  constructor(outputDir: string, run: string) {
    this.path = join(outputDir, "metrics.jsonl");
    this.lossCurve = join(outputDir, "loss.svg");
    this.#run = run;
  }

  /**
   * Keeps what this run logged up to `step`, drops what came after it: a resumed run logs that again. The files of before
   * are replaced at the first line, so that a run that is stopped before it leaves them.
   */
  async begin(step: number): Promise<void> {
    const lines = step > 0 ? await this.#read() : [];
    this.#kept = lines.filter((line) => line.step <= step);
    for (const line of this.#kept) this.#remember(line);
  }

  async add(line: MetricLine): Promise<void> {
    await this.#replaceOld();
    this.#remember(line);
    await appendFile(this.path, this.#textOf(line)).catch((error: unknown) => {
      throw fileError(error, this.path, "write");
    });
  }

  /**
   * Writes the loss curve. There is none where nothing is known to draw: a finished run that is resumed after another one
   * had its folder.
   * @throws MediloraError `DISK_FULL`, `FILE_WRITE`
   */
  async draw(): Promise<void> {
    await this.#replaceOld();
    if (!this.history.some(({ loss }) => Number.isFinite(loss))) return;
    const svg = lossCurveSvg(this.history, { title: "Training loss", width: 800, height: 450 });
    await writeFileAtomic(this.lossCurve, svg);
  }

  async #replaceOld(): Promise<void> {
    if (this.#kept === undefined) return;
    await writeFileAtomic(this.path, this.#kept.map((line) => this.#textOf(line)).join(""));
    this.#kept = undefined;
    await rm(this.lossCurve, { force: true });
  }

  #textOf(line: MetricLine): string {
    return `${JSON.stringify({ ...line, run: this.#run })}\n`;
  }

  #remember(line: MetricLine): void {
    if (!("evalLoss" in line)) {
      this.history.push({ step: line.step, epoch: line.epoch, loss: line.loss });
      return;
    }
    const point = this.history.findLast(({ step }) => step === line.step);
    if (point) point.evalLoss = line.evalLoss;
  }

  async #read(): Promise<MetricLine[]> {
    const text = await readFile(this.path, "utf8").catch(() => "");
    // A line that was cut short by a crash is after the checkpoint anyway.
    return text.split("\n").flatMap((line) => {
      try {
        const { run, ...metric } = JSON.parse(line) as MetricLine & { run?: string };
        if (run !== this.#run) return [];
        // JSON has no NaN; it was written as null.
        if (!("evalLoss" in metric)) metric.loss ??= Number.NaN;
        return [metric];
      } catch {
        return [];
      }
    });
  }
}
