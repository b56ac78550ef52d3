/**
 * A small seeded generator: the same seed gives the same numbers on every machine and Node version.
 *
 * xoshiro128** with 128 bits of state, filled from the seed by SplitMix32 (a Weyl sequence through MurmurHash3's
 * finaliser). For sampling and shuffling, not for secrets.
 * @see Blackman & Vigna 2021, Scrambled Linear Pseudorandom Number Generators
 */
export class SeededRandom {
  readonly #state: Uint32Array;

  /** @param seed an integer from 0 to 2^32 - 1; other numbers are taken modulo 2^32 */
  constructor(seed: number) {
    this.#state = splitMix32(seed);
  }

  /** The next integer, uniform over 0 to 2^32 - 1. */
  uint32(): number {
    const s = this.#state;
    // By index: an array pattern would go through the iterator.
    const s0 = s[0]!;
    const s1 = s[1]!;
    const s2 = s[2]!;
    const s3 = s[3]!;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t2 = s2 ^ s0;
    const t3 = s3 ^ s1;
    s[0] = s0 ^ t3;
    s[1] = s1 ^ t2;
    s[2] = t2 ^ (s1 << 9);
    s[3] = rotateLeft(t3, 11);
    return result;
  }

  /** An integer, uniform over 0 to `bound` - 1; `bound` from 1 to 2^32. */
  below(bound: number): number {
    // Numbers past the last whole multiple of the bound would favour the small remainders.
    const limit = Math.floor(2 ** 32 / bound) * bound;
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    // The remainder, exactly: below 2^32 the quotient is off an integer by more than its rounding. `%` takes far longer.
    return value - Math.floor(value / bound) * bound;
  }

  /** Shuffles in place (Fisher-Yates from the end) and returns the same array. */
  shuffle<T>(items: T[]): T[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      const kept = items[last] as T;
      items[last] = items[other] as T;
      items[other] = kept;
    }
    return items;
  }
}

function splitMix32(seed: number): Uint32Array {
  const state = new Uint32Array(4);
  let counter = seed >>> 0;
  for (let i = 0; i < state.length; i++) {
    counter = (counter + 0x9e3779b9) >>> 0;
    let word = counter;
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    state[i] = word ^ (word >>> 16);
  }
  return state;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
