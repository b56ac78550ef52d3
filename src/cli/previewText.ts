import { type Batch, IGNORE_LABEL } from "../train/packing.js";
import { visible } from "./visible.js";

/** A run of tokens of one sequence that all carry loss, or all do not. */
export interface Segment {
  text: string;
  loss: boolean;
}

export interface PreviewSequence {
  tokens: number;
  /** Tokens that carry loss. */
  labels: number;
  segments: Segment[];
}

/**
 * The sequences of a packed batch as text, cut where tokens with loss and tokens without meet.
 * @param detokenize the text of tokens, special tokens rendered
 */
export function previewSequences(batch: Batch, detokenize: (tokens: Int32Array) => string): PreviewSequence[] {
  const sequences: PreviewSequence[] = [];
  for (let start = 0; start < batch.tokens.length; ) {
    let end = start + 1;
    while (end < batch.tokens.length && batch.sequences[end] === batch.sequences[start]) end += 1;
    sequences.push(previewSequence(batch, start, end, detokenize));
    start = end;
  }
  return sequences;
}

function previewSequence(
  batch: Batch,
  start: number,
  end: number,
  detokenize: (tokens: Int32Array) => string,
): PreviewSequence {
  // labels[i] is the token that position i predicts, so the loss on token i stands at i - 1.
  const carriesLoss = (i: number) => i > start && batch.labels[i - 1] !== IGNORE_LABEL;
  const segments: Segment[] = [];
  let labels = 0;
  let before = 0;
  for (let i = start; i < end; i++) {
    const loss = carriesLoss(i);
    if (loss) labels += 1;
    if (i + 1 < end && carriesLoss(i + 1) === loss) continue;
    // The text of the tokens so far, less what came before: some vocabularies drop a blank in front of a text.
    const text = detokenize(batch.tokens.subarray(start, i + 1));
    segments.push({ text: text.slice(before), loss });
    before = text.length;
  }
  return { tokens: end - start, labels, segments };
}

const DIM = "\x1b[2m";
const GREEN = "\x1b[32m";
const RESET = "\x1b[0m";

/** Tokens with loss in green and the others dim, or without colour inside ⟦ ⟧ and plain. */
export function renderSequence(sequence: PreviewSequence, color: boolean): string {
  return sequence.segments
    .map(({ text, loss }) => {
      const shown = visible(text);
      if (color) return `${loss ? GREEN : DIM}${shown}${RESET}`;
      return loss ? `⟦${shown}⟧` : shown;
    })
    .join("");
}
