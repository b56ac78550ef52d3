import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { detectFormat, readRecords } from "../../dist/data/formats/detect.js";
import { loadPubMedQA } from "../../dist/data/pubmedqa.js";
import { collect, jsonLines, temporaryFolder } from "./helpers/data.js";
import { fails } from "./helpers/results.js";

const folder = await temporaryFolder();
const rows = Array.from({ length: 3000 }, (_, i) => ({ id: `r${i}`, text: `Row ${i}, "quoted".` }));
const csv = `id,text\n${rows.map(({ id, text }) => `${id},"${text.replaceAll('"', '""')}"`).join("\n")}\n`;

describe("gzip", () => {
  for (const [name, content, format] of [
    ["a.jsonl.gz", jsonLines(rows), "jsonl"],
    ["a.json.gz", JSON.stringify(rows), "json"],
    ["a.csv.gz", csv, "csv"],
    // Published under a plain name, packed all the same.
    ["packed.csv", csv, "csv"],
  ] as const)
    it(`${name} is read as ${format}`, async () => {
      const path = await folder.write(name, gzipSync(content));
      assert.equal(await detectFormat(path), format);
      const records = await collect(readRecords(path));
      assert.deepEqual(
        records.map(({ value }) => value),
        rows,
      );
    });

  it("PubMedQA's JSON is read as well", async () => {
    const content = JSON.stringify({ 1: { QUESTION: "Is it?", CONTEXTS: ["So."], final_decision: "yes" } });
    const [record] = await loadPubMedQA(await folder.write("ori.json.gz", gzipSync(content)));
    assert.equal(record!.question, "Is it?");
  });

  it("cut short or damaged is named", async () => {
    const whole = gzipSync(jsonLines(Array.from({ length: 50_000 }, (_, i) => ({ id: `x${(i * 7919) % 65521}` }))));
    const cut = await folder.write("cut.jsonl.gz", whole.subarray(0, whole.length - 20));
    await assert.rejects(collect(readRecords(cut)), fails("DATA_INVALID", /cut\.jsonl\.gz: the gzip file is damaged/));
    const broken = Buffer.from(whole);
    broken.fill(0xff, whole.length / 2, whole.length / 2 + 64);
    const path = await folder.write("broken.jsonl.gz", broken);
    await assert.rejects(collect(readRecords(path)), fails("DATA_INVALID", /broken\.jsonl\.gz/));
  });

  it("an absent and an empty file are what they were", async () => {
    await assert.rejects(collect(readRecords(folder.path("none.jsonl.gz"))), fails("FILE_NOT_FOUND", /none/));
    await assert.rejects(collect(readRecords(await folder.write("empty.jsonl", ""))), fails("DATA_EMPTY", /empty/));
  });
});
