import { quantile } from "../eval/intervals.js";

/** Scores of tokens, [tokens] each, in the order of the text. */
export interface TokenScores {
  logprobs: Float64Array;
}

/** The same with those of a reference. */
export interface ComparedScores extends TokenScores {
  referenceLogprobs: Float64Array;
  divergences: Float64Array;
  sameTop: Uint8Array;
}

/**
 * A number and its standard error, as if tokens were drawn independently: neighbours are alike, so that the true error is
 * somewhat larger.
 */
export interface Estimate {
  value: number;
  error: number;
}

/** How far a model is from its reference, token by token. Shares and probabilities are in 0..1. */
export interface ModelDifference {
  referencePerplexity: Estimate;
  /** Perplexity over the reference's, its error from the paired differences of the tokens. */
  ratio: Estimate;
  /** KL(reference || model) over the vocabulary, in nats: the mean over tokens and quantiles of them. */
  divergence: { mean: Estimate; median: number; p90: number; p95: number; p99: number; p999: number; max: number };
  /** Share of tokens whose likeliest candidate is the same. */
  topAgreement: Estimate;
  /** p(token) of the model less that of the reference. */
  probabilityChange: { mean: Estimate; rms: Estimate };
}

/**
 * Perplexity: exp of the mean negative log-probability of the scored tokens.
 * @param logprobs at least one
 */
export function perplexityOf(logprobs: Float64Array): Estimate {
  return exponential(meanOf(logprobs.map((logprob) => -logprob)));
}

/** @param scores at least one token */
export function compareScores(scores: ComparedScores): ModelDifference {
  const { logprobs, referenceLogprobs, divergences, sameTop } = scores;
  const sorted = divergences.slice().sort();
  const changes = logprobs.map((logprob, i) => Math.exp(logprob) - Math.exp(referenceLogprobs[i]!));
  const square = meanOf(changes.map((change) => change * change));
  const rms = Math.sqrt(square.value);
  return {
    referencePerplexity: perplexityOf(referenceLogprobs),
    ratio: exponential(meanOf(logprobs.map((logprob, i) => referenceLogprobs[i]! - logprob))),
    divergence: {
      mean: meanOf(divergences),
      median: quantile(sorted, 0.5),
      p90: quantile(sorted, 0.9),
      p95: quantile(sorted, 0.95),
      p99: quantile(sorted, 0.99),
      p999: quantile(sorted, 0.999),
      max: quantile(sorted, 1),
    },
    topAgreement: meanOf(Float64Array.from(sameTop)),
    probabilityChange: { mean: meanOf(changes), rms: { value: rms, error: rms === 0 ? 0 : square.error / (2 * rms) } },
  };
}

/** exp(x), its error to first order. */
function exponential({ value, error }: Estimate): Estimate {
  return { value: Math.exp(value), error: Math.exp(value) * error };
}

/** The mean and sqrt(sum of squared deviations / n / (n - 1)); an error of 0 for a single value. */
function meanOf(values: Float64Array): Estimate {
  const n = values.length;
  const value = values.reduce((sum, one) => sum + one, 0) / n;
  const squares = values.reduce((sum, one) => sum + (one - value) ** 2, 0);
  return { value, error: n === 1 ? 0 : Math.sqrt(squares / n / (n - 1)) };
}
