import { resolve } from "node:path";
import type { TrainConfig } from "../config/schema.js";
import { planTraining, type TrainingEstimate } from "../train/estimate.js";
import { planMemory } from "../train/memory.js";
import { openTrainer } from "../train/openTrainer.js";
import { type Pipeline, resolvePipeline } from "./load.js";
import type { PipelineOptions } from "./run.js";
import { inStep, Session, type StepState } from "./session.js";
import type { Step } from "./step.js";

/** A step of a pipeline, and whether a run would do it. */
export interface PlannedStep extends StepState {
  id: string;
  /** Of a training that is to do and whose data are there. */
  estimate?: TrainingEstimate;
  /** Most memory of a training whose data are not prepared yet, in bytes: that of full sequences. */
  mostMemory?: number;
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
  const resolved = await resolvePipeline(pipeline);
  const session = await Session.open(resolved, options);
  const first = session.indexOf(options.from);
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
): Promise<StepState> {
  if (forced) return { state: "to-do", reason: "asked for" };
  if (stale.length > 0) return { state: "to-do", reason: `follows ${stale.join(", ")}` };
  return session.stateOf(step, await session.keyOf(step));
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
): Promise<Pick<PlannedStep, "estimate" | "mostMemory" | "estimateNote">> {
  const unquantised = stale.includes("quantize_base");
  // An adapter that is not there yet has the shape of a fresh one with these options.
  const { lora_model_dir: _, ...fresh } = config;
  const shape = stale.some((id) => id.startsWith("train.")) ? fresh : config;
  const base_model = resolve(session.pipeline.baseDir, session.pipeline.base_model);
  const predicted = unquantised ? { ...shape, base_model } : shape;
  const notes = unquantised ? ["predicted on base_model, which is not quantised yet"] : [];
  const data = stale.filter((id) => id.startsWith("prepare."));
  try {
    if (data.length === 0) return { estimate: await planTraining(predicted, signal), ...noteOf(notes) };
    const mostMemory = await mostMemoryOf(predicted, signal);
    return { mostMemory, ...noteOf([...notes, `time can be predicted after ${data.join(", ")}`]) };
  } catch (error) {
    throw inStep(step.id, error);
  }
}

function noteOf(notes: readonly string[]): Pick<PlannedStep, "estimateNote"> {
  return notes.length === 0 ? {} : { estimateNote: notes.join("; ") };
}

async function mostMemoryOf(config: TrainConfig, signal: AbortSignal | undefined): Promise<number> {
  await using trainer = await openTrainer(config, signal);
  return planMemory(trainer, config, config.micro_batch_size * config.sequence_len).peak;
}
