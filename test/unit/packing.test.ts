import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assembleBatch,
  epochOrder,
  IGNORE_LABEL,
  labelCount,
  packSamples,
  type TokenizedSample,
} from "../../dist/train/packing.js";
import { SeededRandom } from "../../dist/util/random.js";

function sample(tokens: number[], mask: number[] = tokens.map(() => 1)): TokenizedSample {
  return { tokens: Int32Array.from(tokens), labelMask: Uint8Array.from(mask) };
}

function ofLength(length: number): TokenizedSample {
  return { tokens: new Int32Array(length).fill(7), labelMask: new Uint8Array(length).fill(1) };
}

function lengthOf(bin: readonly number[], samples: readonly TokenizedSample[]): number {
  return bin.reduce((sum, index) => sum + samples[index]!.tokens.length, 0);
}

function checkPartition(bins: number[][], samples: readonly TokenizedSample[], sequenceLen: number): void {
  const seen = new Uint8Array(samples.length);
  for (const bin of bins) {
    assert.ok(bin.length > 0);
    assert.ok(lengthOf(bin, samples) <= sequenceLen, "a bin is over the limit");
    for (const index of bin) seen[index]! += 1;
  }
  assert.ok(
    seen.every((times) => times === 1),
    "a sample is missing or stands twice",
  );
}

/** First-fit-decreasing as a textbook writes it. */
function plainFirstFit(samples: readonly TokenizedSample[], sequenceLen: number): number[][] {
  const order = samples.map((_, index) => index);
  order.sort((a, b) => samples[b]!.tokens.length - samples[a]!.tokens.length);
  const bins: number[][] = [];
  for (const index of order) {
    const size = samples[index]!.tokens.length;
    const bin = bins.find((one) => lengthOf(one, samples) + size <= sequenceLen);
    if (bin) bin.push(index);
    else bins.push([index]);
  }
  return bins;
}

test("first-fit-decreasing on a case worked out by hand", () => {
  // Lengths 4 8 1 4 2 1 into 10, longest first: 8 and later the 2; 4 and 4 and later the two of 1.
  const samples = [4, 8, 1, 4, 2, 1].map(ofLength);
  assert.deepEqual(packSamples(samples, { sequenceLen: 10, samplePacking: true }), [
    [1, 4],
    [0, 3, 2, 5],
  ]);
});

test("a sample may fill its bin to the last token", () => {
  const samples = [5, 5, 5].map(ofLength);
  assert.deepEqual(packSamples(samples, { sequenceLen: 5, samplePacking: true }), [[0], [1], [2]]);
  assert.deepEqual(packSamples(samples, { sequenceLen: 10, samplePacking: true }), [[0, 1], [2]]);
});

test("without packing, one sample a bin in the given order", () => {
  const samples = [2, 9, 4].map(ofLength);
  assert.deepEqual(packSamples(samples, { sequenceLen: 9, samplePacking: false }), [[0], [1], [2]]);
});

test("property: random sets are partitioned as the plain algorithm does it", () => {
  const random = new SeededRandom(20260101);
  for (let round = 0; round < 200; round++) {
    const sequenceLen = 1 + random.below(64);
    const samples = Array.from({ length: 1 + random.below(120) }, () => ofLength(1 + random.below(sequenceLen)));
    // A sample of one token has no target; give the set one that has.
    samples.push(ofLength(Math.max(2, sequenceLen)));
    const limit = Math.max(2, sequenceLen);
    const bins = packSamples(samples, { sequenceLen: limit, samplePacking: true });
    checkPartition(bins, samples, limit);
    assert.deepEqual(bins, plainFirstFit(samples, limit));
    assert.deepEqual(bins, packSamples(samples, { sequenceLen: limit, samplePacking: true }));
  }
});

test("100,000 samples are packed, close to the least number of bins", () => {
  const random = new SeededRandom(5);
  const shared = Array.from({ length: 400 }, (_, i) => ofLength(i + 1));
  const samples = Array.from({ length: 100_000 }, () => shared[random.below(400)]!);
  const bins = packSamples(samples, { sequenceLen: 512, samplePacking: true });
  checkPartition(bins, samples, 512);
  const total = samples.reduce((sum, { tokens }) => sum + tokens.length, 0);
  assert.ok(bins.length <= 1.01 * Math.ceil(total / 512), `${bins.length} bins for ${total} tokens`);
});

test("a sample that is too long is named with its length and what to do", () => {
  for (const samplePacking of [true, false])
    assert.throws(() => packSamples([3, 12, 4].map(ofLength), { sequenceLen: 11, samplePacking }), {
      code: "CONTEXT_EXCEEDED",
      message: /Sample 1 has 12 tokens, sequence_len is 11\. Raise sequence_len/,
    });
});

