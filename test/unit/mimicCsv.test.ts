import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { readCsv } from "../../dist/data/mimic/csv.js";
import type { Note } from "../../dist/data/mimic/notes.js";
import { CsvNoteSource } from "../../dist/data/mimic/sourceCsv.js";
import { sha256File } from "../../dist/util/hash.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-csv-"));
});
after(() => rm(folder, { recursive: true }));

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function records(text: string | Buffer, size = 1 << 16): Promise<string[][]> {
  const rows: string[][] = [];
  for await (const record of readCsv(pieces(Buffer.from(text), size), "x.csv"))
    rows.push(Array.from({ length: record.fieldCount }, (_, index) => record.field(index)));
  return rows;
}

test("quotes, doubled quotes, line feeds in quotes, line ends and empty fields", async () => {
  const cases: Array<[string, string[][]]> = [
    [
      'a,"b, ""c""\nd",\r\n"",e,f',
      [
        ["a", 'b, "c"\nd', ""],
        ["", "e", "f"],
      ],
    ],
    [
      "a,b\n\n\r\nc,d\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    ["a,", [["a", ""]]],
    ['"a"', [["a"]]],
    ['""""', [['"']]],
    ["", []],
    ["caf\u00e9,\u03b2", [["caf\u00e9", "\u03b2"]]],
  ];
  for (const [text, expected] of cases)
    for (const size of [1, 2, 3, 1000]) assert.deepEqual(await records(text, size), expected, `${text} by ${size}`);
});

test("the same records as csv-parse, wherever the pieces end", async () => {
  const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r\n", "\u00e9", " "), maxLength: 6 });
  const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`;
  const plain = (value: string) => value.replace(/[",\r\n]/g, "");
  const table = fc.array(fc.tuple(field, field, fc.boolean()), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(table, fc.integer({ min: 1, max: 9 }), async (rows, size) => {
      const text = rows.map(([a, b, bare]) => `${quoted(a)},${bare ? plain(b) : quoted(b)}`).join("\n");
      assert.deepEqual(await records(text, size), parse(text, { record_delimiter: "\n" }));
    }),
    { numRuns: 500 },
  );
});

test("broken files are named by record, without their text", async () => {
  const cases: Array<[string | Buffer, RegExp]> = [
    ['a\n"secret', /^x\.csv, record 2: opens a quote that is never closed\.$/],
    ['a\n"b"secret', /^x\.csv, record 2: has a quote in the wrong place/],
    ['a\nse"cret\n', /^x\.csv, record 2: has a quote in the wrong place/],
    [Buffer.from([0x61, 0x0a, 0xff, 0xfe]), /^x\.csv, record 2: is not UTF-8/],
  ];
  for (const [text, message] of cases) await assert.rejects(records(text), { code: "DATA_INVALID", message });
});

test("a quote that is never closed does not fill the memory", async () => {
  async function* endless(): AsyncGenerator<Buffer> {
    yield Buffer.from('a,"');
    for (;;) yield Buffer.alloc(1 << 22, 0x61);
  }
  await assert.rejects(
    async () => {
      for await (const _ of readCsv(endless(), "x.csv"));
    },
    { code: "DATA_INVALID", message: /record 1: is longer than 33554432 bytes/ },
  );
});

const HEADER = "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,DESCRIPTION,CGID,ISERROR,TEXT";
const TABLE = `${HEADER}
1,9,,2151-07-16,,,"Discharge summary","Report",,,"HPI: a ""b""
c"
2,9,,2151-07-16,,,"Physician ","Report",,"","x"
3,9,,2151-07-16,,,"Discharge summary","Report",,"1","y"
4,9,,2151-07-16,,,"  discharge SUMMARY ","Report",,0,z
`;
const filter = { categories: new Set(["discharge summary"]) };

async function notesOf(source: CsvNoteSource): Promise<Note[]> {
  const notes: Note[] = [];
  for await (const note of source.notes()) notes.push(note);
  return notes;
}

test("notes of a file, plain, packed, and with a byte order mark", async () => {
  const expected = [
    { rowId: "1", text: 'HPI: a "b"\nc' },
    { rowId: "2", skip: "category", text: "" },
    { rowId: "3", skip: "iserror", text: "" },
    { rowId: "4", text: "z" },
  ];
  const files: Array<[string, Buffer]> = [
    ["n.csv", Buffer.from(TABLE)],
    ["n.csv.gz", gzipSync(TABLE)],
    ["misnamed.csv", gzipSync(TABLE)],
    ["mark.csv", Buffer.from(`\ufeff${TABLE}`)],
    ["lower.csv", Buffer.from(TABLE.replace(HEADER, HEADER.toLowerCase()))],
  ];
  for (const [name, bytes] of files) {
    const path = join(folder, name);
    await writeFile(path, bytes);
    const source = new CsvNoteSource(path, filter);
    assert.deepEqual(await notesOf(source), expected, name);
    assert.deepEqual(await source.describe(), { path, sha256: await sha256File(path) }, name);
  }
});

test("a note is an error also as 1.0 or true", async () => {
  const path = join(folder, "flags.csv");
  const flags = ["1", "1.0", " 1 ", "True", "t", "", "0", "0.0", "false", "10", "1.5"];
  const rows = flags.map((flag, index) => `${index},9,,,,,Discharge summary,,,"${flag}",x\n`);
  await writeFile(path, `${HEADER}\n${rows.join("")}`);
  const skips = (await notesOf(new CsvNoteSource(path, { categories: "all" }))).map(({ skip }) => skip === "iserror");
  assert.deepEqual(skips, [true, true, true, true, true, false, false, false, false, false, false]);
});

test("all categories; the hash is of the whole file also when reading stopped early", async () => {
  const path = join(folder, "all.csv");
  await writeFile(path, TABLE);
  const source = new CsvNoteSource(path, { categories: "all" });
  for await (const { rowId } of source.notes()) if (rowId === "2") break;
  assert.deepEqual(await source.describe(), { path, sha256: await sha256File(path) });
  const skips = (await notesOf(new CsvNoteSource(path, { categories: "all" }))).map(({ skip }) => skip);
  assert.deepEqual(skips, [undefined, undefined, "iserror", undefined]);
});

test("files that are no NOTEEVENTS", async () => {
  const cases: Array<[string | Buffer, RegExp]> = [
    ["", /is empty/],
    ["ROW_ID,TEXT\n1,secret\n", /the header lacks CATEGORY, ISERROR;/],
    [TABLE.replace("4,9", "4"), /record 5 has 10 fields, the header has 11/],
    [TABLE.replace("\n2,", "\n ,"), /record 3: field ROW_ID is blank/],
    [gzipSync(TABLE).subarray(0, 60), /damaged or cut gzip file/],
    [Buffer.concat([gzipSync(TABLE).subarray(0, 30), Buffer.alloc(40)]), /damaged or cut gzip file/],
  ];
  for (const [index, [content, message]] of cases.entries()) {
    const path = join(folder, `bad-${index}.csv`);
    await writeFile(path, content);
    await assert.rejects(notesOf(new CsvNoteSource(path, filter)), { code: "DATA_INVALID", message });
  }
  await assert.rejects(notesOf(new CsvNoteSource(join(folder, "none.csv"), filter)), { code: "FILE_NOT_FOUND" });
});
