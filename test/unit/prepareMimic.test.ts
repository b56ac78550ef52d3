import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { explainMimic, type PrepareMimicOptions, prepareMimic } from "../../dist/data/mimic/prepareMimic.js";
import { loadRows } from "../../dist/data/rows.js";
import { sha256File } from "../../dist/util/hash.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-mimic-"));
});
after(() => rm(folder, { recursive: true }));

const HEADER = "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,DESCRIPTION,CGID,ISERROR,TEXT";
const FULL = `Admission Date:  [**2151-7-16**]

HISTORY OF PRESENT ILLNESS:  Mr. [**Known lastname 5501**] is a 61-year-old man who
came in on [**2151-7-16**] with K 3.1 [3.5-5.0].
----------------------
ALLERGIES:
1) Sulfa
`;
const CLEAN =
  "HISTORY OF PRESENT ILLNESS:\nThe patient is a 61-year-old man who came in with K 3.1 (3.5-5.0).\n\nALLERGIES:\n1. Sulfa";

interface Case {
  csv: string;
  output: string;
  place: string;
}

/** @param notes row id, category, iserror, text */
async function caseOf(notes: ReadonlyArray<readonly [number, string, string, string]>): Promise<Case> {
  const place = await mkdtemp(join(folder, "case-"));
  const csv = join(place, "n.csv");
  const rows = notes.map(
    ([id, category, isError, text]) =>
      `${id},9,,2151-07-16,,,"${category}",,,${isError},"${text.replaceAll('"', '""')}"\n`,
  );
  await writeFile(csv, `${HEADER}\n${rows.join("")}`);
  return { place, csv, output: join(place, "out.jsonl") };
}

const mixed = [
  [11, "Discharge summary", "", FULL],
  [12, "Nursing", "", FULL],
  [13, "Discharge summary", "1", FULL],
  [14, "Discharge summary", "", "No header at all."],
  [15, "Discharge summary ", "", "PLAN: rest"],
] as const;

async function documents(output: string): Promise<Array<Record<string, unknown>>> {
  const text = await readFile(`${output}.documents.jsonl`, "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("notes become rows, and every note is counted and recorded, skipped ones with their reason", async () => {
  const { csv, output, place } = await caseOf(mixed);
  const manifest = await prepareMimic({ input: { csv }, output });
  assert.deepEqual(await loadRows(output), [
    { id: "11", text: CLEAN },
    { id: "15", text: "PLAN:\nrest" },
  ]);
  assert.deepEqual(manifest.counts, { read: 5, used: 2, skipped: { category: 1, iserror: 1, "no-section": 1 } });
  assert.deepEqual(manifest.characters, { in: FULL.length + 10, out: CLEAN.length + 10 });
  assert.deepEqual(manifest.sections, { history_of_present_illness: 1, allergies: 1, assessment_and_plan: 1 });
  const records = await documents(output);
  assert.deepEqual(
    records.map(({ id, outcome }) => [id, outcome]),
    [
      ["11", "used"],
      ["12", "category"],
      ["13", "iserror"],
      ["14", "no-section"],
      ["15", "used"],
    ],
  );
  assert.deepEqual(records[1], { id: "12", outcome: "category" });
  assert.deepEqual(Object.keys(records[3] ?? {}), [
    "id",
    "outcome",
    "charactersIn",
    "charactersOut",
    "sections",
    "removed",
  ]);
  const { removed, ...rest } = records[0] as { removed: Record<string, number> };
  assert.deepEqual(rest, {
    id: "11",
    outcome: "used",
    charactersIn: FULL.length,
    charactersOut: CLEAN.length,
    sections: ["history_of_present_illness", "allergies"],
  });
  // 22 dashes, one line feed for a blank, "on [**2151-7-16**]" and so on: what each rule took makes the whole.
  assert.equal(removed["mimic/rulers@3"], 22);
  assert.equal(
    Object.values(removed).reduce((sum, one) => sum + one, 0),
    FULL.length - CLEAN.length,
  );
  assert.deepEqual((await readdir(place)).sort(), [
    "n.csv",
    "out.jsonl",
    "out.jsonl.documents.jsonl",
    "out.jsonl.manifest.json",
  ]);
});

