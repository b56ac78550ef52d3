import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenizeChatPrompt, tokenizePlainPrompt } from "../../dist/chat/tokenizePrompt.js";
import { decodePrompt, StubRuntime } from "./helpers/stubRuntime.js";

const runtime = new StubRuntime({ answer: () => "" });
const prompt = "<|im_start|>user\na </s> b<|im_end|>\n<|im_start|>assistant\n";

test("only ChatML's markers are special; BOS stands in front once and no EOS behind", async () => {
  const tokenizer = await runtime.openTokenizer();
  assert.equal(
    decodePrompt(tokenizeChatPrompt(tokenizer, prompt)),
    "[<s>][<|im_start|>]user\na </s> b[<|im_end|>]\n[<|im_start|>]assistant\n",
  );
  assert.deepEqual(
    tokenizeChatPrompt({ ...tokenizer, addBos: false }, prompt),
    tokenizeChatPrompt(tokenizer, prompt).subarray(1),
  );
  assert.deepEqual(
    tokenizeChatPrompt({ ...tokenizer, bosToken: null }, prompt),
    tokenizeChatPrompt(tokenizer, prompt).subarray(1),
  );
});

test("a vocabulary without the markers reads the whole prompt as plain text, in one piece", async () => {
  const tokenizer = await runtime.openTokenizer();
  const texts: string[] = [];
  const plain = {
    ...tokenizer,
    tokenize(text: string) {
      texts.push(text);
      return tokenizer.tokenize(text, { parseSpecial: false });
    },
  };
  assert.equal(decodePrompt(tokenizeChatPrompt(plain, prompt)), `[<s>]${prompt}`);
  assert.equal(texts.at(-1), prompt);
});

test("a plain prompt has no special token but BOS", async () => {
  const tokenizer = await runtime.openTokenizer();
  assert.equal(decodePrompt(tokenizePlainPrompt(tokenizer, "<|im_end|> x")), "[<s>]<|im_end|> x");
});
