/**
 * What Python's str.strip() takes for white space. String.trim() differs: it leaves U+001C to U+001F and U+0085, and
 * takes U+FEFF. The prompts of lm-evaluation-harness depend on it.
 */
const WHITE_SPACE = new Set(
  "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
    "\u2028\u2029\u202f\u205f\u3000",
);

/** The text without the white space around it, as Python's strip(). */
export function strip(text: string): string {
  let start = 0;
  while (start < text.length && WHITE_SPACE.has(text[start] as string)) start += 1;
  return stripEnd(text.slice(start));
}

/** The text without the white space at its end, as Python's rstrip(). */
export function stripEnd(text: string): string {
  // Not /\s+$/, whose time grows with the square of a run of spaces inside the text.
  let end = text.length;
  while (end > 0 && WHITE_SPACE.has(text[end - 1] as string)) end -= 1;
  return text.slice(0, end);
}
