import { chatMarkupTokens } from "../chat/tokenizePrompt.js";
import type { Tokenizer } from "../chat/tokenizeRow.js";
import type { TrainingData } from "./dataset.js";
import type { TokenizedSample } from "./packing.js";

/** A sample, cut where the model is to go on. */
export interface SamplePrompt {
  prompt: Int32Array;
  /** What the sample goes on with, up to the end of the turn or text. */
  reference: Int32Array;
  heldOut: boolean;
}

/** Of a text that is learnt from its first token on, the model sees at most this much. */
const MOST_TEXT_PROMPT = 64;

/** The first samples that have something to go on with: held-out ones where there are any, else those that are trained on. */
export function samplePrompts(tokenizer: Tokenizer, data: TrainingData, count: number): SamplePrompt[] {
  const heldOut = data.validation.length > 0;
  const header = chatMarkupTokens(tokenizer, "<|im_start|>assistant\n");
  const prompts: SamplePrompt[] = [];
  for (const sample of heldOut ? data.validation : data.train) {
    if (prompts.length === count) break;
    const cut = cutSample(sample, header);
    if (cut !== undefined) prompts.push({ ...cut, heldOut });
  }
  return prompts;
}

/**
 * A conversation is cut in front of its first answer, its header included in the prompt as at inference; a text after its
 * first half.
 */
function cutSample(
  { tokens, labelMask }: TokenizedSample,
  header: Int32Array,
): Omit<SamplePrompt, "heldOut"> | undefined {
  const first = labelMask.indexOf(1);
  if (first < 0) return undefined;
  const end = labelMask.indexOf(0, first);
  const isTurn = header.every((token, i) => tokens[first + i] === token);
  // A document is labelled from its first token on; content without its header begins later.
  const isText = !isTurn && first === 0;
  const cut = isTurn ? first + header.length : isText ? Math.min(MOST_TEXT_PROMPT, tokens.length >> 1) : first;
  if (cut === 0) return undefined;
  return { prompt: tokens.slice(0, cut), reference: tokens.slice(cut, end < 0 ? tokens.length : end) };
}
