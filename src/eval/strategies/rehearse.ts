import { access } from "node:fs/promises";
import { fileError } from "../../errors.js";
import type { EvaluateOptions } from "../evaluateOptions.js";
import { checkScoredStrategy } from "../loglikelihood/options.js";
import { planScores } from "../loglikelihood/planScores.js";
import { prepareRun } from "../loglikelihood/prepare.js";
import type { LikelihoodTask, TaskGroup } from "../loglikelihood/task.js";
import { nativeRuntime } from "../runtime.js";
import { DEFAULT_SAMPLER } from "../samplers.js";
import type { GenerationTask } from "../task.js";
import { isLikelihood } from "../tasks/index.js";
import { planBallots } from "./ballots.js";
import { checkDraws, questionForm } from "./form.js";
import type { EvaluationStrategy } from "./strategy.js";

/**
 * Finds out whether a task and its data take a strategy, all but its nearest shots, before anything is computed: a strategy
 * that is refused after a plain run of hours comes too late.
 * @throws MediloraError as an evaluation under the strategy would
 */
export async function rehearseStrategy(
  task: GenerationTask | LikelihoodTask | TaskGroup,
  strategy: EvaluationStrategy,
  options: Pick<EvaluateOptions, "data" | "limit" | "sampler" | "seed" | "signal"> & { shots?: number },
): Promise<void> {
  const { data, limit, sampler = DEFAULT_SAMPLER, seed = 0, shots = 0, signal } = options;
  const { neighbours, ...others } = strategy;
  if (isLikelihood(task)) {
    checkScoredStrategy(strategy, { task, shots });
    const { tasks } = await prepareRun(task, data, shots, signal);
    const limited = tasks.map((one) => ({ ...one, questions: one.questions.slice(0, limit) }));
    await planScores(nativeRuntime, limited, others, { model: undefined, signal });
  } else {
    const form = questionForm(task, strategy);
    checkDraws(strategy, sampler);
    await planBallots(nativeRuntime, task, { strategy: others, form }, { model: undefined, data, limit, seed, signal });
  }
  if (neighbours === undefined) return;
  for (const path of [neighbours.train, ...(neighbours.model === undefined ? [] : [neighbours.model])])
    await access(path).catch((error) => Promise.reject(fileError(error, path, "read")));
}
