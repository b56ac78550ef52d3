import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { readCsvRecords, readCsvRows } from "../../dist/data/formats/csv.js";
import { detectFormat, readRecords } from "../../dist/data/formats/detect.js";
import { readJsonArray } from "../../dist/data/formats/json.js";
import { isMediloraError } from "../../dist/errors.js";
import { collect, fixture, jsonLines, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();

/** Stands in every malformed file; no error may quote it. */
const SECRET = "Zebra Quagga";

async function values(path: string, options?: { at?: string }): Promise<unknown[]> {
  return (await collect(readRecords(path, options))).map(({ value }) => value);
}

test("the format is told by the first bytes, and CSV by the name", async () => {
  const files: Array<[string, string, string]> = [
    ["a.json", ' \n[{"a":1}]', "json"],
    ["b.json", '{"a":1}\n{"a":2}\n', "jsonl"],
    ["c.json", '{\n"questions": []}', "json"],
    ["d.jsonl", '\uFEFF{"a":1}\n', "jsonl"],
    ["e.jsonl", "[1]", "json"],
    ["f.CSV", "a,b\n", "csv"],
    ["g.jsonl", '{"broken\n', "jsonl"],
    ["h.dat", '{"a":1}', "jsonl"],
    ["i.parquet", "PAR1....", "parquet"],
  ];
  for (const [name, content, format] of files)
    assert.equal(await detectFormat(await folder.write(name, content)), format, name);
  await assert.rejects(detectFormat(await folder.write("j.txt", SECRET)), { code: "DATA_INVALID", message: /j\.txt/ });
  await assert.rejects(detectFormat(folder.path("none.json")), { code: "FILE_NOT_FOUND" });
});

test("all four formats give the same records", async () => {
  const rows = [
    { question: 'Says "so",\nand more', answer: "é 😀" },
    { question: "b", answer: "" },
  ];
  const quoted = rows.map(({ question, answer }) => `"${question.replaceAll('"', '""')}","${answer}"`);
  const paths = [
    await folder.write("same.json", JSON.stringify(rows)),
    await folder.write("same.jsonl", `\n${jsonLines(rows)}`),
    await folder.write("same.csv", `\uFEFFquestion,answer\r\n${quoted.join("\r\n")}\r\n`),
    await folder.write("same.parquet", new Uint8Array(parquetOf(rows))),
  ];
  for (const path of paths) assert.deepEqual(await values(path), rows, path);
});

function parquetOf(rows: ReadonlyArray<{ question: string; answer: string }>, rowGroupSize = 1): ArrayBuffer {
  return parquetWriteBuffer({
    rowGroupSize,
    columnData: (["question", "answer"] as const).map((name) => ({
      name,
      type: "STRING",
      data: rows.map((row) => row[name]),
    })),
  });
}

test("compressed Parquet is read", async () => {
  const columnData = [{ name: "text", data: ["a".repeat(500), "b"], type: "STRING" as const }];
  const compressors = { GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)) };
  for (const codec of ["UNCOMPRESSED", "SNAPPY", "GZIP"] as const) {
    const bytes = parquetWriteBuffer({ columnData, codec, compressors });
    const path = await folder.write(`${codec}.parquet`, new Uint8Array(bytes));
    assert.deepEqual(await values(path), [{ text: "a".repeat(500) }, { text: "b" }], codec);
  }
});

test("Parquet values become plain JSON values, over row groups", async () => {
  const path = await folder.write(
    "types.parquet",
    new Uint8Array(
      parquetWriteBuffer({
        rowGroupSize: 2,
        columnData: [
          { name: "n", data: [1n, 2n ** 60n, 3n], type: "INT64" },
          { name: "list", data: [["a"], [], ["b", "c"]] },
        ],
      }),
    ),
  );
  const records = await collect(readRecords(path));
  assert.deepEqual(
    records.map(({ value }) => value),
    [
      { n: 1, list: ["a"] },
      { n: String(2n ** 60n), list: [] },
      { n: 3, list: ["b", "c"] },
    ],
  );
  assert.deepEqual(
    records.map(({ row }) => row),
    [1, 2, 3],
  );
});

test("the array of an outer object is found by its field, not inside strings or deeper objects", async () => {
  const value = {
    note: 'not "questions": [1]',
    deep: { questions: [{ id: 0 }] },
    questions: [
      { id: 1, brackets: "]},{[" },
      { id: 2, questions: [{ id: 3 }] },
    ],
    after: [{ id: 4 }],
  };
  for (const indent of [0, 2]) {
    const path = await folder.write("outer.json", JSON.stringify(value, null, indent));
    assert.deepEqual(await values(path, { at: "questions" }), value.questions);
  }
  const path = await folder.write("outer.json", JSON.stringify(value));
  await assert.rejects(values(path, { at: "answers" }), { code: "DATA_INVALID", message: /no field answers/ });
});

test("any array of JSON objects is read as JSON.parse reads it, also across chunks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 6 }), async (records) => {
      const path = await folder.write("property.json", JSON.stringify(records, null, 1));
      const plain = JSON.parse(JSON.stringify(records)) as unknown;
      assert.deepEqual(await values(path), plain);
      const wrapped = await folder.write("wrapped.json", JSON.stringify({ a: { items: 1 }, items: records, z: [{}] }));
      assert.deepEqual(await values(wrapped, { at: "items" }), plain);
    }),
    { numRuns: 60 },
  );
  // Longer than the reader's chunks, so that records, strings and escapes are cut in the middle.
  const long = Array.from({ length: 300 }, (_, i) => ({ i, text: 'é"\\n,]}'.repeat(150) }));
  assert.deepEqual(await values(await folder.write("long.json", JSON.stringify(long))), long);
});

