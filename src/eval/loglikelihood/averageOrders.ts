import type { Order } from "../strategies/shuffling.js";
import type { StoredScore } from "./storedScore.js";

/** The score of a question with its options in another order: `order[place]` is the option's index in the data. */
export type OrderedScore = StoredScore & { order: Order };

/**
 * Of several orders of a question's options, each option's mean probability among the options: in each order the
 * probabilities of the letters are made to add up to 1, and go back to the options that stood there. The logprobs are the
 * logarithms of the means.
 *
 * A letter whose sum is not a number counts as impossible; an order in which all are impossible counts for none, yet in the
 * divisor.
 * @param scores at least one, of equally many options
 * @returns in the data's order of the options; id and promptSha256 are the first score's
 */
export function averageOrders(scores: readonly OrderedScore[]): StoredScore {
  const [first] = scores as [OrderedScore];
  const means = first.order.map(() => 0);
  const isGreedy = first.order.map(() => true);
  const tokens = first.order.map(() => 0);
  for (const score of scores) {
    const shares = sharesOf(score.logprobs);
    score.order.forEach((option, place) => {
      means[option]! += shares[place]! / scores.length;
      isGreedy[option] &&= score.isGreedy[place]!;
      tokens[option] = Math.max(tokens[option]!, score.tokens[place]!);
    });
  }
  return {
    id: first.id,
    promptSha256: first.promptSha256,
    logprobs: means.map(Math.log),
    isGreedy,
    tokens,
    cut: Math.max(...scores.map(({ cut }) => cut)),
    seconds: Math.max(...scores.map(({ seconds }) => seconds)),
  };
}

/** Softmax; all 0 where no sum is a finite number. */
function sharesOf(logprobs: readonly number[]): number[] {
  const known = logprobs.map((sum) => (Number.isNaN(sum) ? Number.NEGATIVE_INFINITY : sum));
  const highest = Math.max(...known);
  if (!Number.isFinite(highest)) return known.map(() => 0);
  const shares = known.map((sum) => Math.exp(sum - highest));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}
