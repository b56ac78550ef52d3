import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { fileError, MediloraError } from "../errors.js";
import type { LossPoint } from "./lossScale.js";

/** A training whose loss a report shows. */
export interface TrainingRun {
  name: string;
  /** In the order of the steps; `TrainResult.history` is one. */
  history: readonly LossPoint[];
}

/** A loss that was not finite is null in JSON. */
const stepLine = z.object({
  step: z.int(),
  epoch: z.number(),
  loss: z.number().nullable(),
  learningRate: z.number().optional(),
});
const evaluationLine = z.object({ step: z.int(), evalLoss: z.number().nullable() });

/**
 * The losses that a training wrote to `metrics.jsonl` in its `output_dir`.
 * @returns the folder's name with them
 * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`; `DATA_INVALID` with the line; `DATA_EMPTY` without a finite loss
 */
export async function readTrainingRun(outputDir: string): Promise<TrainingRun> {
  const path = join(outputDir, "metrics.jsonl");
  const text = await readFile(path, "utf8").catch((error) => Promise.reject(fileError(error, path, "read")));
  const history: LossPoint[] = [];
  // What stands behind the last line break is a line that is being written.
  text
    .split("\n")
    .slice(0, -1)
    .forEach((line, i) => {
      addLine(history, line, `${path}, line ${i + 1}`);
    });
  if (!history.some(({ loss }) => Number.isFinite(loss)))
    throw new MediloraError("DATA_EMPTY", `${path} holds no finite loss. Train for a step first.`);
  return { name: basename(resolve(outputDir)), history };
}

function addLine(history: LossPoint[], line: string, where: string): void {
  const value = parse(line);
  const step = stepLine.safeParse(value);
  if (step.success) {
    history.push({ ...step.data, loss: step.data.loss ?? Number.NaN });
    return;
  }
  const evaluation = evaluationLine.safeParse(value);
  if (!evaluation.success)
    throw new MediloraError(
      "DATA_INVALID",
      `${where} holds neither a step nor a validation. Give a training's output_dir.`,
    );
  const point = history.findLast(({ step }) => step === evaluation.data.step);
  if (point !== undefined && evaluation.data.evalLoss !== null) point.evalLoss = evaluation.data.evalLoss;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
