const OPEN = "[**";
const CLOSE = "**]";
/** Longer than any real one; what is longer is a marker that was never closed. */
const MAX_CONTENT = 200;

export interface PlaceholderSpan {
  start: number;
  end: number;
  /** What stands between the markers; undefined for a marker without its counterpart. */
  content?: string;
}

/**
 * The placeholders of a text in order, and the markers without counterpart. An opening marker belongs to the next closing
 * one unless another opening one, or more than 200 characters, come first.
 *
 * Each search starts where the last one of its kind ended, so that the work is linear in the length of the text.
 */
export function* placeholderSpans(text: string): Generator<PlaceholderSpan> {
  let at = 0;
  let open = text.indexOf(OPEN);
  let close = text.indexOf(CLOSE);
  while (open !== -1 || close !== -1) {
    if (close !== -1 && (open === -1 || close < open)) {
      at = close + CLOSE.length;
      yield { start: close, end: at };
    } else {
      const start = open + OPEN.length;
      open = text.indexOf(OPEN, start);
      if (close !== -1 && close < start) close = text.indexOf(CLOSE, start);
      const whole = close !== -1 && close - start <= MAX_CONTENT && (open === -1 || close < open);
      at = whole ? close + CLOSE.length : start;
      yield whole
        ? { start: start - OPEN.length, end: at, content: text.slice(start, close) }
        : { start: start - OPEN.length, end: at };
    }
    if (open !== -1 && open < at) open = text.indexOf(OPEN, at);
    if (close !== -1 && close < at) close = text.indexOf(CLOSE, at);
  }
}
