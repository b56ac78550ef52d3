import { tokenizeChatPrompt } from "../chat/tokenizePrompt.js";
import type { Tokenizer } from "../chat/tokenizeRow.js";
import { type PreparedQuestion, renderPrompt } from "./questions.js";

/** A prompt in tokens. */
export interface CutPrompt {
  tokens: Int32Array;
  /** Tokens fewer than the whole prompt has. */
  cut: number;
}

/**
 * Cuts the beginning of the last user turn's text until the prompt fits; system prompt, earlier turns and the template's
 * headers stay. At least one character of the text is left.
 * @param tokens of the whole prompt, more than `most`
 * @param most   tokens that the prompt may have
 * @returns undefined when all the rest is too long already
 */
export function truncateLeft(
  tokenizer: Tokenizer,
  { messages }: PreparedQuestion,
  tokens: Int32Array,
  most: number,
): CutPrompt | undefined {
  const last = messages.findLastIndex(({ role }) => role === "user");
  // Code points, so that no surrogate pair is cut in two.
  const characters = [...(messages[last]?.content ?? "")];
  const without = (dropped: number): Int32Array => {
    const content = characters.slice(dropped).join("");
    const shorter = messages.map((message, i) => (i === last ? { ...message, content } : message));
    return tokenizeChatPrompt(tokenizer, renderPrompt(shorter));
  };
  // The least number of dropped characters that fits: `low` does not, `high` does.
  let low = 0;
  let high = characters.length - 1;
  if (high <= 0) return undefined;
  let kept = without(high);
  if (kept.length > most) return undefined;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const shorter = without(middle);
    if (shorter.length > most) low = middle;
    else [high, kept] = [middle, shorter];
  }
  return { tokens: kept, cut: tokens.length - kept.length };
}
