import { type Interval, wilson } from "../../eval/intervals.js";
import type { LikelihoodReport } from "../resultSchema.js";

/** Questions whose likeliest choice got a probability in a tenth of 0..1. */
export interface CalibrationBin {
  low: number;
  high: number;
  n: number;
  /** Mean probability of the likeliest choice. */
  confidence: number;
  /** Share of the questions whose likeliest choice is right, with its Wilson interval. */
  accuracy: number;
  interval: Interval;
}

export interface Calibration {
  n: number;
  /** Questions left out: of several right choices, or of which no choice had a probability. */
  leftOut: number;
  /** Without empty ones. */
  bins: CalibrationBin[];
  /** Expected calibration error: mean over questions of |accuracy - confidence| of their bin. */
  error: number;
}

const BINS = 10;

/**
 * How well the probabilities of the choices fit how often they are right. Probability: softmax over the sums of the choices'
 * log-probabilities, whatever metric the task's headline is; ten bins of equal width, the upper end part of a bin.
 * @returns null where no question can be used
 * @see Guo et al. 2017, On Calibration of Modern Neural Networks, section 2
 */
export function calibrationOf({ items }: Pick<LikelihoodReport, "items">): Calibration | null {
  const points = items.flatMap(({ logprobs, gold }) => {
    const highest = Math.max(...logprobs);
    if (gold.length !== 1 || !Number.isFinite(highest)) return [];
    const total = logprobs.reduce((sum, logprob) => sum + Math.exp(logprob - highest), 0);
    return [{ confidence: 1 / total, isRight: logprobs.indexOf(highest) === gold[0] }];
  });
  if (points.length === 0) return null;
  const bins = Array.from({ length: BINS }, (_, bin) => {
    const inside = points.filter(({ confidence }) => binOf(confidence) === bin);
    return inside.length === 0 ? [] : [toBin(bin, inside)];
  }).flat();
  const n = points.length;
  const error = bins.reduce((sum, bin) => sum + bin.n * Math.abs(bin.accuracy - bin.confidence), 0) / n;
  return { n, leftOut: items.length - n, bins, error };
}

function binOf(confidence: number): number {
  return Math.min(BINS - 1, Math.ceil(confidence * BINS) - 1);
}

function toBin(bin: number, points: ReadonlyArray<{ confidence: number; isRight: boolean }>): CalibrationBin {
  const n = points.length;
  const right = points.filter(({ isRight }) => isRight).length;
  return {
    low: bin / BINS,
    high: (bin + 1) / BINS,
    n,
    confidence: points.reduce((sum, { confidence }) => sum + confidence, 0) / n,
    accuracy: right / n,
    interval: wilson(right, n),
  };
}
