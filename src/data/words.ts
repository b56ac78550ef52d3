import { limitMarks } from "./text/marks.js";

/**
 * The words of a text, as deduplication and the contamination check compare them: runs of letters, marks and digits,
 * in lower case after Unicode normalisation (NFKC, so that ligatures and full-width digits fold). Of a run of combining
 * marks the first 30 count, so that the work is linear.
 */
export function words(text: string): string[] {
  return (
    limitMarks(text)
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  );
}
