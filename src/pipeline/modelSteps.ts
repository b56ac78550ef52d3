import { basename, extname, join } from "node:path";
import { mergeAdapter } from "../adapter/merge.js";
import { quantize } from "../quantize/quantize.js";
import type { Pipeline } from "./load.js";
import type { Step, StepInput } from "./step.js";

/** Adds the adapter of the last stage to the float base. */
export function mergeStep(pipeline: Pipeline, base: StepInput, adapter: string): Step {
  const output = join(pipeline.work_dir, "merge", `${pipeline.name}.gguf`);
  const { type } = pipeline.merge;
  return {
    id: "merge",
    folder: join(pipeline.work_dir, "merge"),
    options: { type },
    inputs: [base, { key: "merge.adapter", path: adapter }],
    outputs: [output],
    async run({ signal, onProgress, onWarning }) {
      const { warnings } = await mergeAdapter({
        base: base.path,
        adapter,
        output,
        ...(type && { type }),
        ...threadsOf(pipeline),
        ...(signal && { signal }),
        onProgress: (progress) => onProgress({ ...progress, unit: "tensors" }),
      });
      warnings.forEach(onWarning);
    },
  };
}

/** Quantises a model; the output is named after the input. */
export function quantizeStep(
  pipeline: Pipeline,
  id: string,
  { input, type }: { input: StepInput; type: string },
): Step {
  const stem = basename(input.path, extname(input.path));
  const output = join(pipeline.work_dir, id, `${stem}-${type}.gguf`);
  return {
    id,
    folder: join(pipeline.work_dir, id),
    options: { type },
    inputs: [input],
    outputs: [output],
    async run({ signal, onProgress }) {
      await quantize({
        input: input.path,
        output,
        type,
        ...threadsOf(pipeline),
        ...(signal && { signal }),
        onProgress: (progress) => onProgress({ ...progress, unit: "tensors" }),
      });
    },
  };
}

export function threadsOf({ threads }: Pipeline): { threads?: number } {
  return threads === undefined ? {} : { threads };
}
