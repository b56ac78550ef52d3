import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  loadPubMedQA,
  PUBMEDQA_SYSTEM_PROMPT,
  pubmedqaMessages,
  pubmedqaPrompt,
  readPubMedQA,
} from "../../dist/data/pubmedqa.js";
import { sha256Text } from "../../dist/util/hash.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-pubmedqa-"));
});
after(() => rm(folder, { recursive: true }));

async function fileOf(content: string | Uint8Array): Promise<string> {
  const path = join(await mkdtemp(join(folder, "case-")), "ori.json");
  await writeFile(path, content);
  return path;
}

async function assertInvalid(content: string | Uint8Array, ...parts: string[]): Promise<void> {
  const path = await fileOf(content);
  await assert.rejects(loadPubMedQA(path), (error: Error & { code: string }) => {
    assert.equal(error.code, "DATA_INVALID");
    for (const part of [path, ...parts]) assert.ok(error.message.includes(part), `${error.message} lacks ${part}`);
    assert.ok(!JSON.stringify([error.message, String(error.cause)]).includes("SECRET"), "holds the user's text");
    return true;
  });
}

const entry = '{"QUESTION":"Q?","CONTEXTS":["A.","B."],"LABELS":["X","Y"],"final_decision":"yes","LONG_ANSWER":"L."}';

test("records keep the file's order, and only the four fields are read", async () => {
  const path = await fileOf(
    `{ "20": {"QUESTION":"Q \\"{[,]}\\" \\\\","CONTEXTS":["A"],"reasoning_free_pred":"no","YEAR":null},\n "3":${entry} }\n`,
  );
  assert.deepEqual(await loadPubMedQA(path), [
    { id: "20", question: 'Q "{[,]}" \\', contexts: ["A"] },
    { id: "3", question: "Q?", contexts: ["A.", "B."], label: "yes", longAnswer: "L." },
  ]);
});

test("an id that is a property of every object is an id like others", async () => {
  const records = await loadPubMedQA(await fileOf(`{"__proto__":${entry},"constructor":${entry}}`));
  assert.deepEqual(
    records.map(({ id }) => id),
    ["__proto__", "constructor"],
  );
});

test("labels lose case and space; a blank long answer is none", async () => {
  const of = (label: string) => `{"QUESTION":"Q","CONTEXTS":["A"],"final_decision":"${label}","LONG_ANSWER":" "}`;
  const records = await loadPubMedQA(await fileOf(`{"a":${of("Yes")},"b":${of(" NO ")},"c":${of("maybe")}}`));
  assert.deepEqual(
    records.map(({ label, longAnswer }) => [label, longAnswer]),
    [
      ["yes", undefined],
      ["no", undefined],
      ["maybe", undefined],
    ],
  );
});

test("an id that occurs twice is an error, also when spelt with an escape", async () => {
  await assertInvalid(`{"SECRET":${entry},"8":${entry},"SECRET":${entry}}`, "records 1 and 3 have the same id");
  await assertInvalid(`{"7":${entry},"\\u0037":${entry}}`, "records 1 and 2 have the same id");
});

test("errors name file, number of the record and field, and never quote its text or its id", async () => {
  await assertInvalid('{"SECRET":"SECRET"}', "record 1:", "object");
  await assertInvalid('{"SECRET":["SECRET"]}', "record 1:", "object");
  await assertInvalid('{"SECRET":{"CONTEXTS":["SECRET"]}}', "record 1:", "QUESTION");
  await assertInvalid('{"SECRET":{"QUESTION":" ","CONTEXTS":["SECRET"]}}', "record 1:", "QUESTION");
  await assertInvalid('{"SECRET":{"QUESTION":"SECRET","CONTEXTS":"SECRET"}}', "record 1:", "CONTEXTS");
  await assertInvalid('{"SECRET":{"QUESTION":"SECRET","CONTEXTS":[]}}', "record 1:", "CONTEXTS");
  await assertInvalid('{"SECRET":{"QUESTION":"SECRET","CONTEXTS":["a",1]}}', "record 1:", "CONTEXTS");
  await assertInvalid(
    entry.replace("yes", "SECRET").replace(/^/, '{"SECRET":').concat("}"),
    "record 1:",
    "final_decision",
  );
  await assertInvalid(
    entry.replace('"yes"', "null").replace(/^/, '{"SECRET":').concat("}"),
    "record 1:",
    "final_decision",
  );
  await assertInvalid(
    entry.replace('"L."', '["SECRET"]').replace(/^/, '{"SECRET":').concat("}"),
    "record 1:",
    "LONG_ANSWER",
  );
  await assertInvalid(`{"8":${entry},"":${entry}}`, "record 2", "blank id");
});

