import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { renderChatML } from "../../dist/chat/chatml.js";
import { tokenizeChatRow } from "../../dist/chat/tokenizeRow.js";
import { prepareGuidelines } from "../../dist/data/guidelines.js";
import { prepareMimic } from "../../dist/data/mimic/prepareMimic.js";
import { preparePubMedQA } from "../../dist/data/prepare.js";
import { prepareMedQA } from "../../dist/data/qaSources.js";
import { RowMeter } from "../../dist/data/rowMeter.js";
import { type ChatRow, isChatRow, loadRows } from "../../dist/data/rows.js";
import { summarizeRows } from "../../dist/data/summary.js";
import { prepareTextbook } from "../../dist/data/textbook.js";
import { sha256File } from "../../dist/util/hash.js";
import { fixture, jsonLines, repoFile, shared, temporaryFolder } from "./helpers/data.js";
import { StubRuntime } from "./helpers/stubRuntime.js";

const folder = await temporaryFolder();
const model = repoFile("assets/medtiny-f16.gguf");
const addon = existsSync(repoFile("build/Release/medilora.node")) ? false : "the addon is not built";

const chat: ChatRow = {
  id: "c",
  messages: [
    { role: "user", content: "é😀" },
    { role: "assistant", content: "Yes" },
  ],
  label: "yes",
};

test("characters are code points of the texts, tokens are those of training", async () => {
  await using tokenizer = await new StubRuntime({ answer: () => "" }).openTokenizer();
  const meter = new RowMeter(tokenizer);
  meter.add(chat);
  assert.deepEqual([meter.rows, meter.sizes.characters], [1, 5]);
  // One token a character and a marker: BOS, <|im_start|>user\\né😀<|im_end|>\\n, <|im_start|>assistant\\nYes<|im_end|>\\n.
  assert.equal(meter.sizes.tokens, 1 + (1 + 5 + 2 + 1 + 1) + (1 + 10 + 3 + 1 + 1));
  const document = new RowMeter(tokenizer);
  document.add({ id: "d", text: "ab \ud83d" });
  assert.equal(document.sizes.characters, 4);
  // BOS and EOS around it.
  assert.equal(document.sizes.tokens, 6);
  document.merge(meter);
  const forged: ChatRow = { id: "f", messages: [{ role: "assistant", content: "<|im_end|>" }] };
  assert.throws(() => meter.add(forged), { code: "DATA_INVALID", message: /^messages\[0\]/ });
  assert.equal(tokenizeChatRow(tokenizer, chat, { labelSpan: "turn" }).tokens.length, meter.sizes.tokens);
  assert.deepEqual(document.sizes, { rows: 2, characters: 9, tokens: 33, labels: { yes: 1 } });
});

test("labels are listed where they are classes, and only counted where they may be text of the data", () => {
  const labelled = (labels: string[]) => {
    const meter = new RowMeter(undefined);
    for (const label of labels) meter.add({ ...chat, label });
    return meter;
  };
  const names = (n: number) => Array.from({ length: n }, (_, i) => `label ${i}`);
  assert.equal(Object.keys(labelled(names(32)).sizes.labels).length, 32);
  assert.equal(labelled(names(32)).sizes.labelled, undefined);
  for (const many of [names(33), ["yes", "x".repeat(41), "no"]]) {
    const meter = labelled(many);
    assert.deepEqual([meter.sizes.labels, meter.sizes.labelled], [{}, many.length]);
    const total = labelled(["yes"]);
    total.merge(meter);
    total.merge(labelled(["no"]));
    assert.deepEqual([total.sizes.labels, total.sizes.labelled], [{}, many.length + 2]);
  }
  assert.deepEqual(labelled(["x".repeat(40)]).sizes.labels, { ["x".repeat(40)]: 1 });
});

test("a summary lists each file and the total", { skip: addon }, async () => {
  const first = await folder.write("1.jsonl", jsonLines([chat, { ...chat, label: "no" }]));
  const second = await folder.write("2.jsonl", jsonLines([chat, { id: "d", text: "abc" }]));
  const summary = await summarizeRows({ inputs: [first, second] });
  assert.deepEqual(summary, {
    files: [
      { path: first, sha256: await sha256File(first), rows: 2, characters: 10, labels: { no: 1, yes: 1 } },
      { path: second, sha256: await sha256File(second), rows: 2, characters: 8, labels: { yes: 1 } },
    ],
    total: { rows: 4, characters: 18, labels: { no: 1, yes: 2 } },
  });
  const forged = { id: "Jane Doe", messages: [{ role: "assistant", content: "<|im_end|>" }] };
  const bad = await folder.write("3.jsonl", jsonLines([chat, forged]));
  await assert.rejects(summarizeRows({ inputs: [bad], model }), (error: Error) => {
    assert.ok(error.message.startsWith(`${bad}, line 2: messages[0]`));
    assert.doesNotMatch(error.message.slice(bad.length), /J/);
    return true;
  });
  await assert.rejects(summarizeRows({ inputs: [] }), { code: "ARGUMENT_INVALID" });
  await assert.rejects(summarizeRows({ inputs: [folder.path("none")] }), { code: "FILE_NOT_FOUND" });
});

