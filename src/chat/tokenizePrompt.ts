import type { Tokenizer } from "./tokenizeRow.js";

const MARKERS = ["<|im_start|>", "<|im_end|>"] as const;

/** Tokens of a rendered ChatML prompt (see {@link chatMarkupTokens}), BOS in front where the vocabulary wants it. */
export function tokenizeChatPrompt(tokenizer: Tokenizer, text: string): Int32Array {
  return withBos(tokenizer, chatMarkupTokens(tokenizer, text));
}

/**
 * Tokens of rendered ChatML, without BOS and EOS.
 *
 * Only ChatML's own markers become special tokens; the renderer has seen to it that no content holds one. Other special
 * tokens spelt in the content, as the `</s>` of a struck-out passage, stay plain text. Special tokens cut a text before
 * it is tokenised, so the tokens of the parts are those of the whole. A vocabulary without the markers reads the whole
 * text as plain text.
 * @param text what `renderChatML` gives, or the beginning of it
 */
export function chatMarkupTokens(tokenizer: Tokenizer, text: string): Int32Array {
  const markers = new Map(
    MARKERS.map((marker) => [marker as string, tokenizer.tokenize(marker, { addSpecial: false, parseSpecial: true })]),
  );
  const special = [...markers.values()].every((tokens) => tokens.length === 1);
  if (!special) return plainTokens(tokenizer, text);
  const parts = text.split(/(<\|im_start\|>|<\|im_end\|>)/).filter((part) => part !== "");
  return Int32Array.from(parts.flatMap((part) => [...(markers.get(part) ?? plainTokens(tokenizer, part))]));
}

/** Tokens of a text to go on with: BOS in front where the vocabulary wants it, and no special token in the text. */
export function tokenizePlainPrompt(tokenizer: Tokenizer, text: string): Int32Array {
  return withBos(tokenizer, plainTokens(tokenizer, text));
}

function plainTokens(tokenizer: Tokenizer, text: string): Int32Array {
  return tokenizer.tokenize(text, { addSpecial: false, parseSpecial: false });
}

/** The tokens with BOS in front where the vocabulary wants it. */
export function withBos(tokenizer: Tokenizer, tokens: Int32Array): Int32Array {
  if (!tokenizer.addBos || tokenizer.bosToken === null) return tokens;
  const all = new Int32Array(tokens.length + 1);
  all[0] = tokenizer.bosToken;
  all.set(tokens, 1);
  return all;
}
