import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { MimicExplanation } from "../../dist/data/mimic/prepareMimic.js";
import { runCli } from "./helpers/cli.js";

let folder: string;
let csv: string;
let output: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-cli-text-"));
  csv = join(folder, "n.csv");
  output = join(folder, "out.jsonl");
  const header = "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,DESCRIPTION,CGID,ISERROR,TEXT";
  await writeFile(
    csv,
    `${header}\n1,,,,,,Nursing,,,,"PLAN: rest"\n2,,,,,,Discharge summary,,,,"HPI: cough\nPLAN: tea"\n`,
  );
});
after(() => rm(folder, { recursive: true }));

test("prepare mimic: summary, lists, and the manifest as JSON", async () => {
  const plain = await runCli(["prepare", "mimic", csv, "--output", output]);
  assert.deepEqual([plain.code, plain.stderr], [0, ""]);
  assert.equal(
    plain.stdout,
    `1 of 2 documents used; skipped: 1 category\ntrain      ${output}: 1 rows\ndocuments  ${output}.documents.jsonl: 2 rows\n`,
  );
  const flags = ["--categories", "nursing, discharge summary", "--sections", "assessment_and_plan", "--json"];
  const json = await runCli(["prepare", "mimic", csv, "--output", output, ...flags]);
  assert.equal((JSON.parse(json.stdout) as { counts: { used: number } }).counts.used, 2);
  assert.equal(await readFile(output, "utf8"), '{"id":"1","text":"PLAN:\\nrest"}\n{"id":"2","text":"PLAN:\\ntea"}\n');
  const whole = await runCli([
    "prepare",
    "mimic",
    csv,
    "--output",
    output,
    "--sections",
    "whole",
    "--categories",
    "all",
  ]);
  assert.equal(whole.code, 0);
  assert.match(await readFile(output, "utf8"), /"PLAN: rest"/);
});

test("prepare mimic --explain prints the note and writes nothing", async () => {
  const { code, stdout } = await runCli(["prepare", "mimic", csv, "--explain", "2"]);
  assert.equal(code, 0);
  assert.ok(stdout.startsWith("== the note: 20 characters\nHPI: cough\nPLAN: tea\n"), stdout);
  assert.ok(stdout.endsWith("== the result: 21 characters\nHPI:\ncough\n\nPLAN:\ntea\n"), stdout);
});

test("what is printed of the data cannot steer the terminal", async () => {
  const hostile = join(folder, "hostile.csv");
  const header = (await readFile(csv, "utf8")).split("\n", 1)[0];
  await writeFile(hostile, `${header}\n5,,,,,,Discharge summary,,,,"PLAN: \x1b[2Jrest \x9b2J"\n`);
  const { stdout } = await runCli(["prepare", "mimic", hostile, "--explain", "5"]);
  assert.match(stdout, /PLAN: ␛\[2Jrest/);
  const guidelines = join(folder, "hostile.jsonl");
  await writeFile(guidelines, `${JSON.stringify({ source: "a\x1b[2J", text: "Rest and drink." })}\n`);
  const sources = await runCli(["prepare", "guidelines", guidelines, "--output", output]);
  assert.match(sources.stdout, /a␛\[2J: 1 of 1/);
  const rows = join(folder, "rows.jsonl");
  await writeFile(rows, `${JSON.stringify({ id: "\x1b[2J", text: "Dr. Example\x9b wrote." })}\n`);
  const shown = await runCli(["data", "identifiers", rows, "--show"]);
  assert.match(shown.stdout, /row ␛\[2J: name-after-title/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  for (const text of [stdout, sources.stdout, shown.stdout]) assert.doesNotMatch(text, /[\x1b\x9b]/);
});

test("progress of many rows goes to stderr", async () => {
  const many = join(folder, "many.jsonl");
  await writeFile(many, `${JSON.stringify({ text: "Rest." })}\n`.repeat(20_100));
  const { code, stderr, stdout } = await runCli(["data", "summary", many]);
  assert.deepEqual([code, stderr], [0, "read 10,000 rows\nread 20,000 rows\n"]);
  assert.match(stdout, /20,100/);
  const twice = await runCli(["data", "summary", many, join(folder, ".", "many.jsonl").replace("many", "./many")]);
  assert.deepEqual([twice.code, /named twice/.test(twice.stderr)], [2, true]);
});

test("prepare mimic --explain --json gives the steps as data", async () => {
  const { code, stdout } = await runCli(["prepare", "mimic", csv, "--explain", "2", "--json"]);
  assert.equal(code, 0);
  const { steps, ...rest } = JSON.parse(stdout) as MimicExplanation;
  assert.deepEqual(rest, {
    rowId: "2",
    text: "HPI: cough\nPLAN: tea",
    result: "HPI:\ncough\n\nPLAN:\ntea",
    sections: ["history_of_present_illness", "assessment_and_plan"],
  });
  assert.deepEqual(
    steps.filter(({ text }) => text !== null).map(({ rule, text }) => [rule.replace(/@\d+$/, ""), text]),
    [["mimic/sections", rest.result]],
  );
  assert.equal(steps[0]?.rule.replace(/@\d+$/, ""), "text/characters");
});

test("prepare mimic: command lines that cannot work", async () => {
  const cases: Array<[string[], RegExp]> = [
    [[csv], /required option '--output <file>' not specified/],
    [["--output", output], /give either an input file or --db/],
    [[csv, "--db", "postgres://localhost/x", "--output", output], /give either an input file or --db/],
    [[csv, "--table", "x", "--output", output], /--table goes with --db/],
    [[csv, "--output", output, "--explain", "1"], /cannot be used with option '--output <file>'/],
    [[csv, "--output", output, "--sections", "lungs"], /sections must be whole, or some of/],
    [[csv, "--output", output, "--categories", "a,,b"], /a list with commas, or all/],
    [["--db", "localhost", "--output", output], /must be a URL such as postgres:/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await runCli(["prepare", "mimic", ...args]);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
    assert.equal(stdout, "");
  }
});

test("a database that is not there is an error without a password in it", async () => {
  // Port 1 is reserved, and nothing listens there.
  const url = "postgres://user:secret@127.0.0.1:1/mimic";
  const { code, stderr } = await runCli(["prepare", "mimic", "--db", url, "--output", output]);
  assert.equal(code, 1);
  assert.match(stderr, /Reading table noteevents failed \(ECONNREFUSED\)\. Check the server.*\[FILE_READ\]\n$/);
  assert.ok(!stderr.includes("secret"));
});

test("prepare textbook and guidelines", async () => {
  const book = join(folder, "book.txt");
  await writeFile(book, "The heart (a muscle) has four chambers.\n");
  const textbook = await runCli(["prepare", "textbook", book, "--output", output, "--strip", "all"]);
  assert.equal(textbook.code, 0);
  assert.equal(await readFile(output, "utf8"), '{"id":"book.txt#1","text":"The heart a muscle has four chambers"}\n');
  const guidelines = join(folder, "g.jsonl");
  await writeFile(guidelines, '{"id":"a","source":"who","title":"Hands","clean_text":"Wash them."}\n');
  const { code, stdout } = await runCli(["prepare", "guidelines", guidelines, "--output", output]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 of 1 documents used\n {2}who: 1 of 1, 19 characters\ntrain /);
});
