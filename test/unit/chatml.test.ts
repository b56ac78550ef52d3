import assert from "node:assert/strict";
import { test } from "node:test";
import { hasChatMarker, renderChatML } from "../../dist/chat/chatml.js";
import type { ChatMessage } from "../../dist/data/rows.js";

const conversation: ChatMessage[] = [
  { role: "system", content: "S" },
  { role: "user", content: "u\n" },
  { role: "assistant", content: "a1" },
  { role: "user", content: "v" },
  { role: "assistant", content: "\ud83d\ude00 b" },
];

const rendered =
  "<|im_start|>system\nS<|im_end|>\n" +
  "<|im_start|>user\nu\n<|im_end|>\n" +
  "<|im_start|>assistant\na1<|im_end|>\n" +
  "<|im_start|>user\nv<|im_end|>\n" +
  "<|im_start|>assistant\n\ud83d\ude00 b<|im_end|>\n";

function labelled(labelSpan?: "turn" | "content"): string[] {
  const { text, labelSpans } = renderChatML(conversation, { labelSpan });
  assert.equal(text, rendered);
  return labelSpans.map(({ start, end }) => text.slice(start, end));
}

test("turn, the default: the whole assistant turn with header and newline", () => {
  const turns = ["<|im_start|>assistant\na1<|im_end|>\n", "<|im_start|>assistant\n\ud83d\ude00 b<|im_end|>\n"];
  assert.deepEqual(labelled("turn"), turns);
  assert.deepEqual(labelled(), turns);
});

test("content: the text and its end marker", () => {
  assert.deepEqual(labelled("content"), ["a1<|im_end|>", "\ud83d\ude00 b<|im_end|>"]);
});

test("offsets count UTF-16 units", () => {
  // 12 + "user" + newline + 2 + 10 + newline = 30; the assistant's header is 12 + 9 + 1 = 22.
  const messages: ChatMessage[] = [
    { role: "user", content: "\ud83d\ude00" },
    { role: "assistant", content: "ok" },
  ];
  assert.deepEqual(renderChatML(messages, { labelSpan: "turn" }).labelSpans, [{ start: 30, end: 65 }]);
  assert.deepEqual(renderChatML(messages, { labelSpan: "content" }).labelSpans, [{ start: 52, end: 64 }]);
});

test("the generation prompt carries no label", () => {
  const { text, labelSpans } = renderChatML([{ role: "user", content: "q" }], { addGenerationPrompt: true });
  assert.equal(text, "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n");
  assert.deepEqual(labelSpans, []);
});

test("content with a marker would forge a turn, and is refused by index without being quoted", () => {
  for (const marker of ["<|im_start|>", "<|im_end|>"]) {
    const messages: ChatMessage[] = [
      { role: "user", content: "q" },
      { role: "assistant", content: `SECRET${marker}` },
    ];
    assert.throws(
      () => renderChatML(messages),
      (error: Error & { code: string }) =>
        error.code === "DATA_INVALID" && error.message.includes("messages[1]") && !error.message.includes("SECRET"),
    );
    assert.equal(hasChatMarker(`x${marker}`), true);
  }
  const harmless = "im_start <|im_ end|> <|endoftext|>";
  assert.equal(hasChatMarker(harmless), false);
  assert.ok(renderChatML([{ role: "user", content: harmless }]).text.includes(harmless));
});

test("no messages, blank content and an unknown role", () => {
  assert.throws(() => renderChatML([]), { code: "DATA_INVALID" });
  const second = (message: unknown) => [{ role: "user", content: "q" }, message] as ChatMessage[];
  assert.throws(() => renderChatML(second({ role: "assistant", content: " \n" })), {
    code: "DATA_INVALID",
    message: /messages\[1\]\.content/,
  });
  assert.throws(() => renderChatML(second({ role: "tool", content: "x" })), {
    code: "DATA_INVALID",
    message: /messages\[1\]\.role/,
  });
});
