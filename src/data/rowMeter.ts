import { renderChatML } from "../chat/chatml.js";
import { tokenizeChatPrompt } from "../chat/tokenizePrompt.js";
import { type Tokenizer, tokenizeCompletionRow } from "../chat/tokenizeRow.js";
import { isChatRow, type TrainingRow } from "./rows.js";
import { rowTexts } from "./textRow.js";

/** Size of a set of rows. */
export interface RowSizes {
  rows: number;
  /** Unicode code points of the texts, without ChatML's markers. */
  characters: number;
  /** As training reads them: ChatML's markers, BOS and EOS counted in. Left out without a tokenizer. */
  tokens?: number;
  /** Rows by label; empty where no row has one, and where labels are many or long (over 32, or over 40 characters). */
  labels: Record<string, number>;
  /** Rows with a label, where these are not listed. */
  labelled?: number;
}

/** Of classes; what is more or longer than that is a field of free text, which may be about a patient. */
const MAX_LABELS = 32;
const MAX_LABEL_CHARACTERS = 40;

/**
 * Adds up the sizes of rows. Labels are listed where there are at most 32 of at most 40 characters; otherwise they may be
 * text of the data, and only the rows that have one are counted.
 */
export class RowMeter {
  #rows = 0;
  #characters = 0;
  #tokens = 0;
  #labelled = 0;
  #listable = true;
  readonly #labels = new Map<string, number>();

  /** @param tokenizer of the model that is to be trained; without it no tokens are counted */
  constructor(private readonly tokenizer: Tokenizer | undefined) {}

  /** @throws MediloraError `DATA_INVALID` for a conversation that cannot be rendered; the caller names the place */
  add(row: TrainingRow): void {
    this.#rows += 1;
    for (const text of rowTexts(row)) this.#characters += codePoints(text);
    if (isChatRow(row) && row.label !== undefined) this.#addLabel(row.label, 1);
    if (this.tokenizer !== undefined) this.#tokens += countTokens(this.tokenizer, row);
  }

  /** Adds what another meter of the same tokenizer has counted. */
  merge(other: RowMeter): void {
    this.#rows += other.#rows;
    this.#characters += other.#characters;
    this.#tokens += other.#tokens;
    for (const [label, count] of other.#labels) this.#addLabel(label, count);
    if (other.#listable) return;
    this.#listable = false;
    this.#labelled += other.#labelled;
    this.#labels.clear();
  }

  get rows(): number {
    return this.#rows;
  }

  get sizes(): RowSizes {
    const labels = Object.fromEntries([...this.#labels].sort(([a], [b]) => (a < b ? -1 : 1)));
    const sizes: RowSizes = { rows: this.#rows, characters: this.#characters, labels };
    if (!this.#listable) sizes.labelled = this.#labelled;
    if (this.tokenizer !== undefined) sizes.tokens = this.#tokens;
    return sizes;
  }

  #addLabel(label: string, count: number): void {
    this.#labelled += count;
    if (!this.#listable) return;
    this.#labels.set(label, (this.#labels.get(label) ?? 0) + count);
    if (this.#labels.size <= MAX_LABELS && label.length <= MAX_LABEL_CHARACTERS) return;
    this.#listable = false;
    this.#labels.clear();
  }
}

/** Tokens of a row as training reads it. Training also tells which carry loss, which takes three times as long. */
function countTokens(tokenizer: Tokenizer, row: TrainingRow): number {
  if (isChatRow(row)) return tokenizeChatPrompt(tokenizer, renderChatML(row.messages).text).length;
  const whole = { sequenceLen: Number.MAX_SAFE_INTEGER };
  return tokenizeCompletionRow(tokenizer, row, whole).reduce((sum, { tokens }) => sum + tokens.length, 0);
}

function codePoints(text: string): number {
  let count = text.length;
  // Each surrogate pair is two units of one code point.
  for (let i = 0; i + 1 < text.length; i++)
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) count -= 1;
  return count;
}
