import { hasChatMarker } from "../chat/chatml.js";
import { type ChatMessage, type ChatRow, isChatRow, type TrainingRow } from "./rows.js";

/** What became of one record of a source: a row, or the reason why there is none. */
export type SourceItem = { id: string; row: TrainingRow } | { id: string; skipped: string };

/**
 * The row of a conversation, or the reason why it cannot be one: `blank` text, a `chat-marker` that would forge a turn,
 * or `no-answer` without an assistant's turn.
 */
export function chatItem(id: string, messages: ChatMessage[], label?: string): SourceItem {
  if (messages.some(({ content }) => content.trim() === "")) return { id, skipped: "blank" };
  if (messages.some(({ content }) => hasChatMarker(content))) return { id, skipped: "chat-marker" };
  if (!messages.some(({ role }) => role === "assistant")) return { id, skipped: "no-answer" };
  const row: ChatRow = { id, messages };
  if (label !== undefined) row.label = label;
  return { id, row };
}

/** The row of a document; `blank` when there is no text. */
export function textItem(id: string, text: string): SourceItem {
  return text.trim() === "" ? { id, skipped: "blank" } : { id, row: { id, text } };
}

/** Every text of a row, one string a message, in order. */
export function rowTexts(row: TrainingRow): string[] {
  return isChatRow(row) ? row.messages.map(({ content }) => content) : [row.text];
}
