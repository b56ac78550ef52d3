import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { hasChatMarker } from "../../dist/chat/chatml.js";
import { loadPubMedQA, type PubMedQARecord, pubmedqaPrompt } from "../../dist/data/pubmedqa.js";

const root = new URL("../../", import.meta.url);
const sample = fileURLToPath(new URL("assets/sample/pubmedqa-synthetic.json", root));

let records: PubMedQARecord[];
before(async () => {
  records = await loadPubMedQA(sample);
});

test("the script makes the very file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "medilora-sample-"));
  try {
    const made = join(folder, "sample.json");
    const script = fileURLToPath(new URL("scripts/make-sample-data.mjs", root));
    await promisify(execFile)(process.execPath, [script, made]);
    assert.ok((await readFile(made)).equals(await readFile(sample)));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("360 rows with PubMedQA's label shares, below 600 KB", async () => {
  const count = (wanted: string) => records.filter(({ label }) => label === wanted).length;
  assert.deepEqual([count("yes"), count("no"), count("maybe")], [198, 122, 40]);
  assert.equal(records[0]?.id, "synthetic-0001");
  assert.equal(records.at(-1)?.id, "synthetic-0360");
  assert.ok((await readFile(sample)).length < 600_000);
});

test("every row says that it is synthetic and has one label a section", async () => {
  const raw = JSON.parse(await readFile(sample, "utf8")) as Record<
    string,
    { SYNTHETIC: boolean; CONTEXTS: string[]; LABELS: string[] }
  >;
  for (const [id, row] of Object.entries(raw)) {
    assert.equal(row.SYNTHETIC, true, id);
    assert.equal(row.LABELS.length, row.CONTEXTS.length, id);
    assert.equal(row.LABELS.at(-1), "RESULTS", id);
  }
});

test("no question and no abstract occurs twice", () => {
  assert.equal(new Set(records.map(({ question }) => question)).size, records.length);
  assert.equal(new Set(records.map(({ contexts }) => contexts.join(" "))).size, records.length);
});

test("contexts have 3 or 4 sections and 60 to 110 words; answers are one sentence", () => {
  for (const record of records) {
    const words = record.contexts.join(" ").split(/\s+/).length;
    assert.ok(words >= 60 && words <= 110, `${record.id}: ${words} words`);
    assert.ok(record.contexts.length === 3 || record.contexts.length === 4, record.id);
    assert.match(record.longAnswer ?? "", /^[A-Z][^.?!]*\.$/, record.id);
    assert.ok(!hasChatMarker(pubmedqaPrompt(record)), record.id);
    assert.doesNotMatch(pubmedqaPrompt(record), /undefined|NaN|\s{2}/, record.id);
  }
});

/** The label as the RESULTS section's p-values and group means tell it. */
function labelOf(results: string, higherIsBetter: boolean): string {
  const tests = [...results.matchAll(/\((\d+) versus (\d+) [^,]*, p = (0\.\d+)\)/g)];
  assert.ok(tests.length > 0);
  const found = tests.map(([, treated, control, p]) => {
    const gain = (Number(treated) - Number(control)) * (higherIsBetter ? 1 : -1);
    assert.equal(gain > 2, Number(p) < 0.05, "a clear difference and a small p go together");
    return gain > 2;
  });
  return found.every(Boolean) ? "yes" : found.some(Boolean) ? "maybe" : "no";
}

test("the RESULTS section determines the label, and the long answer agrees", () => {
  const better = /walking distance|adherence|sleep time|grip strength|satisfaction|quality of life/i;
  for (const record of records) {
    const results = record.contexts.at(-1) ?? "";
    assert.equal(labelOf(results, better.test(record.question)), record.label, record.id);
    const answer = record.longAnswer ?? "";
    const said = / may |only/.test(answer) ? "maybe" : / not | no effect/.test(answer) ? "no" : "yes";
    assert.equal(said, record.label, record.id);
  }
});

test("p-values stand in the RESULTS section only", () => {
  for (const { contexts, id } of records) assert.doesNotMatch(contexts.slice(0, -1).join(" "), /p = /, id);
});
