/** Longer words get no suggestion: the distance takes quadratic time. */
const LONGEST_WORD = 64;

/**
 * The candidate that was probably meant by a misspelt or shortened word.
 *
 * Nearest by {@link editDistance}, at most 40% of the longer word's letters away; a whole part of a candidate between
 * underscores ("epochs" of "num_epochs") counts as one edit. Case does not matter; of equals, the first one wins.
 */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length === 0 || word.length > LONGEST_WORD) return undefined;
  const written = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const isPart = `_${known}_`.includes(`_${written}_`) && known !== written;
    const distance = isPart ? 1 : editDistance(written, known);
    if (distance > 0.4 * Math.max(written.length, known.length) && !isPart) continue;
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/**
 * Edits that turn a into b: insertions, deletions, substitutions and swaps of two neighbours (Damerau-Levenshtein in its
 * optimal string alignment form, where no part is edited twice).
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(substitution, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        distance = Math.min(distance, beforeLast[j - 2]! + 1);
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
