/** How the answers to one question voted. */
export interface Vote {
  /** The label of each answer, in the order in which they are numbered; null for an invalid one. */
  ballots: Array<string | null>;
  /** Votes of the winner / valid votes; null when no answer is valid. */
  share: number | null;
  /** Whether another label had as many votes. */
  isTie: boolean;
}

/**
 * Majority of labels; an invalid answer (null) does not vote. Of labels with equally many votes the one wins whose first
 * vote has the lowest number: this favours no label over another, and needs no further chance.
 * @param ballots at least one
 * @returns the winner, null when no ballot is valid, and the number of its first ballot (0 without a winner)
 */
export function majority(ballots: ReadonlyArray<string | null>): { winner: string | null; first: number; vote: Vote } {
  const counts = new Map<string, number>();
  for (const label of ballots) if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1);
  const valid = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const most = Math.max(...counts.values());
  // A Map keeps the order of first votes.
  const leaders = [...counts].filter(([, count]) => count === most).map(([label]) => label);
  const winner = leaders[0] ?? null;
  return {
    winner,
    first: Math.max(0, ballots.indexOf(winner)),
    vote: { ballots: [...ballots], share: winner === null ? null : most / valid, isTie: leaders.length > 1 },
  };
}
