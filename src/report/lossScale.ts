import { MediloraError } from "../errors.js";

export { niceTicks, tickDigits } from "./ticks.js";

/** One logged step of a training run. */
export interface LossPoint {
  /** Optimizer step. */
  step: number;
  /** Mean training loss of a labelled token, in nats. NaN leaves a gap. */
  loss: number;
  /** Passes over the data so far, as a fraction. */
  epoch?: number;
  /** Of this step's update. */
  learningRate?: number;
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
 * An exponential moving average, divided by the weight seen so far: it starts at the first value, not at 0. A value that
 * is not finite gives NaN and does not count.
 */
export class MovingAverage {
  #sum = 0;
  #weight = 0;

  add(value: number): number {
    if (!Number.isFinite(value)) return Number.NaN;
    this.#sum = EMA_DECAY * this.#sum + (1 - EMA_DECAY) * value;
    this.#weight = EMA_DECAY * this.#weight + (1 - EMA_DECAY);
    return this.#sum / this.#weight;
  }
}

/** The losses' {@link MovingAverage}; a gap stays one. */
export function movingAverage(points: readonly LossPoint[]): XY[] {
  const average = new MovingAverage();
  return points.map(({ step, loss }) => ({ x: step, y: average.add(loss) }));
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