test("sets that cannot be trained on are refused", () => {
  const options = { sequenceLen: 8, samplePacking: true };
  assert.throws(() => packSamples([], options), { code: "DATA_EMPTY" });
  assert.throws(() => packSamples([sample([1, 2]), sample([])], options), {
    code: "DATA_INVALID",
    message: /Sample 1/,
  });
  assert.throws(() => packSamples([sample([1, 2], [1])], options), { code: "DATA_INVALID", message: /Sample 0/ });
  assert.throws(() => packSamples([sample([1])], { sequenceLen: 0, samplePacking: true }), {
    code: "ARGUMENT_INVALID",
  });
});

test("no label in the whole set is an error; in one sample it is not", () => {
  const options = { sequenceLen: 8, samplePacking: true };
  const silent = sample([1, 2, 3], [0, 0, 0]);
  assert.throws(() => packSamples([silent, silent], options), { code: "LABELS_EMPTY" });
  // The mask of a first token counts for nothing: no position predicts it.
  assert.throws(() => packSamples([sample([1, 2], [1, 0])], options), { code: "LABELS_EMPTY" });
  assert.deepEqual(packSamples([silent, sample([4, 5])], options), [[0, 1]]);
});

test("a batch is laid out token by token", () => {
  const samples = [sample([10, 11, 12], [0, 1, 1]), sample([20, 21], [1, 0]), sample([30, 31, 32, 33], [1, 0, 1, 0])];
  const batch = assembleBatch(samples, [[2], [0, 1]]);
  assert.deepEqual([...batch.tokens], [30, 31, 32, 33, 10, 11, 12, 20, 21]);
  assert.deepEqual([...batch.positions], [0, 1, 2, 3, 0, 1, 2, 0, 1]);
  assert.deepEqual([...batch.sequences], [0, 0, 0, 0, 1, 1, 1, 2, 2]);
  assert.deepEqual([...batch.labels], [-100, 32, -100, -100, 11, 12, -100, -100, -100]);
  assert.equal(labelCount(batch), 3);
});

test("property: a label is the next token of the same sample, exactly where the mask says", () => {
  const random = new SeededRandom(99);
  const samples = Array.from({ length: 60 }, (_, i) => {
    const length = 1 + random.below(20);
    // Token 0 is a label like any other.
    return sample(
      Array.from({ length }, (_, at) => (at === 1 ? 0 : 1000 * i + at)),
      Array.from({ length }, () => random.below(2)),
    );
  });
  const bins = packSamples(samples, { sequenceLen: 32, samplePacking: true });
  let labelled = 0;
  for (let first = 0; first < bins.length; first += 2) {
    const micro = bins.slice(first, first + 2);
    const batch = assembleBatch(samples, micro);
    let at = 0;
    for (const index of micro.flat()) {
      const { tokens, labelMask } = samples[index]!;
      for (let i = 0; i < tokens.length; i++, at++) {
        assert.equal(batch.tokens[at], tokens[i]);
        assert.equal(batch.labels[at], labelMask[i + 1] === 1 ? tokens[i + 1] : IGNORE_LABEL);
      }
    }
    assert.equal(at, batch.tokens.length);
    labelled += labelCount(batch);
  }
  const expected = samples.reduce((sum, { labelMask }) => sum + labelMask.slice(1).reduce((a, b) => a + b, 0), 0);
  assert.equal(labelled, expected);
});

test("an empty list of bins gives an empty batch, an unknown sample an error", () => {
  assert.equal(assembleBatch([sample([1, 2])], []).tokens.length, 0);
  assert.throws(() => assembleBatch([sample([1, 2])], [[1]]), { code: "ARGUMENT_INVALID", message: /sample 1/ });
});

test("epochOrder is a permutation that seed and epoch determine", () => {
  const order = epochOrder(1000, 42, 0);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [...Array(1000).keys()],
  );
  assert.deepEqual(epochOrder(1000, 42, 0), order);
  const others = [epochOrder(1000, 42, 1), epochOrder(1000, 43, 0), epochOrder(1000, 41, 1), epochOrder(1000, 0, 0)];
  for (const other of others) assert.notDeepEqual(other, order);
  assert.equal(epochOrder(0, 1, 1).length, 0);
  assert.deepEqual([...epochOrder(1, 1, 1)], [0]);
});

test("epochOrder puts each thing first about equally often", () => {
  const first = new Array<number>(5).fill(0);
  for (let epoch = 0; epoch < 5000; epoch++) first[epochOrder(5, 42, epoch)[0]!]! += 1;
  // 1000 each, standard deviation 28.
  for (const times of first) assert.ok(Math.abs(times - 1000) < 170, `${first}`);
});
