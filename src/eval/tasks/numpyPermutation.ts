const SIZE = 624;
const SHIFT = 397;

/**
 * What numpy's `RandomState(seed).permutation` makes of a list, so that prompts that a Python harness shuffled can be
 * written again: Fisher-Yates from the end, each index drawn by masking 32-bit outputs of MT19937 and dropping those too
 * large.
 * @param seed an integer from 0 to 2^32 - 1
 * @returns a new list
 * @see Matsumoto & Nishimura 1998, Mersenne Twister
 */
export function numpyPermutation<T>(items: readonly T[], seed: number): T[] {
  const result = [...items];
  const next = mersenneTwister(seed);
  for (let i = result.length - 1; i > 0; i--) {
    const mask = 2 ** (32 - Math.clz32(i)) - 1;
    let j = next() & mask;
    while (j > i) j = next() & mask;
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

/** 32-bit outputs of MT19937, as signed integers. */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) {
    const before = state[i - 1]!;
    state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
  }
  let at = SIZE;
  return () => {
    if (at === SIZE) {
      twist(state);
      at = 0;
    }
    return temper(state[at++]!);
  };
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < SIZE; i++) {
    const bits = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff);
    state[i] = state[(i + SHIFT) % SIZE]! ^ (bits >>> 1) ^ ((bits & 1) * 0x9908b0df);
  }
}

function temper(value: number): number {
  let y = value ^ (value >>> 11);
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return y ^ (y >>> 18);
}