test("an outer object that names the array twice, or has text around it, is refused", async () => {
  const cases: Array<[string, RegExp]> = [
    [`{"rows": [{"a":1}], "rows": [{"a":2}]}`, /field rows twice/],
    [`{"rows": [{"a":1}]} ${SECRET}`, /after the end/],
    [`${SECRET} {"rows": [{"a":1}]}`, /neither/],
  ];
  for (const [content, message] of cases)
    await assert.rejects(values(await folder.write("around.json", content), { at: "rows" }), {
      code: "DATA_INVALID",
      message,
    });
  assert.deepEqual(await values(await folder.write("blank.json", ' \t\r\n[{"a":1}]\r\n\t ')), [{ a: 1 }]);
});

test("an empty array gives no records", async () => {
  assert.deepEqual(await values(await folder.write("empty.json", " [ ] ")), []);
  assert.deepEqual(await values(await folder.write("empty2.json", '{"q": []}'), { at: "q" }), []);
});

test("malformed files are refused with file and place, never with their text", async () => {
  const cases: Array<[string, string | Uint8Array, RegExp]> = [
    ["m.jsonl", `{"a":1}\n{"a": "${SECRET}\n`, /m\.jsonl, line 2/],
    ["n.jsonl", `{"a":1}\n\n["${SECRET}"]\n`, /n\.jsonl, line 3.*object/],
    ["o.jsonl", Buffer.from([0x7b, 0x7d, 0x0a, 0x22, 0xff, 0x22]), /o\.jsonl, line 2.*UTF-8/],
    ["a.json", `[{"a":1},{"a":"${SECRET}"`, /a\.json, row 2.*ends early/],
    ["b.json", `[{"a":1},{"a":${SECRET}}]`, /b\.json, row 2.*JSON/],
    ["c.json", `[{"a":1}, "${SECRET}"]`, /c\.json, row 2.*object/],
    ["d.json", `[{"a":1},]`, /d\.json, row 2/],
    ["e.json", `{\n"a": "${SECRET}"}`, /e\.json.*array/],
    ["f.json", `[{"a":1}}, "${SECRET}"]`, /f\.json, row 1/],
    ["g.json", `[{"a":1}] [{"a":"${SECRET}"}]`, /g\.json.*after/],
    ["h.json", `[{"a":1}] ${SECRET}`, /h\.json, row 2.*after/],
    ["i.json", `${SECRET} [{"a":1}]`, /i\.json.*none of/],
    ["a.csv", `a,b\n1,2\n${SECRET}\n`, /a\.csv, line 3.*fields/],
    ["b.csv", `a,b\n1,"${SECRET}\n`, /b\.csv, line \d+.*quote/],
    ["c.csv", `a,b\n1,"${SECRET}"x\n`, /c\.csv, line 2.*quote/],
    ["d.csv", `a,a\n${SECRET},2\n`, /d\.csv.*column 2/],
    ["e.csv", `a,\n${SECRET},2\n`, /e\.csv.*column 2/],
    ["f.csv", "", /f\.csv.*empty/],
    ["g.csv", Buffer.from([0x61, 0x0a, 0xff]), /g\.csv.*UTF-8/],
    ["h.csv", Buffer.from(`\uFEFFa,b\n1,${SECRET}\n`, "utf16le"), /h\.csv.*UTF-16/],
    ["p.jsonl", Buffer.from(`\uFEFF{"a":"${SECRET}"}\n`, "utf16le").swap16(), /p\.jsonl.*UTF-16/],
    ["a.parquet", `PAR1${SECRET}`, /a\.parquet.*Parquet/],
  ];
  for (const [name, content, message] of cases) {
    const path = await folder.write(name, content);
    await assert.rejects(values(path), (error: unknown) => {
      assert.ok(isMediloraError(error), `${name}: ${String(error)}`);
      assert.equal(error.code, "DATA_INVALID", name);
      assert.match(error.message, message);
      assert.ok(!`${error.message}${error.stack}${String(error.cause)}`.includes("Zebra"), `${name} quotes the data`);
      return true;
    });
  }
});

test("a Parquet file with damaged pages is refused with its rows", async () => {
  const bytes = new Uint8Array(parquetOf([{ question: SECRET.repeat(50), answer: "b" }]));
  bytes.fill(0xff, 4, 40);
  await assert.rejects(values(await folder.write("page.parquet", bytes)), {
    code: "DATA_INVALID",
    message: /page\.parquet, rows 1 to 1/,
  });
});

test("CSV rows without a header keep quoted newlines", async () => {
  const rows = await collect(readCsvRows(fixture("mmlu.csv")));
  assert.deepEqual(
    rows.map((row) => row.length),
    [6, 6],
  );
  assert.ok(rows[0]?.[0]?.includes("\nis a bone"));
});

test("stopping early closes the file and is no error", async () => {
  const path = await folder.write("many.csv", `a\n${"x\n".repeat(50_000)}`);
  for await (const { row } of readCsvRecords(path)) if (row === 3) break;
  const json = await folder.write("many.json", JSON.stringify(Array.from({ length: 50_000 }, () => ({ a: 1 }))));
  for await (const { row } of readJsonArray(json)) if (row === 3) break;
});
