import { resolve } from "node:path";
import { evalStep, type Role, reportStep } from "./evalSteps.js";
import type { Pipeline } from "./load.js";
import { mergeStep, quantizeStep } from "./modelSteps.js";
import { prepareStep } from "./prepareStep.js";
import type { Step, StepInput } from "./step.js";
import { adapterOf, trainStep } from "./trainStep.js";

/**
 * The steps of a pipeline in their order; each reads only what stands before it.
 * @throws MediloraError `CONFIG_INVALID` for the keys of a stage of training
 */
export function stepsOf(pipeline: Pipeline, onNote?: (note: string) => void): Step[] {
  const base: StepInput = { key: "base_model", path: resolve(pipeline.baseDir, pipeline.base_model) };
  const steps = Object.entries(pipeline.prepare).map(([name, config]) => prepareStep(pipeline, name, config));
  const trainOn = pipeline.quantize_base === undefined ? undefined : quantizedBase(pipeline, base);
  if (trainOn) steps.push(trainOn);
  const trained: StepInput = trainOn ? { key: "quantize_base", path: trainOn.outputs[0] as string } : base;
  let adapter: string | undefined;
  for (const stage of pipeline.train) {
    steps.push(trainStep(pipeline, stage, { base: trained, adapter, ...(onNote && { onNote }) }));
    adapter = adapterOf(pipeline, stage.name);
  }
  const { models, steps: modelSteps } = finalModels(pipeline, base, adapter as string);
  const evaluations = Object.entries(pipeline.eval).flatMap(([name, config]) =>
    config.models.map((role) => evalStep(pipeline, name, { config, role, model: models[role] })),
  );
  const report = pipeline.report ? [reportStep(pipeline, evaluations)] : [];
  return [...steps, ...modelSteps, ...evaluations, ...report];
}

function quantizedBase(pipeline: Pipeline, input: StepInput): Step {
  return quantizeStep(pipeline, "quantize_base", { input, type: pipeline.quantize_base as string });
}

/** The merged model and the base, quantised alike, so that their comparison shows what training changed. */
function finalModels(
  pipeline: Pipeline,
  base: StepInput,
  adapter: string,
): { models: Record<Role, string>; steps: Step[] } {
  const merge = mergeStep(pipeline, base, adapter);
  const merged: StepInput = { key: "merge", path: merge.outputs[0] as string };
  if (pipeline.quantize === undefined) return { models: { base: base.path, tuned: merged.path }, steps: [merge] };
  const { type } = pipeline.quantize;
  const tuned = quantizeStep(pipeline, "quantize", { input: merged, type });
  const compares = Object.values(pipeline.eval).some(({ models }) => models.includes("base"));
  const baseline = quantizeStep(pipeline, "quantize.base", { input: base, type });
  return {
    models: { base: baseline.outputs[0] as string, tuned: tuned.outputs[0] as string },
    steps: compares ? [merge, tuned, baseline] : [merge, tuned],
  };
}

/** The model that a pipeline makes. */
export function tunedModel(pipeline: Pipeline, steps: readonly Step[]): string {
  const id = pipeline.quantize === undefined ? "merge" : "quantize";
  return steps.find((step) => step.id === id)!.outputs[0] as string;
}
