import { appendFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../errors.js";
import { writeFileAtomic } from "../util/atomicFile.js";
import type { LossPoint, TrainStep } from "./progress.js";

type MetricLine = Omit<TrainStep, "type" | "etaSeconds"> | { step: number; evalLoss: number };

/** The run's `metrics.jsonl`: a line a step, and one a validation; and the loss curve kept from them. */
export class MetricsLog {
  readonly path: string;
  readonly history: LossPoint[] = [];

  constructor(outputDir: string) {
    this.path = join(outputDir, "metrics.jsonl");
  }

  /** Keeps what was logged up to `step`, drops what came after it: a resumed run logs that again. */
  async restart(step: number): Promise<void> {
    const lines = step > 0 ? await this.#read() : [];
    const kept = lines.filter((line) => line.step <= step);
    for (const line of kept) this.#remember(line);
    await rm(this.path, { force: true });
    await writeFileAtomic(this.path, kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }

  async add(line: MetricLine): Promise<void> {
    this.#remember(line);
    await appendFile(this.path, `${JSON.stringify(line)}\n`).catch((error: unknown) => {
      throw fileError(error, this.path, "write");
    });
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
        return line === "" ? [] : [JSON.parse(line) as MetricLine];
      } catch {
        return [];
      }
    });
  }
}
