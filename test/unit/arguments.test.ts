import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeAdapter } from "../../dist/adapter/merge.js";
import { renderChatML } from "../../dist/chat/chatml.js";
import { preparePubMedQA } from "../../dist/data/prepare.js";
import { openChat } from "../../dist/nodeLlamaCpp/openChat.js";
import { measurePerplexity } from "../../dist/quantize/perplexity.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { train } from "../../dist/train/train.js";

/** Calls from plain JavaScript, where no type checker stands before them. */
type Loose = (argument?: unknown) => Promise<unknown>;

async function refused(call: Loose, argument: unknown, message: RegExp, code = "ARGUMENT_INVALID"): Promise<void> {
  await assert.rejects(async () => call(argument), { name: "MediloraError", code, message });
}

test("a call without its options names what it needs", async () => {
  for (const nothing of [undefined, null, 5, "model.gguf"]) {
    await refused(quantize as Loose, nothing, /^quantize\(\) needs an object with input, output, type\.$/);
    await refused(mergeAdapter as Loose, nothing, /^mergeAdapter\(\) needs an object with base, adapter, output\.$/);
    await refused(preparePubMedQA as Loose, nothing, /^preparePubMedQA\(\) needs an object with input, output\.$/);
    await refused(measurePerplexity as Loose, nothing, /^measurePerplexity\(\) needs an object with model\.$/);
    await refused(openChat as Loose, nothing, /^openChat\(\) needs an object with model\.$/);
  }
  for (const nothing of [undefined, null, 5])
    await refused(train as Loose, nothing, /^train\(\) needs a configuration/);
});

test("options that are missing, empty or no text are named, and no other", async () => {
  await refused(preparePubMedQA as Loose, {}, /^preparePubMedQA\(\) needs input, output:/);
  await refused(preparePubMedQA as Loose, { input: "a.json", output: "" }, /^preparePubMedQA\(\) needs output:/);
  await refused(quantize as Loose, { input: "a.gguf", output: "b.gguf" }, /^quantize\(\) needs type:/);
  await refused(mergeAdapter as Loose, { base: 3, adapter: "a", output: "b" }, /^mergeAdapter\(\) needs base:/);
});

test("adapters that are no list of files with weights are named", async () => {
  const open = (adapters: unknown) => [openChat as Loose, { model: "a.gguf", adapters }] as const;
  for (const none of [5, "a.gguf", {}]) await refused(...open(none), /^adapters must be a list/);
  await refused(...open([{ path: "a.gguf" }, null]), /^openChat\(\): adapters\[1\] needs an object with path\.$/);
  await refused(...open([{ path: "a.gguf", scale: null }]), /^adapters\[0\]\.scale must be a finite number/);
});

test("an object that is no configuration is checked like a file", async () => {
  await refused(train as Loose, {}, /output_dir: is missing/, "CONFIG_INVALID");
});

test("messages that are no list of {role, content} are named by index and field", async () => {
  const render = (async (messages: unknown) => renderChatML(messages as [])) as Loose;
  for (const none of [null, undefined, "hello", {}]) await refused(render, none, /^messages must be an array/);
  await refused(render, [null], /^messages\[0\] must be an object/);
  await refused(render, [{ role: "user" }], /^messages\[0\]\.content is missing/);
  const first = { role: "user", content: "q" };
  await refused(render, [first, { content: "a" }], /^messages\[1\]\.role is missing/);
  await refused(render, [first, { role: "assistant", content: 7 }], /^messages\[1\]\.content is missing or no text/);
});
