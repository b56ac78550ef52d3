const OPEN = "[**";
const CLOSE = "**]";
/** Longer than any real one; what is longer is a marker that was never closed. */
const MAX_CONTENT = 200;

/** What a placeholder without its end surely holds: a date, or the words that name a kind; and what is left of its end. */
const UNCLOSED =
  /(\d{1,4}(?:[-/]\d{1,4}){1,2}|(?:(?:Known|Last|First|Doctor|Name|lastname|firstname|Initials|Hospital|Ward|Unit|Location|Street|Address|Country|State|Company|Telephone|Fax|Numeric|Medical|Record|Number|Identifier|Job|Pager|Age over|Month|Date|Year|Day)\d{0,2}[ /]?){1,4}(?:\(\w{1,16}(?: \w{1,16})?\) ?)?\d{0,6})(?: {0,2}(?:\*{1,2}\]?|\]))?/y;

export interface PlaceholderSpan {
  start: number;
  end: number;
  /** What stands between the markers; undefined for a marker without its counterpart. */
  content?: string;
}

/**
 * The placeholders of a text in order, and the markers without counterpart. An opening marker belongs to the next closing
 * one unless another opening one, or more than 200 characters, come first. An opening one without counterpart takes with it
 * a date, or the name of a kind, that stands behind it: "[**Last Name (STitle) 1** and left".
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
      if (whole) {
        at = close + CLOSE.length;
        yield { start: start - OPEN.length, end: at, content: text.slice(start, close) };
      } else {
        const unclosed = unclosedSpan(text, start);
        at = unclosed.end;
        yield unclosed;
      }
    }
    if (open !== -1 && open < at) open = text.indexOf(OPEN, at);
    if (close !== -1 && close < at) close = text.indexOf(CLOSE, at);
  }
}

function unclosedSpan(text: string, start: number): PlaceholderSpan {
  UNCLOSED.lastIndex = start;
  const content = UNCLOSED.exec(text)?.[1];
  const marker = { start: start - OPEN.length, end: start };
  return content === undefined ? marker : { ...marker, end: UNCLOSED.lastIndex, content };
}
