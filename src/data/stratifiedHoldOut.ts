import { MediloraError } from "../errors.js";
import { SeededRandom } from "../util/random.js";

/**
 * Chooses `size` of the ids of several groups, the groups' shares kept: each gives its share by largest remainder (ties go
 * to the earlier group), and which ids it gives is drawn with {@link SeededRandom} from their sorted order, so that the
 * order in which they come does not matter.
 * @param groups ids by label, in the order of the labels
 * @throws MediloraError `ARGUMENT_INVALID` when that leaves no record to train on
 */
export function stratifiedHoldOut(groups: readonly string[][], size: number, seed: number): Set<string> {
  const total = groups.reduce((sum, group) => sum + group.length, 0);
  if (size >= total)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `evalSize is ${size}, but only ${total} records are usable and one must be left to train on. Lower it.`,
    );
  const quotas = groups.map((group) => Math.floor((size * group.length) / total));
  const open = size - quotas.reduce((sum, quota) => sum + quota, 0);
  // Array.sort is stable, so equal remainders keep the order of the groups.
  const byRemainder = groups
    .map((group, index) => ({ index, rest: (size * group.length) % total }))
    .sort((a, b) => b.rest - a.rest);
  for (const { index } of byRemainder.slice(0, open)) quotas[index] = (quotas[index] as number) + 1;
  const random = new SeededRandom(seed);
  return new Set(groups.flatMap((group, index) => random.shuffle([...group].sort()).slice(0, quotas[index])));
}
