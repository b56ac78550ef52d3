import { MediloraError } from "../errors.js";

/** One logged step of a training run. */
export interface LossPoint {
  /** Optimizer step. */
  step: number;
  /** Mean training loss of a labelled token, in nats. NaN leaves a gap. */
  loss: number;
  /** Passes over the data so far, as a fraction. */
  epoch?: number;
  /** Validation loss, where one was measured at this step. */
  evalLoss?: number;
}

export interface XY {
  x: number;
  y: number;
}

export interface Range {
  low: number;
  high: number;
}

/** Weight of the past in the smoothed line. */
const EMA_DECAY = 0.9;

/**
 * The losses' exponential moving average, divided by the weight seen so far: it starts at the first loss, not at 0.
 * A gap stays one and does not count.
 */
export function movingAverage(points: readonly LossPoint[]): XY[] {
  let sum = 0;
  let weight = 0;
  return points.map(({ step, loss }) => {
    if (!Number.isFinite(loss)) return { x: step, y: Number.NaN };
    sum = EMA_DECAY * sum + (1 - EMA_DECAY) * loss;
    weight = EMA_DECAY * weight + (1 - EMA_DECAY);
    return { x: step, y: sum / weight };
  });
}

export function validationPoints(points: readonly LossPoint[]): XY[] {
  return points.flatMap(({ step, evalLoss }) =>
    evalLoss !== undefined && Number.isFinite(evalLoss) ? [{ x: step, y: evalLoss }] : [],
  );
}

/**
 * What the axes must show: never empty, also for a single point or a constant loss.
 * @throws MediloraError `DATA_EMPTY` when no loss is finite
 */
export function lossRanges(points: readonly LossPoint[]): { steps: Range; losses: Range } {
  const losses = rangeOf([...points.map(({ loss }) => loss), ...validationPoints(points).map(({ y }) => y)]);
  if (losses === undefined || !points.some(({ loss }) => Number.isFinite(loss)))
    throw new MediloraError("DATA_EMPTY", "There is no finite loss to draw. Log at least one step.");
  const steps = rangeOf(points.map(({ step }) => step))!;
  return { steps: widened(steps, 1), losses: widened(losses, 0.1) };
}

function rangeOf(values: number[]): Range | undefined {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return undefined;
  return finite.reduce((range, value) => ({ low: Math.min(range.low, value), high: Math.max(range.high, value) }), {
    low: finite[0]!,
    high: finite[0]!,
  });
}

/** Losses that differ by rounding only are constant: between them there is no room for ticks. */
function widened({ low, high }: Range, margin: number): Range {
  const constant = high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high));
  return constant ? { low: low - margin, high: high + margin } : { low, high };
}

/** About `count` round numbers (1, 2 or 5 times a power of ten apart) inside low..high; at least one. */
export function niceTicks({ low, high }: Range, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const ticks: number[] = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) ticks.push(n * step);
  return ticks.length > 0 ? ticks : [low];
}

/** Decimals that tell neighbouring ticks apart. */
export function tickDigits(ticks: readonly number[]): number {
  const gap = ticks.length > 1 ? ticks[1]! - ticks[0]! : 0.01;
  return Math.min(10, Math.max(0, -Math.floor(Math.log10(gap) + 1e-9)));
}
