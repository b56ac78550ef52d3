import type { ChatRow, CompletionRow } from "../data/rows.js";
import { MediloraError } from "../errors.js";
import type { TokenizedSample } from "../train/packing.js";
import { type LabelSpan, renderChatML } from "./chatml.js";
import { chatMarkupTokens } from "./tokenizePrompt.js";

/** What training needs of a model's vocabulary. Token ids are indices from 0 to `vocabSize` - 1. */
export interface Tokenizer {
  readonly bosToken: number | null;
  readonly eosToken: number | null;
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly vocabSize: number;
  /**
   * `addSpecial` lets the vocabulary add its BOS and EOS; `parseSpecial` turns the text of a special token, such as
   * `<|im_end|>`, into that token.
   */
  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Int32Array;
}

/**
 * Tokens of a conversation as ChatML, BOS in front where the vocabulary wants it, labels on the assistant's turns.
 * A row without an assistant turn has no label.
 *
 * A token that straddles the edge of a span belongs to the span behind the edge: a span begins, and ends, where the
 * tokens of the text up to that edge stop being the tokens of the whole text.
 * @throws MediloraError what {@link renderChatML} throws, with the message's index; the row's id stays out of it, since it
 *   may have been made from a name
 */
export function tokenizeChatRow(
  tokenizer: Tokenizer,
  row: ChatRow,
  options: { labelSpan: LabelSpan },
): TokenizedSample {
  const { text, labelSpans } = renderChatML(row.messages, options);
  const body = chatMarkupTokens(tokenizer, text);
  const bos = tokenizer.addBos && tokenizer.bosToken !== null ? [tokenizer.bosToken] : [];
  const tokens = new Int32Array(bos.length + body.length);
  tokens.set(bos);
  tokens.set(body, bos.length);
  const labelMask = new Uint8Array(tokens.length);
  for (const { start, end } of labelSpans) {
    const first = tokenIndex(tokenizer, text, body, start);
    labelMask.fill(1, bos.length + first, bos.length + tokenIndex(tokenizer, text, body, end));
  }
  return { tokens, labelMask };
}

/**
 * Tokens of a document, every one labelled, in chunks of at most `sequenceLen`; nothing is dropped.
 *
 * BOS stands before the document and EOS behind it where the vocabulary has them. Special tokens spelt in the text stay
 * plain text. A chunk's first token has nothing before it to be predicted from: packing clears that label.
 * @param options.sequenceLen tokens a chunk, at least 2
 * @throws MediloraError `ARGUMENT_INVALID`
 */
export function tokenizeCompletionRow(
  tokenizer: Tokenizer,
  row: CompletionRow,
  options: { sequenceLen: number },
): TokenizedSample[] {
  const { sequenceLen } = options;
  if (!Number.isSafeInteger(sequenceLen) || sequenceLen < 2)
    throw new MediloraError("ARGUMENT_INVALID", "sequenceLen must be a whole number of tokens, at least 2.");
  const body = tokenizer.tokenize(row.text, { addSpecial: false, parseSpecial: false });
  const bos = tokenizer.bosToken === null ? [] : [tokenizer.bosToken];
  const eos = tokenizer.eosToken === null ? [] : [tokenizer.eosToken];
  const document = new Int32Array(bos.length + body.length + eos.length);
  document.set(bos);
  document.set(body, bos.length);
  document.set(eos, bos.length + body.length);
  const chunks: TokenizedSample[] = [];
  for (let start = 0; start < document.length; start += sequenceLen) {
    const tokens = document.slice(start, start + sequenceLen);
    chunks.push({ tokens, labelMask: new Uint8Array(tokens.length).fill(1) });
  }
  return chunks;
}

/** Index of the first token of `whole` that is not complete within the first `offset` UTF-16 units of the text. */
function tokenIndex(tokenizer: Tokenizer, text: string, whole: Int32Array, offset: number): number {
  const prefix = chatMarkupTokens(tokenizer, text.slice(0, offset));
  let index = 0;
  while (index < prefix.length && index < whole.length && prefix[index] === whole[index]) index += 1;
  return index;
}
