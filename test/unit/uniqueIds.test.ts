import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { prepareGuidelines } from "../../dist/data/guidelines.js";
import { prepareMimic } from "../../dist/data/mimic/prepareMimic.js";
import { loadRows } from "../../dist/data/rows.js";
import { UniqueIds } from "../../dist/data/uniqueIds.js";
import { jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const idsOf = async (path: string) => (await loadRows(path)).map(({ id }) => id);

test("a repeated id gets the next number that is free", () => {
  const ids = new UniqueIds();
  const asked = ["a", "a", "a#2", "a", "7", "07", "7", "a#2#2", "a#2"];
  const given = asked.map((id) => ids.take(id));
  assert.deepEqual(given, ["a", "a#2", "a#2#2", "a#3", "7", "07", "7#2", "a#2#2#2", "a#2#3"]);
  assert.equal(ids.repeated, 6);
});

test("no two ids are the same, whatever is asked for, and the first of each is kept", () => {
  const id = fc.oneof(fc.constantFrom("a", "a#2", "a#3", "1", "01", "123456789", "1234567890"), fc.string());
  fc.assert(
    fc.property(fc.array(id), (asked) => {
      const ids = new UniqueIds();
      const given = asked.map((one) => ids.take(one));
      assert.equal(new Set(given).size, asked.length);
      assert.equal(given[0], asked[0]);
      assert.equal(ids.repeated, given.filter((one, index) => one !== asked[index]).length);
    }),
  );
});

test("guidelines: repeated ids are made unique in rows and records, and counted", async () => {
  const line = (id: unknown) => ({ id, source: "who", clean_text: "Wash hands." });
  const input = await folder.write("guidelines.jsonl", jsonLines(["g", 5, "g", "5"].map(line)));
  const output = folder.path("guidelines.out.jsonl");
  const { counts } = await prepareGuidelines({ input, output });
  assert.deepEqual(await idsOf(output), ["g", "5", "g#2", "5#2"]);
  const records = await readJsonLines<{ id: string }>(`${output}.documents.jsonl`);
  assert.deepEqual(
    records.map(({ id }) => id),
    ["g", "5", "g#2", "5#2"],
  );
  assert.deepEqual(counts, { read: 4, used: 4, skipped: {}, repeatedIds: 2 });
  const long = await folder.write("long.jsonl", '{"id": 12345678901234567890, "clean_text": "Wash hands."}\n');
  await assert.rejects(prepareGuidelines({ input: long, output }), {
    code: "DATA_INVALID",
    message: /line 1: field id is a number beyond 2\^53/,
  });
});

test("MIMIC-III: so are repeated ROW_IDs", async () => {
  const header = "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,DESCRIPTION,CGID,ISERROR,TEXT";
  const note = (id: number) => `${id},,,,,,Discharge summary,,,,"PLAN: rest"\n`;
  const csv = await folder.write("notes.csv", `${header}\n${[1, 2, 1].map(note).join("")}`);
  const output = folder.path("notes.jsonl");
  const { counts } = await prepareMimic({ input: { csv }, output });
  assert.deepEqual(await idsOf(output), ["1", "2", "1#2"]);
  assert.equal(counts.repeatedIds, 1);
});
