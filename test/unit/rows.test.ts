import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isChatRow, loadRows, RowWriter, readRows, type TrainingRow } from "../../dist/data/rows.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-rows-"));
});
after(() => rm(folder, { recursive: true }));

async function fileOf(content: string | Uint8Array): Promise<string> {
  const path = join(await mkdtemp(join(folder, "case-")), "rows.jsonl");
  await writeFile(path, content);
  return path;
}

async function assertInvalid(content: string | Uint8Array, ...parts: string[]): Promise<void> {
  const path = await fileOf(content);
  await assert.rejects(loadRows(path), (error: Error & { code: string }) => {
    assert.equal(error.code, "DATA_INVALID");
    for (const part of [path, ...parts]) assert.ok(error.message.includes(part), `${error.message} lacks ${part}`);
    assert.ok(!JSON.stringify([error.message, String(error.cause)]).includes("SECRET"), "holds the user's text");
    return true;
  });
}

const chat: TrainingRow = {
  id: "c1",
  messages: [
    { role: "user", content: "q" },
    { role: "assistant", content: "a" },
  ],
  label: "yes",
};

test("chat and completion rows, blank lines, CRLF, no final newline, missing ids", async () => {
  const path = await fileOf(
    `\n${JSON.stringify(chat)}\r\n \t\n{"text":"t\\u00e9"}\n{"id":"d","text":"\u2028x","extra":1}`,
  );
  const rows = await loadRows(path);
  assert.deepEqual(rows, [chat, { id: "row-4", text: "té" }, { id: "d", text: "\u2028x" }]);
  assert.deepEqual(rows.map(isChatRow), [true, false, false]);
});

test("a byte order mark is no part of the first row", async () => {
  assert.deepEqual(await loadRows(await fileOf('\ufeff{"text":"a"}\n')), [{ id: "row-1", text: "a" }]);
});

test("lines and characters that straddle the reader's pieces stay whole", async () => {
  // 3-byte characters do not divide the 65,536-byte pieces, and the last row spans several of them.
  const rows = [1, 2, 3].map((id) => ({ id: String(id), text: "€".repeat(70_000 * id) }));
  const path = await fileOf(rows.map((row) => JSON.stringify(row)).join("\n"));
  assert.deepEqual(await loadRows(path), rows);
});

test("errors name file, line and field and never quote the text", async () => {
  await assertInvalid('{"text":"ok"}\n\n{"text": SECRET}\n', "line 3", "JSON");
  await assertInvalid('"SECRET"', "line 1", "object");
  await assertInvalid('["SECRET"]', "line 1", "object");
  await assertInvalid('{"id":"SECRET"}', "line 1", '"text"');
  await assertInvalid('{"text":7}', '"text"');
  await assertInvalid('{"text":"  "}', '"text"');
  await assertInvalid('{"id":5,"text":"SECRET"}', '"id"');
  await assertInvalid('{"text":"SECRET","messages":[]}', '"messages" and "text"');
  await assertInvalid('{"messages":[]}', '"messages"');
  await assertInvalid('{"messages":"SECRET"}', '"messages"');
  await assertInvalid('{"messages":["SECRET"]}', '"messages[0]"');
  await assertInvalid(
    '{"messages":[{"role":"user","content":"q"},{"role":"SECRET","content":"q"}]}',
    "messages[1].role",
  );
  await assertInvalid('{"messages":[{"role":"user","content":["SECRET"]}]}', "messages[0].content");
  await assertInvalid('{"messages":[{"role":"user","content":""}]}', "messages[0].content");
  await assertInvalid('{"messages":[{"role":"user","content":"q"}],"label":1}', '"label"');
  await assertInvalid(
    Buffer.concat([Buffer.from('{"text":"ok"}\n{"text":"'), Buffer.of(0xff), Buffer.from('"}')]),
    "line 2",
    "UTF-8",
  );
});

test("rows before a bad line are handed out, so that reading is streaming", async () => {
  const path = await fileOf('{"text":"a"}\n{"text":"b"}\nbad');
  const texts: unknown[] = [];
  await assert.rejects(
    async () => {
      for await (const row of readRows(path)) texts.push(row.id);
    },
    { code: "DATA_INVALID" },
  );
  assert.deepEqual(texts, ["row-1", "row-2"]);
});

test("a line without end is refused before it fills the memory", async () => {
  const path = await fileOf(Buffer.alloc(65 * 2 ** 20, 0x20));
  await assert.rejects(loadRows(path), { code: "DATA_INVALID", message: /line 1: is longer than 67108864 bytes/ });
});

test("empty, blank and missing files", async () => {
  await assert.rejects(loadRows(await fileOf("")), { code: "DATA_EMPTY" });
  await assert.rejects(loadRows(await fileOf("\n \n")), { code: "DATA_EMPTY" });
  await assert.rejects(loadRows(join(folder, "none.jsonl")), { code: "FILE_NOT_FOUND" });
  await assert.rejects(loadRows(folder), { code: "FILE_READ" });
});

test("what RowWriter writes, readRows reads", async () => {
  const place = await mkdtemp(join(folder, "case-"));
  const path = join(place, "out.jsonl");
  const rows: TrainingRow[] = [chat, { id: "d", text: 'line\nbreak "quoted" \ud83d\ude00' }];
  {
    await using writer = await RowWriter.open(path);
    for (const row of rows) await writer.write(row);
    await writer.commit();
  }
  assert.deepEqual(await loadRows(path), rows);
  assert.equal((await readFile(path, "utf8")).split("\n").length, 3);
  if (process.platform !== "win32") assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(place), ["out.jsonl"]);
});

test("a RowWriter that is not committed leaves nothing", async () => {
  const place = await mkdtemp(join(folder, "case-"));
  {
    await using writer = await RowWriter.open(join(place, "out.jsonl"));
    await writer.write(chat);
  }
  assert.deepEqual(await readdir(place), []);
});