test("the manifest names source, rules and outputs, and holds no text", async () => {
  const { csv, output } = await caseOf(mixed);
  const manifest = await prepareMimic({ input: { csv }, output, sections: ["allergies"], categories: ["Nursing"] });
  const written = await readFile(`${output}.manifest.json`, "utf8");
  assert.deepEqual(JSON.parse(written), manifest);
  assert.deepEqual(manifest.source, { path: csv, sha256: await sha256File(csv) });
  assert.deepEqual(manifest.rules, {
    format: "mimic/noteevents@1",
    categories: ["nursing"],
    sections: ["allergies"],
    clean: [
      "text/characters@1",
      "mimic/fields@1",
      "mimic/rulers@3",
      "mimic/lists@3",
      "mimic/wraps@3",
      "mimic/placeholders@4",
      "mimic/brackets@2",
      "mimic/sections@2",
      "text/blanks@1",
    ],
  });
  const records = `${output}.documents.jsonl`;
  assert.deepEqual(manifest.outputs, [
    { kind: "train", path: output, sha256: await sha256File(output), rows: 1 },
    { kind: "documents", path: records, sha256: await sha256File(records), rows: 5 },
  ]);
  assert.deepEqual(await loadRows(output), [{ id: "12", text: "ALLERGIES:\n1. Sulfa" }]);
  for (const text of [written, await readFile(records, "utf8")]) assert.ok(!/Sulfa|61-year/.test(text));
  if (process.platform === "win32") return;
  for (const path of [output, records, `${output}.manifest.json`]) assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("the hash is that of the whole file, whatever is read of it", async () => {
  const { csv, output, place } = await caseOf(mixed);
  // A tape pads what it holds with zeros; gunzip stops in front of them.
  const padded = join(place, "padded.csv.gz");
  await writeFile(padded, Buffer.concat([gzipSync(await readFile(csv)), Buffer.alloc(3 << 20)]));
  for (const options of [
    { input: { csv: padded } },
    { input: { csv: padded }, limit: 1 },
    { input: { csv }, limit: 1 },
  ]) {
    const { source } = await prepareMimic({ ...options, output });
    const path = options.input.csv;
    assert.deepEqual(source, { path, sha256: await sha256File(path) });
  }
});

test("a file in UTF-16 is called so", async () => {
  const { csv, output, place } = await caseOf(mixed);
  const utf16 = join(place, "utf16.csv");
  await writeFile(utf16, Buffer.from(`\uFEFF${await readFile(csv, "utf8")}`, "utf16le"));
  await assert.rejects(prepareMimic({ input: { csv: utf16 }, output }), { code: "DATA_INVALID", message: /UTF-16/ });
});

test("whole notes, all categories, and a limit", async () => {
  const { csv, output } = await caseOf([...mixed, [16, "Nursing", "", "  \n"]]);
  const whole = await prepareMimic({ input: { csv }, output, sections: "whole", categories: "all" });
  assert.deepEqual(whole.counts, { read: 6, used: 4, skipped: { iserror: 1, empty: 1 } });
  assert.ok(!(whole.rules.clean as string[]).includes("mimic/sections@2"));
  const rows = (await loadRows(output)) as Array<{ id: string; text: string }>;
  assert.deepEqual(
    rows.map(({ id }) => id),
    ["11", "12", "14", "15"],
  );
  assert.match(rows[0]?.text ?? "", /^Admission Date:\n\nHISTORY OF PRESENT ILLNESS: The patient is/);
  const limited = await prepareMimic({ input: { csv }, output, limit: 1 });
  assert.deepEqual(limited.counts, { read: 1, used: 1, skipped: {} });
  assert.deepEqual(limited.source, whole.source);
});

test("explain shows the note before, after each rule, and after", async () => {
  const { csv } = await caseOf(mixed);
  const text = await explainMimic({ input: { csv }, rowId: "12" });
  const parts = text.split(/\n\n(?=== )/);
  assert.equal(parts[0], `== the note: ${FULL.length} characters\n${FULL}`);
  assert.equal(parts.at(-1), `== the result: ${CLEAN.length} characters\n${CLEAN}`);
  assert.deepEqual(
    parts.slice(1, -1).map((part) => part.slice(3, part.indexOf(":"))),
    [
      "text/characters@1",
      "mimic/fields@1",
      "mimic/rulers@3",
      "mimic/lists@3",
      "mimic/wraps@3",
      "mimic/placeholders@4",
      "mimic/brackets@2",
      "mimic/sections@2",
      "text/blanks@1",
    ],
  );
  assert.equal(parts[1], "== text/characters@1: no change");
  assert.match(parts[6] ?? "", /The patient is a 61-year-old/);
  await assert.rejects(explainMimic({ input: { csv }, rowId: "99" }), { code: "DATA_EMPTY", message: /row_id 99/ });
  await assert.rejects(explainMimic({ input: { csv }, rowId: "x" }), { code: "ARGUMENT_INVALID", message: /row_id/ });
  await assert.rejects(explainMimic({ input: { csv }, rowId: "13" }), { code: "DATA_EMPTY", message: /iserror/ });
});

test("arguments that cannot work, and no usable note, leave nothing behind", async () => {
  const { csv, output, place } = await caseOf(mixed);
  const database = { url: "postgres://localhost/mimic" };
  const cases: Array<[Partial<PrepareMimicOptions>, RegExp]> = [
    [{ limit: 0 }, /limit/],
    [{ sections: [] }, /sections must be whole/],
    [{ sections: ["lungs" as "allergies"] }, /sections must be whole, or some of history_of_present_illness/],
    [{ categories: [" "] }, /categories is empty/],
    [{ output: csv }, /different files/],
    [{ input: {} }, /either NOTEEVENTS.csv or the URL/],
    [{ input: { csv, database } }, /either NOTEEVENTS.csv or the URL/],
    [{ input: { database: { url: "mysql://x/y" } } }, /postgres:/],
    [{ input: { database: { ...database, table: 'x"; DROP TABLE y' } } }, /plain name/],
  ];
  for (const [options, message] of cases)
    await assert.rejects(prepareMimic({ input: { csv }, output, ...options }), { code: "ARGUMENT_INVALID", message });
  await assert.rejects(prepareMimic({ input: { csv }, output, categories: ["Radiology"] }), {
    code: "DATA_EMPTY",
    message: /None of 5 notes could be used \(4 category, 1 iserror\). Categories: radiology\./,
  });
  assert.deepEqual(await readdir(place), ["n.csv"]);
});

test("an abort stops at the next note and leaves nothing", async () => {
  const notes = Array.from({ length: 250 }, (_, index) => [index + 1, "Discharge summary", "", FULL] as const);
  const { csv, output, place } = await caseOf(notes);
  const controller = new AbortController();
  const seen: number[] = [];
  const onProgress = ({ rows }: { rows: number }) => {
    seen.push(rows);
    if (rows === 200) controller.abort();
  };
  const options = { input: { csv }, output, onProgress };
  await assert.rejects(prepareMimic({ ...options, signal: controller.signal }), { code: "ABORTED" });
  assert.deepEqual(seen, [100, 200]);
  assert.deepEqual(await readdir(place), ["n.csv"]);
  assert.equal((await prepareMimic(options)).counts.used, 250);
});
