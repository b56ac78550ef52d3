import { MediloraError } from "../errors.js";
import { SeededRandom } from "../util/random.js";

/** The label of a position that predicts nothing, as in PyTorch's cross-entropy. */
export const IGNORE_LABEL = -100;

/** A training row as tokens; `n` is their number. */
export interface TokenizedSample {
  /** [n] token ids. */
  readonly tokens: Int32Array;
  /** [n] 1 where the token is to be learnt, else 0. The first token is never a target: nothing stands before it. */
  readonly labelMask: Uint8Array;
}

/** One micro-batch: several samples end to end. All arrays have one element a token. */
export interface Batch {
  tokens: Int32Array;
  /** Position inside the sample: restarts at 0 with each. */
  positions: Int32Array;
  /** Number of the sample inside the batch; attention never crosses it. */
  sequences: Int32Array;
  /** The token that this position must predict, already shifted, or {@link IGNORE_LABEL}. */
  labels: Int32Array;
}

export interface PackingOptions {
  /** Most tokens of a bin. */
  sequenceLen: number;
  /** Several samples a bin; without, each sample is a bin of its own, in the given order. */
  samplePacking: boolean;
}

/**
 * Puts samples into bins of at most `sequenceLen` tokens by first-fit-decreasing: longest first, each into the first
 * bin with room. Deterministic; samples of equal length keep their order. O(n log n).
 * @returns the bins, each a list of sample indexes; every sample stands in exactly one
 * @throws MediloraError `CONTEXT_EXCEEDED` for a sample longer than a bin, `DATA_INVALID` for one without tokens or with
 *   a mask of another length, `DATA_EMPTY` without samples, `LABELS_EMPTY` when no sample has anything to learn
 * @see Johnson et al. 1974, Worst-case performance bounds for simple one-dimensional packing algorithms
 */
export function packSamples(samples: readonly TokenizedSample[], options: PackingOptions): number[][] {
  checkSamples(samples, options.sequenceLen);
  if (!options.samplePacking) return samples.map((_, index) => [index]);
  const order = samples.map((_, index) => index);
  order.sort((a, b) => samples[b]!.tokens.length - samples[a]!.tokens.length || a - b);
  const room = new RoomTree(samples.length, options.sequenceLen);
  const bins: number[][] = [];
  for (const index of order) {
    const bin = room.take(samples[index]!.tokens.length);
    if (bin === bins.length) bins.push([]);
    bins[bin]!.push(index);
  }
  return bins;
}

function checkSamples(samples: readonly TokenizedSample[], sequenceLen: number): void {
  if (!Number.isInteger(sequenceLen) || sequenceLen < 1)
    throw new MediloraError("ARGUMENT_INVALID", `sequence_len must be a positive integer; it is ${sequenceLen}.`);
  if (samples.length === 0)
    throw new MediloraError("DATA_EMPTY", "There is no sample to train on. Check the datasets.");
  let labelled = false;
  samples.forEach(({ tokens, labelMask }, index) => {
    if (tokens.length === 0)
      throw new MediloraError("DATA_INVALID", `Sample ${index} has no tokens. Remove it from the data set.`);
    if (labelMask.length !== tokens.length)
      throw new MediloraError(
        "DATA_INVALID",
        `Sample ${index} has ${tokens.length} tokens and a label mask of ${labelMask.length}. Make them equally long.`,
      );
    if (tokens.length > sequenceLen)
      throw new MediloraError(
        "CONTEXT_EXCEEDED",
        `Sample ${index} has ${tokens.length} tokens, sequence_len is ${sequenceLen}. Raise sequence_len, or shorten or remove the sample.`,
      );
    labelled ||= labelMask.some((mask, position) => mask !== 0 && position > 0);
  });
  if (!labelled)
    throw new MediloraError(
      "LABELS_EMPTY",
      `None of the ${samples.length} samples has a token to learn. Check the dataset's type, roles and label_span.`,
    );
}

/** The room left in each bin, as a binary tree of maxima: finds the first bin with enough of it in O(log n). */
class RoomTree {
  readonly #leaves: number;
  readonly #max: Int32Array;

  /** As many bins as there can be; the unopened ones are all room, so first fit opens them in order. */
  constructor(bins: number, room: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(bins));
    this.#max = new Int32Array(2 * this.#leaves).fill(room);
  }

  /** Takes `size` from the first bin that has it. @returns the bin */
  take(size: number): number {
    const max = this.#max;
    let node = 1;
    while (node < this.#leaves) node = max[2 * node]! >= size ? 2 * node : 2 * node + 1;
    const bin = node - this.#leaves;
    max[node]! -= size;
    for (node >>= 1; node >= 1; node >>= 1) max[node] = Math.max(max[2 * node]!, max[2 * node + 1]!);
    return bin;
  }
}

/**
 * Lays the samples of some bins end to end as one micro-batch of micro_batch_size bins.
 *
 * labels[i] = tokens[i + 1] where the mask of i + 1 is set, else {@link IGNORE_LABEL}; the last position of each sample
 * predicts nothing, so the first token of a sample is never a target.
 * @throws MediloraError `ARGUMENT_INVALID` when a bin names a sample that is not there
 */
export function assembleBatch(samples: readonly TokenizedSample[], bins: ReadonlyArray<readonly number[]>): Batch {
  const chosen = bins.flat().map((index) => {
    const sample = samples[index];
    if (!sample)
      throw new MediloraError("ARGUMENT_INVALID", `There is no sample ${index}; there are ${samples.length}.`);
    return sample;
  });
  const length = chosen.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const batch: Batch = {
    tokens: new Int32Array(length),
    positions: new Int32Array(length),
    sequences: new Int32Array(length),
    labels: new Int32Array(length).fill(IGNORE_LABEL),
  };
  let start = 0;
  chosen.forEach(({ tokens, labelMask }, sequence) => {
    const end = start + tokens.length;
    batch.tokens.set(tokens, start);
    batch.sequences.fill(sequence, start, end);
    for (let i = 0; i < tokens.length; i++) {
      batch.positions[start + i] = i;
      if (labelMask[i + 1]) batch.labels[start + i] = tokens[i + 1]!;
    }
    start = end;
  });
  return batch;
}

/** Tokens of samples, and how many of them are targets; what {@link assembleBatch} of all of them would hold. */
export function countTokens(samples: readonly TokenizedSample[]): { tokens: number; labelTokens: number } {
  let tokens = 0;
  let labelTokens = 0;
  for (const sample of samples) {
    tokens += sample.tokens.length;
    for (let i = 1; i < sample.labelMask.length; i++) if (sample.labelMask[i]) labelTokens += 1;
  }
  return { tokens, labelTokens };
}

/** Positions of a batch that have something to predict. */
export function labelCount(batch: Batch): number {
  return batch.labels.reduce((count, label) => count + (label === IGNORE_LABEL ? 0 : 1), 0);
}

/**
 * The order in which one epoch visits `count` things (bins or samples): a permutation that seed and epoch determine, so
 * that a resumed run goes on with the same one.
 * @param seed  an integer from 0 to 2^32 - 1
 * @param epoch counted from 0
 */
export function epochOrder(count: number, seed: number, epoch: number): Int32Array {
  // Not seed + epoch: runs with neighbouring seeds would share their orders, one epoch apart.
  const random = new SeededRandom(seed ^ Math.imul(epoch + 1, 0x85ebca6b));
  return Int32Array.from(random.shuffle(Array.from({ length: count }, (_, index) => index)));
}
