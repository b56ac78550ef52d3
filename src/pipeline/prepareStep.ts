import { join, resolve } from "node:path";
import { prepareGuidelines } from "../data/guidelines.js";
import { prepareMimic } from "../data/mimic/prepareMimic.js";
import { preparePubMedQA } from "../data/prepare.js";
import type { ProgressOptions } from "../data/progress.js";
import {
  prepareAny,
  prepareBioASQ,
  prepareDialogue,
  prepareMedMCQA,
  prepareMedQA,
  preparePubMedQAUnlabelled,
} from "../data/qaSources.js";
import { prepareTextbook } from "../data/textbook.js";
import type { Pipeline } from "./load.js";
import type { PrepareStepConfig } from "./schema.js";
import type { Step, StepContext, StepInput } from "./step.js";

/** Where the rows of a preparation stand. */
export function rowsOf(pipeline: Pipeline, name: string): string {
  return join(pipeline.work_dir, `prepare.${name}`, "rows.jsonl");
}

/** Where the records stand that a preparation of PubMedQA holds out. */
export function heldOutOf(pipeline: Pipeline, name: string): string {
  return join(pipeline.work_dir, `prepare.${name}`, "held-out.json");
}

export function prepareStep(pipeline: Pipeline, name: string, config: PrepareStepConfig): Step {
  const files = "inputs" in config ? config.inputs : [config.input];
  const inputs = files.map((path, i): StepInput => {
    const key = "inputs" in config ? `prepare.${name}.inputs[${i}]` : `prepare.${name}.input`;
    return { key, path: resolve(pipeline.baseDir, path) };
  });
  const rows = rowsOf(pipeline, name);
  const holdsOut = config.source === "pubmedqa" && config.eval_size !== undefined;
  const heldOut = holdsOut ? heldOutOf(pipeline, name) : undefined;
  const { input: _, inputs: __, ...options } = { input: undefined, inputs: undefined, ...config };
  return {
    id: `prepare.${name}`,
    folder: join(pipeline.work_dir, `prepare.${name}`),
    options,
    inputs,
    outputs: heldOut === undefined ? [rows] : [rows, heldOut],
    run: (context) => prepare(config, { paths: inputs.map(({ path }) => path), rows, heldOut }, context),
  };
}

interface PrepareFiles {
  paths: string[];
  rows: string;
  heldOut: string | undefined;
}

async function prepare(
  config: PrepareStepConfig,
  { paths, rows: output, heldOut }: PrepareFiles,
  { signal, onProgress }: StepContext,
): Promise<void> {
  const common: ProgressOptions & { output: string } = {
    output,
    ...(signal && { signal }),
    // How many rows there are is not known before the last one.
    onProgress: ({ rows }) => onProgress({ done: rows, total: 0, unit: "rows" }),
  };
  const [input] = paths as [string];
  switch (config.source) {
    case "mimic":
      await prepareMimic({ ...config, ...common, input: { csv: input } });
      return;
    case "textbook":
      await prepareTextbook({ ...config, ...common, inputs: paths });
      return;
    case "guidelines":
      await prepareGuidelines({ ...common, input });
      return;
    case "pubmedqa": {
      const { eval_size: evalSize, seed, answer, limit } = config;
      await preparePubMedQA({ ...common, input, evalOutput: heldOut, evalSize, seed, answer, limit });
      return;
    }
    default:
      await prepareQa(config, { ...common, inputs: paths });
  }
}

type QaConfig = Exclude<PrepareStepConfig, { source: "mimic" | "textbook" | "guidelines" | "pubmedqa" }>;

async function prepareQa(
  config: QaConfig,
  common: ProgressOptions & { output: string; inputs: string[] },
): Promise<void> {
  const options = { ...config, ...common };
  switch (config.source) {
    case "pubmedqa-unlabelled":
      await preparePubMedQAUnlabelled(options);
      return;
    case "medqa":
      await prepareMedQA(options);
      return;
    case "medmcqa":
      await prepareMedMCQA(options);
      return;
    case "bioasq":
      await prepareBioASQ({ ...options, types: config.types });
      return;
    case "dialogue":
      await prepareDialogue({ ...options, form: config.form, filter: config.filter });
      return;
    case "any": {
      const { mapping, records: at, system, filter } = config;
      await prepareAny({ ...common, limit: config.limit, mapping, at, system, filter });
    }
  }
}