test("malformed JSON names the record before it by its number", async () => {
  await assertInvalid(`{"SECRET":${entry},"9":{"QUESTION": SECRET}}`, "after record 1)");
  await assertInvalid(`{"8":${entry},"9":{"QUESTION":"SECRET`, "after record 1)", "ends early");
  await assertInvalid(`{"8":${entry},}`, "after record 1)");
  await assertInvalid(`{,"8":${entry}}`, "before the first record");
  await assertInvalid(`{"8":${entry}]`, "before the first record", "bracket");
  await assertInvalid(`{"8":${entry}} SECRET`, "after record 1)", "after the object's end");
  await assertInvalid(`[${entry}]`, "not a JSON object");
  await assertInvalid("SECRET", "not a JSON object");
  await assertInvalid(Buffer.concat([Buffer.from('{"8'), Buffer.of(0xff), Buffer.from('":1}')]), "UTF-8");
});

test("empty files", async () => {
  await assert.rejects(loadPubMedQA(await fileOf("{}")), { code: "DATA_EMPTY" });
  await assert.rejects(loadPubMedQA(await fileOf(" { \n } ")), { code: "DATA_EMPTY" });
  await assertInvalid("", "ends early");
  await assert.rejects(loadPubMedQA(join(folder, "none")), { code: "FILE_NOT_FOUND" });
});

test("records and characters that straddle the reader's pieces stay whole", async () => {
  const records = Array.from({ length: 40 }, (_, i) => ({
    id: `€${i}`,
    question: `${"€".repeat(i * 101)}?`,
    contexts: ['\\"'.repeat(i * 57), "\ud83d\ude00".repeat(1500)],
  }));
  const text = JSON.stringify(
    Object.fromEntries(records.map(({ id, question, contexts }) => [id, { QUESTION: question, CONTEXTS: contexts }])),
  );
  assert.ok(Buffer.byteLength(text) > 4 * 65_536);
  assert.deepEqual(await loadPubMedQA(await fileOf(text)), records);
});

test("records before a malformed one are handed out, so that reading is streaming", async () => {
  const ids: string[] = [];
  const path = await fileOf(`{"1":${entry},"2":${entry},bad}`);
  await assert.rejects(
    async () => {
      for await (const { id } of readPubMedQA(path)) ids.push(id);
    },
    { code: "DATA_INVALID" },
  );
  assert.deepEqual(ids, ["1", "2"]);
});

test("a file that never closes its first record is refused before it fills the memory", async () => {
  const path = await fileOf(`{"1": ${" ".repeat(17 * 2 ** 20)}`);
  await assert.rejects(loadPubMedQA(path), { code: "DATA_INVALID", message: /longer than 16777216 characters/ });
});

test("the prompt and the conversation", () => {
  const record = { id: "1", question: "Is it?", contexts: ["One.", "Two."] };
  assert.equal(pubmedqaPrompt(record), "Context: One. Two. Question: Is it?");
  const prompt = [
    { role: "system", content: PUBMEDQA_SYSTEM_PROMPT },
    { role: "user", content: "Context: One. Two. Question: Is it?" },
  ];
  assert.deepEqual(pubmedqaMessages(record, { answer: false }), prompt);
  assert.deepEqual(pubmedqaMessages({ ...record, label: "maybe", longAnswer: "It may." }, { answer: true }), [
    ...prompt,
    { role: "assistant", content: "maybe. It may." },
  ]);
  assert.throws(() => pubmedqaMessages({ ...record, longAnswer: "x" }, { answer: true }), {
    code: "DATA_INVALID",
    message: /record has no final_decision/,
  });
  assert.throws(() => pubmedqaMessages({ ...record, label: "no" }, { answer: true }), {
    code: "DATA_INVALID",
    message: /record has no LONG_ANSWER/,
  });
});

test("the system prompt is the published one", () => {
  assert.equal(PUBMEDQA_SYSTEM_PROMPT.length, 436);
  assert.equal(sha256Text(PUBMEDQA_SYSTEM_PROMPT), "91c142fd731c284be652ee12196df1f7f380f2f7387f33ff84acd6673ae86914");
});

const published = fileURLToPath(new URL("../../../shared/data/pubmedqa/pqal_train_500.json", import.meta.url));

test("500 records of the published set", {
  skip: existsSync(published) ? false : "shared/data/pubmedqa is not here",
}, async () => {
  const records = await loadPubMedQA(published);
  assert.equal(records.length, 500);
  const count = (wanted: string) => records.filter(({ label }) => label === wanted).length;
  assert.deepEqual([count("yes"), count("no"), count("maybe")], [276, 169, 55]);
  assert.equal(records[0]?.id, "10808977");
  assert.ok(records.every(({ longAnswer }) => longAnswer !== undefined));
});