/** Tokens of rows as llama.cpp counts them, asked through another package. */
async function referenceTokens(paths: readonly string[]): Promise<number[]> {
  const { getLlama, LlamaLogLevel } = await import("node-llama-cpp");
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
  const loaded = await llama.loadModel({ modelPath: model, vocabOnly: true });
  try {
    return await Promise.all(
      paths.map(async (path) => {
        let tokens = 0;
        // BOS in front of both; the EOS behind a document.
        for (const row of await loadRows(path))
          tokens += isChatRow(row)
            ? 1 + loaded.tokenize(renderChatML(row.messages).text, true, "trimLeadingSpace").length
            : 2 + loaded.tokenize(row.text, false).length;
        return tokens;
      }),
    );
  } finally {
    await loaded.dispose();
    await llama.dispose();
  }
}

const medqa = shared("medqa/dev_4options.jsonl");
const books = shared("corpus/openstax/Microbiology.txt");

test("token counts are those of llama.cpp's tokenizer on the same text", { skip: addon }, async () => {
  const output = folder.path("rows.jsonl");
  const manifest = await prepareMedQA({
    inputs: [medqa.skip ? fixture("medqa.jsonl") : medqa.path],
    output,
    limit: 200,
    model,
  });
  const documents = folder.path("documents.jsonl");
  const texts = ["Fever, 38.5 °C; α-blocker 5 µg.", " two  spaces\n\n\tand 日本 😀 ", "<|im_end|> is text here"];
  if (!books.skip) {
    const { readFile } = await import("node:fs/promises");
    texts.push(
      ...(await readFile(books.path, "utf8"))
        .split("\n")
        .filter((line) => line.trim() !== "")
        .slice(0, 500),
    );
  }
  await folder.write("documents.jsonl", jsonLines(texts.map((text) => ({ text }))));
  const summary = await summarizeRows({ inputs: [output, documents], model });
  assert.deepEqual(
    summary.files.map(({ tokens }) => tokens),
    await referenceTokens([output, documents]),
  );
  assert.equal(manifest.outputs[0].tokens, summary.files[0]?.tokens);
  assert.deepEqual(manifest.tokenizer, { path: model, sha256: await sha256File(model) });
  assert.deepEqual(summary.tokenizer, manifest.tokenizer);
});

test("every source counts the tokens of its rows as llama.cpp does", { skip: addon }, async () => {
  const text = "Fever, 38.5 °C; α-blocker 5 µg. 日本 😀 <|im_end|> is text here.";
  const book = await folder.write("book.txt", `${`${text} `.repeat(20)}\n`.repeat(100));
  const guideline = { source: "who", title: "Fever", clean_text: text };
  const guidelines = await folder.write("guidelines.jsonl", jsonLines([guideline, guideline]));
  const header = "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,DESCRIPTION,CGID,ISERROR,TEXT";
  const csv = await folder.write("notes.csv", `${header}\n1,,,,,,Discharge summary,,,,"PLAN: ${text}"\n`);
  const record = { QUESTION: "Cough?", CONTEXTS: ["α, 5 µg."], final_decision: "no", LONG_ANSWER: "None 😀." };
  const pubmedqa = await folder.write("pqa.json", JSON.stringify({ 1: record, 2: record }));
  const outputs = ["book", "guidelines", "mimic", "pubmedqa"].map((name) => folder.path(`${name}.counted.jsonl`));
  const [bookRows, guidelineRows, noteRows, questionRows] = outputs as [string, string, string, string];
  const manifests = [
    await prepareTextbook({ inputs: [book], output: bookRows, model }),
    await prepareGuidelines({ input: guidelines, output: guidelineRows, model }),
    await prepareMimic({ input: { csv }, output: noteRows, model }),
    await preparePubMedQA({ input: pubmedqa, output: questionRows, model }),
  ];
  assert.ok((await loadRows(bookRows)).length > 1);
  assert.deepEqual(
    manifests.map((manifest) => manifest.outputs[0]?.tokens),
    await referenceTokens(outputs),
  );
  for (const { tokenizer } of manifests) assert.deepEqual(tokenizer, { path: model, sha256: await sha256File(model) });
  const bare = await prepareGuidelines({ input: guidelines, output: guidelineRows });
  assert.ok(!("tokenizer" in bare) && !("tokens" in (bare.outputs[0] ?? {})));
  await assert.rejects(prepareGuidelines({ input: guidelines, output: model, model }), { code: "ARGUMENT_INVALID" });
  await assert.rejects(prepareGuidelines({ input: guidelines, output: guidelineRows, model: csv }), {
    code: "MODEL_INVALID",
  });
});
