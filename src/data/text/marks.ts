/** A letter bears 30 marks at most (UAX #15, stream-safe text). The two half-width sound marks become marks under NFKC. */
const MARKS = /([\p{M}\uff9e\uff9f]{30})[\p{M}\uff9e\uff9f]+/gu;

/** Cuts runs of combining marks at 30: normalisation puts a run in order, which takes more than linear time. */
export function limitMarks(text: string): string {
  return text.replace(MARKS, "$1");
}
