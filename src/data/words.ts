/**
 * The words of a text, as deduplication and the contamination check compare them: runs of letters, marks and digits,
 * in lower case after Unicode normalisation (NFKC, so that ligatures and full-width digits fold).
 */
export function words(text: string): string[] {
  return (
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  );
}
