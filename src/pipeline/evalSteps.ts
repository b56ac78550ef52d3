import { join, resolve } from "node:path";
import { evaluate } from "../eval/evaluate.js";
import type { EvaluationResult } from "../eval/evaluationResult.js";
import { evaluateLikelihood } from "../eval/loglikelihood/evaluateLikelihood.js";
import type { LikelihoodResult } from "../eval/loglikelihood/result.js";
import { findTask, isLikelihood } from "../eval/tasks/index.js";
import { reportPage } from "../report/html/document.js";
import { readResults } from "../report/readResults.js";
import { readTrainingRun } from "../report/trainingRun.js";
import { writeFileAtomic } from "../util/atomicFile.js";
import type { Pipeline } from "./load.js";
import { threadsOf } from "./modelSteps.js";
import { heldOutOf } from "./prepareStep.js";
import type { EvalStepConfig } from "./schema.js";
import type { Step, StepContext } from "./step.js";
import { stageFolder } from "./trainStep.js";

export type Role = EvalStepConfig["models"][number];

/** One benchmark over one model. */
export function evalStep(
  pipeline: Pipeline,
  name: string,
  { config, role, model }: { config: EvalStepConfig; role: Role; model: string },
): Step {
  const id = `eval.${name}.${role}`;
  const folder = join(pipeline.work_dir, id);
  const { data, prepared, models: _, ...options } = config;
  const path = prepared === undefined ? resolve(pipeline.baseDir, data as string) : heldOutOf(pipeline, prepared);
  return {
    id,
    folder,
    options,
    inputs: [
      { key: `${id}.model`, path: model },
      { key: `eval.${name}.data`, path },
    ],
    outputs: [resultsIn(folder)],
    async run(context) {
      const settings = { ...threadsOf(pipeline), model, data: path, answersFile: join(folder, "answers.jsonl") };
      const result = await ask(options, settings, context);
      await writeFileAtomic(resultsIn(folder), `${JSON.stringify({ results: [result] })}\n`);
    },
  };
}

function resultsIn(folder: string): string {
  return join(folder, "results.json");
}

async function ask(
  { max_tokens: maxTokens, sampler, seed, shots, ...common }: Omit<EvalStepConfig, "data" | "prepared" | "models">,
  settings: { model: string; data: string; answersFile: string; threads?: number },
  { signal, onProgress }: StepContext,
): Promise<EvaluationResult | LikelihoodResult> {
  const options = {
    ...common,
    ...settings,
    ...(signal && { signal }),
    onProgress: ({ done, total }: { done: number; total: number }) => onProgress({ done, total, unit: "questions" }),
  };
  if (isLikelihood(findTask(common.task))) return evaluateLikelihood({ ...options, shots });
  return evaluate({ ...options, maxTokens, sampler, seed });
}

/** The page of all results, and of the losses of all stages. */
export function reportStep(pipeline: Pipeline, evaluations: readonly Step[]): Step {
  const output = join(pipeline.work_dir, "report", "report.html");
  const stages = pipeline.train.map(({ name }) => stageFolder(pipeline, name));
  const results = evaluations.flatMap(({ outputs }) => outputs);
  const title = pipeline.report?.title ?? pipeline.name;
  return {
    id: "report",
    folder: join(pipeline.work_dir, "report"),
    options: { title },
    inputs: [
      ...results.map((path, i) => ({ key: `report.results[${i}]`, path })),
      ...stages.map((folder, i) => ({ key: `report.train[${i}]`, path: join(folder, "metrics.jsonl") })),
    ],
    outputs: [output],
    async run() {
      const read = (await Promise.all(results.map(readResults))).flat();
      const trainingRuns = await Promise.all(stages.map(readTrainingRun));
      await writeFileAtomic(output, reportPage(read, { title, trainingRuns }));
    },
  };
}
