import { MediloraError } from "../errors.js";
import { compareEvaluations, UNTESTED } from "./compare.js";
import type { EvaluationResult } from "./evaluationResult.js";
import { compareLikelihoods, type LikelihoodComparison } from "./loglikelihood/compare.js";
import type { LikelihoodResult } from "./loglikelihood/result.js";

/** Scores of a model on a benchmark, of either kind. */
export type BenchmarkResult = EvaluationResult | LikelihoodResult;

/** A row of a comparison, whatever the kind of task: `accuracy` and `valid_rate` are of generated answers. */
export interface MetricDifference extends Omit<LikelihoodComparison, "metric"> {
  metric: LikelihoodComparison["metric"] | "accuracy" | "valid_rate";
}

/** True for a result of generated answers. */
export function isGenerated(result: BenchmarkResult): result is EvaluationResult {
  return "extraction" in result;
}

/**
 * How a model differs from a reference on one benchmark: the model's scores less the reference's. "First" in a row is the
 * model, "second" the reference.
 * @throws MediloraError `ARGUMENT_INVALID` for results that cannot be compared
 */
export function compareResults(model: BenchmarkResult, reference: BenchmarkResult): MetricDifference[] {
  if (isGenerated(model) && isGenerated(reference)) {
    const { n, accuracy, validRate, ...right } = compareEvaluations(model, reference);
    const task = model.task.name;
    return [
      { task, metric: "accuracy", n, difference: accuracy, ...right },
      { task, metric: "valid_rate", n, difference: validRate, ...UNTESTED },
    ];
  }
  if (!isGenerated(model) && !isGenerated(reference)) return compareLikelihoods(model, reference);
  throw new MediloraError(
    "ARGUMENT_INVALID",
    "Generated answers and log-likelihoods cannot be compared. Evaluate both models on the same task.",
  );
}
