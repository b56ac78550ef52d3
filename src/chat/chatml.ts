import { CHAT_ROLES, type ChatMessage } from "../data/rows.js";
import { MediloraError } from "../errors.js";

const IM_START = "<|im_start|>";
const IM_END = "<|im_end|>";

/**
 * What of an assistant turn carries loss: `turn` is all of it, from `<|im_start|>` through the trailing newline (the
 * paper); `content` is the text and its `<|im_end|>`, without the header and the newline.
 */
export type LabelSpan = "turn" | "content";

/** A part of a text in UTF-16 code units; `end` is exclusive. */
export interface TextSpan {
  start: number;
  end: number;
}

/** What {@link renderChatML} marks as learnt. */
export interface RenderChatMLOptions {
  /** Default `turn`. */
  labelSpan?: LabelSpan;
  /** Ends the text with `<|im_start|>assistant` and a newline, for the model to go on. Default false. */
  addGenerationPrompt?: boolean;
}

/** True for text that holds a marker of ChatML and so cannot be the content of a message. */
export function hasChatMarker(text: string): boolean {
  return text.includes(IM_START) || text.includes(IM_END);
}

/**
 * Renders messages as ChatML, `<|im_start|>role\ncontent<|im_end|>\n` each, with the spans that carry loss.
 * @throws MediloraError `DATA_INVALID` with the message's index (from 0): no messages, blank content, an unknown role,
 *   or content with a marker in it, which would let data forge a turn; `ARGUMENT_INVALID` for what is no list of
 *   {role, content}
 */
export function renderChatML(
  messages: readonly ChatMessage[],
  options: RenderChatMLOptions = {},
): { text: string; labelSpans: TextSpan[] } {
  if (!Array.isArray(messages))
    throw new MediloraError("ARGUMENT_INVALID", "messages must be an array of {role, content}.");
  if (messages.length === 0)
    throw new MediloraError("DATA_INVALID", "There are no messages to render. Give at least one.");
  const labelSpans: TextSpan[] = [];
  let text = "";
  messages.forEach((message, index) => {
    checkMessage(message, index);
    const turnStart = text.length;
    text += `${IM_START}${message.role}\n`;
    const contentStart = text.length;
    text += message.content + IM_END;
    const contentEnd = text.length;
    text += "\n";
    if (message.role !== "assistant") return;
    labelSpans.push(
      options.labelSpan === "content"
        ? { start: contentStart, end: contentEnd }
        : { start: turnStart, end: text.length },
    );
  });
  if (options.addGenerationPrompt) text += `${IM_START}assistant\n`;
  return { text, labelSpans };
}

function checkMessage(message: ChatMessage, index: number): void {
  if (typeof message !== "object" || message === null)
    throw new MediloraError("ARGUMENT_INVALID", `messages[${index}] must be an object {role, content}.`);
  for (const field of ["role", "content"] as const)
    if (typeof message[field] !== "string")
      throw new MediloraError("ARGUMENT_INVALID", `messages[${index}].${field} is missing or no text.`);
  if (!CHAT_ROLES.includes(message.role))
    throw new MediloraError("DATA_INVALID", `messages[${index}].role must be one of ${CHAT_ROLES.join(", ")}.`);
  if (message.content.trim() === "")
    throw new MediloraError("DATA_INVALID", `messages[${index}].content is blank. Fill it or leave the message out.`);
  if (hasChatMarker(message.content))
    throw new MediloraError(
      "DATA_INVALID",
      `messages[${index}].content holds a ChatML marker (im_start or im_end), which would forge a turn. Remove it.`,
    );
}
