import { MediloraError } from "../errors.js";
import { bootstrapCounts } from "./countBootstrap.js";
import { type BootstrapOptions, bootstrap, type Interval } from "./intervals.js";

/** With more kinds of differences than n / this, drawing questions is faster than drawing the kinds' numbers. */
const LEAST_OF_A_KIND = 16;

/**
 * The difference mean(a) - mean(b) of two models' scores on the same questions, with its bootstrap interval: questions
 * are drawn, so both scores of a question stay together.
 * @param a scores of the first model; a[i] and b[i] belong to the same question
 * @throws MediloraError `ARGUMENT_INVALID` for lists of different length, empty ones or scores that are not finite
 */
export function pairedBootstrapDifference(
  a: Float64Array | readonly number[],
  b: Float64Array | readonly number[],
  options: BootstrapOptions = {},
): Interval & { difference: number } {
  if (a.length !== b.length)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `Paired scores must be equally many; there are ${a.length} and ${b.length}. Compare the same questions.`,
    );
  const differences = Float64Array.from(a, (score, i) => score - b[i]!);
  const n = differences.length;
  const difference = differences.reduce((sum, one) => sum + one, 0) / n;
  const kinds = new Map<number, number>();
  for (const one of differences) kinds.set(one, (kinds.get(one) ?? 0) + 1);
  if (kinds.size * LEAST_OF_A_KIND > n) return { difference, ...bootstrap(n, meanOf(differences), options) };
  const values = [...kinds.keys()];
  const mean = (counts: Float64Array) => counts.reduce((sum, count, kind) => sum + count * values[kind]!, 0) / n;
  return { difference, ...bootstrapCounts([...kinds.values()], mean, options) };
}

function meanOf(scores: Float64Array): (indices: Int32Array) => number {
  return (indices) => {
    let sum = 0;
    for (const index of indices) sum += scores[index]!;
    return sum / indices.length;
  };
}
