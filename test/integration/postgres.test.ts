import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  explainMimic,
  type MimicManifest,
  type PrepareMimicOptions,
  prepareMimic,
} from "../../dist/data/mimic/prepareMimic.js";
import { loadRows } from "../../dist/data/rows.js";
import { runCli } from "../unit/helpers/cli.js";
import { labelledNotes } from "../unit/helpers/labelledNotes.js";
import { PostgresServer, postgresPrograms } from "./postgresServer.js";

const programs = postgresPrograms();
const NOTES = 20_000;
/** Row ids of the labelled notes are these and their number. */
const LABELLED = 900_000;
const COLUMNS = `row_id int PRIMARY KEY, subject_id int, hadm_id int, chartdate timestamp(0), charttime timestamp(0),
  storetime timestamp(0), category varchar(50), description varchar(255), cgid int, iserror char(1), text text`;

describe("MIMIC-III in PostgreSQL", { skip: programs === undefined ? "PostgreSQL is not installed" : false }, () => {
  let server: PostgresServer;
  let folder: string;
  let output: string;
  let whole: MimicManifest;

  const prepare = (options: Partial<PrepareMimicOptions> = {}) =>
    prepareMimic({ input: { database: { url: server.url } }, output, ...options });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "medilora-noteevents-"));
    server = await PostgresServer.start(programs as string);
    await server.query(`CREATE TABLE noteevents (${COLUMNS})`);
    const csv = join(folder, "notes.csv");
    await makeNotes(csv);
    await server.copy("noteevents", csv);
    for (const [index, { text }] of labelledNotes("labelled-notes.txt").entries())
      await server.query("INSERT INTO noteevents (row_id, category, text) VALUES ($1, 'Discharge summary', $2)", [
        LABELLED + index,
        text,
      ]);
    output = join(folder, "whole.jsonl");
    whole = await prepare();
  });

  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test("every discharge summary that is no error is read once, and no placeholder is left", async () => {
    const rows = await server.query(
      "SELECT row_id FROM noteevents WHERE btrim(category) = 'Discharge summary' AND iserror IS DISTINCT FROM '1'",
    );
    const written = (await loadRows(output)) as Array<{ id: string; text: string }>;
    // Note 28 of the labelled ones has no section, and every generated one has.
    const expected = rows.map(({ row_id }) => Number(row_id)).filter((id) => id !== LABELLED + 27);
    assert.deepEqual(
      written.map(({ id }) => Number(id)),
      expected.sort((a, b) => a - b),
    );
    assert.equal(whole.counts.read, NOTES + 40);
    assert.deepEqual(whole.counts.skipped, { category: NOTES / 10, iserror: NOTES / 20, "no-section": 1 });
    for (const { id, text } of written)
      assert.ok(!/\[\*\*|\*\*\]|[[\]{}]/.test(text.replace(/\[[ xX]?\]/g, "")), `row ${id}`);
  });

  test("sections of the labelled notes: precision and recall at least 0.95", async () => {
    const records = new Map<string, string[]>();
    for (const line of (await readFile(`${output}.documents.jsonl`, "utf8")).trimEnd().split("\n")) {
      const { id, sections } = JSON.parse(line) as { id: string; sections: string[] };
      records.set(id, sections);
    }
    let right = 0;
    let found = 0;
    let wanted = 0;
    for (const [index, { sections }] of labelledNotes("labelled-notes.txt").entries()) {
      const mine = records.get(String(LABELLED + index)) ?? [];
      found += mine.length;
      wanted += sections.length;
      const left = [...mine];
      for (const { name } of sections)
        if (left.includes(name)) {
          left.splice(left.indexOf(name), 1);
          right += 1;
        }
    }
    assert.ok(right / found >= 0.95 && right / wanted >= 0.95, `${right} of ${found} found, ${wanted} labelled`);
  });

  test("a connection that is cut in the middle of the read loses and repeats nothing", async () => {
    const lostAfter: Array<string | null> = [];
    const onRetry = (lastRowId: string | null) => lostAfter.push(lastRowId);
    const cut = join(folder, "cut.jsonl");
    const cuts: Array<Promise<unknown>> = [];
    const manifest = await prepare({
      output: cut,
      input: { database: { url: server.url, retryDelay: 20, onRetry } },
      onProgress: ({ rows }) => {
        if (rows === 3000 || rows === 9000 || rows === 15_000)
          cuts.push(
            server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'medilora'"),
          );
      },
    });
    await Promise.all(cuts);
    assert.equal(lostAfter.length, 3, `lost after ${lostAfter.join(", ")}`);
    assertSame(manifest, whole);
  });

  test("nor does a server that goes down and comes back", async () => {
    let lost = 0;
    const onRetry = () => {
      lost += 1;
    };
    let restart: Promise<void> | undefined;
    const manifest = await prepare({
      output: join(folder, "down.jsonl"),
      input: { database: { url: server.url, retryDelay: 200, onRetry } },
      onProgress: ({ rows }) => {
        if (rows === 6000) restart = server.stop("SIGQUIT").then(() => server.run());
      },
    });
    await restart;
    assert.ok(lost >= 1);
    assertSame(manifest, whole);
  });

  test("the transaction is read-only", async () => {
    await server.query("CREATE TABLE trace (at timestamptz)");
    await server.query(`CREATE FUNCTION leave_trace(t text) RETURNS text LANGUAGE plpgsql VOLATILE AS
      $$ BEGIN INSERT INTO trace VALUES (now()); RETURN t; END $$`);
    await server.query(`CREATE VIEW traced AS SELECT row_id, category, iserror, leave_trace(text) AS text
      FROM noteevents WHERE row_id < 10`);
    await assert.rejects(prepare({ input: { database: { url: server.url, table: "traced" } } }), {
      code: "FILE_READ",
      message: /Reading table traced failed \(25006\)/,
    });
    assert.deepEqual(await server.query("SELECT * FROM trace"), []);
  });

  test("time limits of the server do not hold for the transaction", async () => {
    await server.query(`CREATE VIEW limits AS SELECT 1 AS row_id, 'Discharge summary' AS category, false AS iserror,
      'PLAN: ' || current_setting('statement_timeout') || ', ' || current_setting('idle_in_transaction_session_timeout')
      AS text`);
    const options = "-c statement_timeout=50000 -c idle_in_transaction_session_timeout=50000";
    const limits = join(folder, "limits.jsonl");
    const url = `${server.url}?options=${encodeURIComponent(options)}`;
    await prepare({ output: limits, input: { database: { url, table: "limits" } } });
    assert.deepEqual(await loadRows(limits), [{ id: "1", text: "PLAN:\n0, 0" }]);
  });

  test("errors are told by 1.0 and true as well", async () => {
    for (const [name, flag] of [
      ["numbers", "(row_id % 2)::numeric(2, 1)"],
      ["booleans", "row_id % 2 = 1"],
    ]) {
      await server.query(`CREATE VIEW ${name} AS SELECT row_id, 'Discharge summary' AS category, ${flag} AS iserror,
        'PLAN: rest' AS text FROM generate_series(1, 4) AS row_id`);
      const flags = join(folder, "flags.jsonl");
      const { counts } = await prepare({ output: flags, input: { database: { url: server.url, table: name } } });
      assert.deepEqual(counts, { read: 4, used: 2, skipped: { iserror: 2 } });
    }
  });

  test("a read that waits for the server can be aborted", { timeout: 60_000 }, async () => {
    await server.query(`CREATE VIEW slow AS SELECT 1 AS row_id, 'Discharge summary' AS category, '' AS iserror,
      'PLAN: rest' || pg_sleep(3600) AS text`);
    const input = { database: { url: server.url, table: "slow" } };
    const slow = prepare({ output: join(folder, "slow.jsonl"), input, signal: AbortSignal.timeout(500) });
    await assert.rejects(slow, { code: "ABORTED" });
    assert.ok(!existsSync(join(folder, "slow.jsonl")));
  });

  test("a table that is not there or is another one is named", async () => {
    await server.query("CREATE TABLE other (id int)");
    for (const table of ["nowhere", "mimiciii.noteevents", "other"])
      await assert.rejects(prepare({ input: { database: { url: server.url, table } } }), {
        code: "DATA_INVALID",
        message: new RegExp(`^Table ${table} cannot be read as NOTEEVENTS`),
      });
  });

  test("rows without row_id, and row_ids that are no numbers, are refused and not taken for a lost server", async () => {
    for (const [name, id, problem] of [
      ["no_ids", "NULL::int", "a row without row_id"],
      ["text_ids", "'a1'::text", "row_id that is not a whole number"],
    ]) {
      await server.query(
        `CREATE VIEW ${name} AS SELECT ${id} AS row_id, 'Discharge summary' AS category, '' AS iserror, 'PLAN: rest' AS text`,
      );
      const refused = prepare({
        output: join(folder, "ids.jsonl"),
        input: { database: { url: server.url, table: name } },
      });
      await assert.rejects(refused, { code: "DATA_INVALID", message: new RegExp(problem as string) });
      assert.ok(!existsSync(join(folder, "ids.jsonl")));
    }
  });

  test("long notes are read a few at a time", async () => {
    // 120 notes of 2 MB; all of them at once would not fit the child's memory.
    await server.query("CREATE TABLE long_notes (row_id int, category text, iserror text, text text)");
    await server.query(`INSERT INTO long_notes SELECT row_id, 'Discharge summary', '',
      'PLAN: ' || repeat('rest and tea ' || row_id || E'.\\n', 2000000 / (16 + length(row_id::text)))
      FROM generate_series(1, 120) AS row_id`);
    const small = join(folder, "long.jsonl");
    const args = [
      "--db",
      server.url,
      "--table",
      "long_notes",
      "--output",
      small,
      "--sections",
      "whole",
      "--limit",
      "60",
    ];
    const { code, stdout, stderr } = await runCli(["prepare", "mimic", ...args], {
      nodeArgs: ["--max-old-space-size=120"],
    });
    assert.equal(code, 0, stdout + stderr);
  });

  test("explain finds a note; the command reads a table of another schema", async () => {
    const { text } = labelledNotes("labelled-notes.txt")[6] as { text: string };
    const input = { database: { url: server.url } };
    const explained = await explainMimic({ input, rowId: String(LABELLED + 6) });
    assert.ok(explained.startsWith(`== the note: ${text.length} characters\n${text}`));
    await server.query("CREATE SCHEMA mimiciii");
    await server.query("CREATE TABLE mimiciii.notes AS SELECT * FROM noteevents WHERE row_id <= 100");
    const small = join(folder, "small.jsonl");
    const args = ["--db", server.url, "--table", "mimiciii.notes", "--output", small, "--limit", "5", "--json"];
    const { code, stdout } = await runCli(["prepare", "mimic", ...args]);
    assert.equal(code, 0);
    const { source } = JSON.parse(stdout) as MimicManifest;
    assert.ok("table" in source && source.table === "mimiciii.notes");
    assert.match(source.database, /^127\.0\.0\.1:\d+\/postgres$/);
    assert.equal((await loadRows(small)).length, 5);
  });
});

/** Real transcriptions where they are, else made-up sentences, in MIMIC-III's form. */
async function makeNotes(csv: string): Promise<void> {
  const script = fileURLToPath(new URL("../../scripts/make-mimic-csv.mjs", import.meta.url));
  const real = fileURLToPath(new URL("../../../shared/data/clinical_notes/mtsamples.jsonl", import.meta.url));
  const from = existsSync(real) ? ["--from", real] : [];
  await promisify(execFile)(process.execPath, [script, csv, "--notes", String(NOTES), ...from]);
}

function assertSame(manifest: MimicManifest, whole: MimicManifest): void {
  assert.deepEqual(manifest.counts, whole.counts);
  assert.deepEqual(manifest.source, whole.source);
  assert.deepEqual(
    manifest.outputs.map(({ sha256, rows }) => [sha256, rows]),
    whole.outputs.map(({ sha256, rows }) => [sha256, rows]),
  );
}
