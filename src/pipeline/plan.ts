import { resolve } from "node:path";
import type { TrainConfig } from "../config/schema.js";
import { planTraining, type TrainingEstimate } from "../train/estimate.js";
import { loadPipeline, type Pipeline } from "./load.js";
import type { PipelineOptions } from "./run.js";
import { inStep, Session } from "./session.js";
import type { Step } from "./step.js";

export interface PlannedStep {
  id: string;
  state: "up-to-date" | "to-do" | "resume";
  /** Why it is not up to date. */
  reason?: string;
  /** Of a training that is to do and whose data are there. */
  estimate?: TrainingEstimate;
  /** What the estimate does not know, or why there is none. */
  estimateNote?: string;
}

/**
 * What runPipeline() would do, and what its trainings take: memory from the sizes of the buffers, time from a measured
 * micro-batch. Nothing is written.
 * @param pipeline of parsePipeline(), or the path of a YAML file
 * @throws MediloraError as runPipeline() does for the pipeline and its inputs, and planTraining() for a training
 */
export async function planPipeline(
  pipeline: Pipeline | string,
  options: Pick<PipelineOptions, "from" | "signal"> & { onNote?: (note: string) => void } = {},
): Promise<PlannedStep[]> {
  const resolved = typeof pipeline === "string" ? await loadPipeline(pipeline) : pipeline;
  const session = await Session.open(resolved, options);
  const first = options.from === undefined ? session.steps.length : session.indexOf(options.from);
  await session.checkInputs();
  const planned = new Map<string, PlannedStep>();
  for (const [index, step] of session.steps.entries()) {
    const stale = session.producersOf(step).filter((id) => planned.get(id)?.state !== "up-to-date");
    const state = await stateOf(session, step, { forced: index >= first, stale });
    const estimate =
      step.training && state.state !== "up-to-date"
        ? await estimateOf(session, step, { config: step.training, stale, signal: options.signal })
        : {};
    planned.set(step.id, { id: step.id, ...state, ...estimate });
  }
  return [...planned.values()];
}

async function stateOf(
  session: Session,
  step: Step,
  { forced, stale }: { forced: boolean; stale: readonly string[] },
): Promise<Pick<PlannedStep, "state" | "reason">> {
  if (forced) return { state: "to-do", reason: "asked for" };
  if (stale.length > 0) return { state: "to-do", reason: `follows ${stale.join(", ")}` };
  const record = session.state.steps[step.id];
  if (record === undefined) return { state: "to-do", reason: "not done yet" };
  if (record.key !== (await session.keyOf(step)))
    return { state: "to-do", reason: "options, inputs or version changed" };
  if (record.status === "started") return { state: "resume", reason: "was interrupted" };
  if (await session.isIntact(step, record)) return { state: "up-to-date" };
  return { state: "to-do", reason: "its output is missing or was changed" };
}

interface ToEstimate {
  config: TrainConfig;
  stale: readonly string[];
  signal: AbortSignal | undefined;
}

async function estimateOf(
  session: Session,
  step: Step,
  { config, stale, signal }: ToEstimate,
): Promise<Pick<PlannedStep, "estimate" | "estimateNote">> {
  const data = stale.filter((id) => id.startsWith("prepare."));
  if (data.length > 0) return { estimateNote: `can be predicted after ${data.join(", ")}` };
  const unquantised = stale.includes("quantize_base");
  // An adapter that is not there yet has the shape of a fresh one with these options.
  const { lora_model_dir: _, ...fresh } = config;
  const predicted = stale.some((id) => id.startsWith("train.")) ? fresh : config;
  const base_model = resolve(session.pipeline.baseDir, session.pipeline.base_model);
  try {
    return {
      estimate: await planTraining(unquantised ? { ...predicted, base_model } : predicted, signal),
      ...(unquantised && { estimateNote: "predicted on base_model, which is not quantised yet" }),
    };
  } catch (error) {
    throw inStep(step.id, error);
  }
}
