import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { trainingPage } from "../report/html/trainingPage.js";
import { lossCurveSvg } from "../report/lossCurve.js";
import { writeFileAtomic } from "../util/atomicFile.js";
import type { LossPoint, MetricLine } from "./progress.js";
import { RunLog } from "./runLog.js";

/**
 * The run's `metrics.jsonl`, a line a step and one a validation, and what is drawn from it: the loss curve `loss.svg` and
 * the page `loss.html`.
 */
export class MetricsLog {
  readonly path: string;
  readonly lossCurve: string;
  readonly lossPage: string;
  readonly history: LossPoint[] = [];
  readonly #log: RunLog<MetricLine>;

  /** @param run key of the run, part of every line */
  constructor(outputDir: string, run: string) {
    this.path = join(outputDir, "metrics.jsonl");
    this.lossCurve = join(outputDir, "loss.svg");
    this.lossPage = join(outputDir, "loss.html");
    this.#log = new RunLog(this.path, run);
  }

  /**
   * Goes on after `step`, as {@link RunLog.begin}.
   * @returns what was logged up to there
   */
  async begin(step: number): Promise<MetricLine[]> {
    const lines = (await this.#log.begin(step)).map(withGaps);
    for (const line of lines) this.#remember(line);
    return lines;
  }

  async add(line: MetricLine): Promise<void> {
    await this.#replaceOld();
    this.#remember(line);
    await this.#log.add(line);
  }

  /** Has what was added on the disk. */
  sync(): Promise<void> {
    return this.#log.sync();
  }

  /**
   * Writes the loss curve and its page. There are none where nothing is known to draw: a finished run that is resumed after
   * another one had its folder.
   * @throws MediloraError `DISK_FULL`, `FILE_WRITE`
   */
  async draw(): Promise<void> {
    await this.#replaceOld();
    if (!this.history.some(({ loss }) => Number.isFinite(loss))) return;
    const svg = lossCurveSvg(this.history, { title: "Training loss", width: 800, height: 450 });
    await writeFileAtomic(this.lossCurve, svg);
    const name = basename(dirname(this.path));
    await writeFileAtomic(this.lossPage, trainingPage([{ name, history: this.history }]));
  }

  async #replaceOld(): Promise<void> {
    if (!(await this.#log.replaceOld())) return;
    for (const drawn of [this.lossCurve, this.lossPage]) await rm(drawn, { force: true });
  }

  #remember(line: MetricLine): void {
    if ("evalLoss" in line) {
      const point = this.history.findLast(({ step }) => step === line.step);
      if (point) point.evalLoss = line.evalLoss;
    } else {
      const { step, epoch, loss, learningRate } = line;
      this.history.push({ step, epoch, loss, learningRate });
    }
  }
}

/** JSON has no NaN and no Infinity: they were written as null. */
function withGaps(line: MetricLine): MetricLine {
  if ("evalLoss" in line) return { ...line, evalLoss: line.evalLoss ?? Number.NaN };
  return { ...line, loss: line.loss ?? Number.NaN, gradNorm: line.gradNorm ?? Number.NaN };
}
