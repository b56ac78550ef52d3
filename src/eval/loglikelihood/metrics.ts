import type { ChoiceQuestion, LikelihoodMetric } from "./task.js";

/** Mean of a metric over questions; `stderr` is its standard error, null for a single question. */
export interface MeanScore {
  mean: number;
  stderr: number | null;
}

/** A task's part in the mean of a group. */
export interface GroupPart extends MeanScore {
  n: number;
}

/**
 * A question's score by one metric.
 * @param logprobs [choices], sums over each choice's tokens; NaN is never chosen
 * @returns 0 or 1, for `mc2` a share in 0..1
 */
export function questionScore(
  metric: LikelihoodMetric,
  logprobs: readonly number[],
  question: Pick<ChoiceQuestion, "choices" | "gold">,
): number {
  const { gold } = question;
  if (metric === "mc2") return shareOf(logprobs, gold);
  const chosen = chosenBy(metric, logprobs, question.choices);
  if (chosen === null || !gold.includes(chosen)) return 0;
  if (metric !== "mc1") return 1;
  return logprobs.every((one, i) => i === chosen || one < logprobs[chosen]!) ? 1 : 0;
}

/** Index of the choice that a metric takes, the first of equal ones; null when every sum is NaN. */
export function chosenBy(
  metric: LikelihoodMetric,
  logprobs: readonly number[],
  choices: readonly string[],
): number | null {
  let best: number | null = null;
  const values = logprobs.map((sum, i) => sum / lengthBy(metric, choices[i]!));
  values.forEach((value, i) => {
    if (!Number.isNaN(value) && (best === null || value > values[best]!)) best = i;
  });
  return best;
}

function lengthBy(metric: LikelihoodMetric, choice: string): number {
  if (metric === "acc_norm") return [...choice].length;
  return metric === "acc_bytes" ? Buffer.byteLength(choice, "utf8") : 1;
}

/** By log-sum-exp; 0 where no choice has a probability. */
function shareOf(logprobs: readonly number[], gold: readonly number[]): number {
  const highest = Math.max(...logprobs);
  if (!Number.isFinite(highest)) return 0;
  const shares = logprobs.map((logprob) => Math.exp(logprob - highest));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return gold.reduce((sum, index) => sum + shares[index]!, 0) / total;
}

/**
 * Mean and standard error: sample standard deviation / sqrt(n), which for shares is sqrt(p (1 - p) / (n - 1)).
 * @param scores at least one
 */
export function meanScore(scores: readonly number[]): MeanScore {
  const n = scores.length;
  const mean = scores.reduce((sum, score) => sum + score, 0) / n;
  if (n === 1) return { mean, stderr: null };
  const squares = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0);
  return { mean, stderr: Math.sqrt(squares / (n - 1) / n) };
}

/**
 * The mean of a group's tasks, weighted by their questions, with the pooled standard error
 * sqrt(sum((n_i - 1) se_i^2 n_i / (N - k)) / N), and the plain mean over tasks.
 * @param parts at least one
 * @see lm-evaluation-harness 0.4, api/metrics.py, pooled_sample_stderr
 */
export function groupMean(parts: readonly GroupPart[]): MeanScore & { plainMean: number } {
  const total = parts.reduce((sum, { n }) => sum + n, 0);
  const weighted = parts.reduce((sum, { mean, n }) => sum + mean * n, 0) / total;
  const plainMean = parts.reduce((sum, { mean }) => sum + mean, 0) / parts.length;
  const freedom = total - parts.length;
  if (freedom === 0) return { mean: weighted, stderr: null, plainMean };
  const variance = parts.reduce((sum, { stderr, n }) => sum + ((n - 1) * (stderr ?? 0) ** 2 * n) / freedom, 0);
  return { mean: weighted, stderr: Math.sqrt(variance / total), plainMean };
}
