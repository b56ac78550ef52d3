import assert from "node:assert/strict";
import { readFile, symlink } from "node:fs/promises";
import { test } from "node:test";
import { runCli } from "./helpers/cli.js";
import { fixture, jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();

test("each question-answer source is a command, and prints counts and no text", async () => {
  const sources: Array<[string, string, string[], RegExp]> = [
    ["medqa", "medqa.jsonl", [], /^3 of 6 records used; skipped: 1 answer-mismatch, 1 blank, 1 chat-marker\n/],
    ["medmcqa", "medmcqa.json", [], /^2 of 3 records used; skipped: 1 no-label\n/],
    ["bioasq", "bioasq.json", ["--types", "yesno,summary"], /^3 of 5 records used/],
    ["dialogue", "healthcaremagic.json", ["--no-filter"], /^4 of 4 records used\n/],
    ["dialogue", "mts-dialog.csv", ["--form", "turns"], /^1 of 3 records used/],
    ["pubmedqa-unlabelled", "pqau.json", [], /^1 of 2 records used/],
    ["any", "bioasq.json", ["--records", "questions", "--map", "text=body"], /^5 of 5 records used/],
    ["any", "sharegpt.json", ["--limit", "1"], /^1 of 3 records used/],
  ];
  for (const [name, file, flags, stdout] of sources) {
    const output = folder.path(`${name}.jsonl`);
    const result = await runCli(["prepare", name, fixture(file), "--output", output, ...flags]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, stdout);
    assert.ok(!/ankle|sprain|Rest/.test(result.stdout));
    assert.ok((await readJsonLines(output)).length > 0);
  }
  const json = await runCli(["prepare", "medqa", fixture("medqa.jsonl"), "--output", folder.path("j.jsonl"), "--json"]);
  assert.equal((JSON.parse(json.stdout) as { counts: { used: number } }).counts.used, 3);
});

test("wrong options end with 2 and say what is known", async () => {
  const output = ["--output", folder.path("no.jsonl")];
  for (const [args, stderr] of [
    [["prepare", "bioasq", fixture("bioasq.json"), ...output, "--types", "yes"], /yesno, factoid, list, summary/],
    [["prepare", "bioasq", fixture("bioasq.json"), ...output, "--types", "yesno,"], /commas/],
    [["prepare", "any", fixture("messages.jsonl"), ...output, "--map", "txt=a"], /id, text, messages/],
    [["prepare", "medqa", ...output], /missing required argument/],
    [["data", "dedup", fixture("messages.jsonl"), ...output, "--threshold", "2"], /threshold/],
  ] as const) {
    const result = await runCli([...args]);
    assert.equal(result.code, 2, result.stderr);
    assert.match(result.stderr, stderr);
  }
});

test("dedup, subset and summary, one after the other", async () => {
  const rows = Array.from({ length: 12 }, (_, i) => ({ id: `r${i}`, text: `text number ${i % 8}` }));
  const input = await folder.write("rows.jsonl", jsonLines(rows));
  const unique = folder.path("unique.jsonl");
  const dedup = await runCli(["data", "dedup", input, "--output", unique]);
  assert.match(dedup.stdout, /^8 of 12 rows stay; not: 4 exact, 0 near\n/);
  const subset = ["--size", "3", "--output", folder.path("sub.jsonl"), "--rest", folder.path("rest.jsonl")];
  const chosen = await runCli(["data", "subset", unique, ...subset, "--seed", "1"]);
  assert.match(chosen.stdout, /subset {3}.*: 3 rows\nrest {5}.*: 5 rows/);
  const summary = await runCli(["data", "summary", folder.path("sub.jsonl"), folder.path("rest.jsonl")]);
  // Eight texts of 13 characters.
  assert.match(summary.stdout, /total\s.*8.*104.*-/);
});

test("subset: --stratify takes a field, or none, wherever it stands", async () => {
  const rows = Array.from({ length: 12 }, (_, i) => ({ id: `r${i}`, text: `text ${i}`, source: i < 8 ? "a" : "b" }));
  const input = await folder.write("sources.jsonl", jsonLines(rows));
  const output = folder.path("stratified.jsonl");
  const size = ["--size", "6", "--output", output];
  const chosen = await runCli(["data", "subset", input, ...size, "--stratify", "source"]);
  assert.equal(chosen.code, 0, chosen.stderr);
  const ids = (await readJsonLines<{ source: string }>(output)).map(({ source }) => source);
  assert.deepEqual(ids.sort(), ["a", "a", "a", "a", "b", "b"]);
  const bare = await runCli(["data", "subset", ...size, "--stratify", input]);
  assert.equal(bare.code, 0, bare.stderr);
  assert.equal((await readJsonLines(output)).length, 6);
  const none = await runCli(["data", "subset", ...size]);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /missing required argument 'rows'/);
  const unknown = await runCli(["data", "subset", input, ...size, "--stratify", "sauce"]);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /has the field sauce/);
});

test("a report never takes the place of an input", async () => {
  const content = jsonLines([{ id: "n", text: "Dr. Example wrote." }]);
  const input = await folder.write("kept.jsonl", content);
  await symlink(input, folder.path("kept-link.json"));
  const benchmark = ["--benchmark", fixture("medqa.jsonl")];
  for (const report of [input, folder.path("kept-link.json")])
    for (const args of [
      ["data", "identifiers", input, "--report", report],
      ["data", "contamination", input, ...benchmark, "--report", report],
      ["data", "contamination", fixture("messages.jsonl"), "--benchmark", input, "--report", report],
    ]) {
      const result = await runCli(args);
      assert.equal(result.code, 2, result.stderr);
      assert.match(result.stderr, /is one of the inputs/);
      assert.equal(await readFile(input, "utf8"), content);
    }
});

test("contamination lists questions, and the report holds them all", async () => {
  const [question] = (await readJsonLines<{ question: string }>(fixture("medqa.jsonl"))) as [{ question: string }];
  const input = await folder.write("copied.jsonl", jsonLines([{ id: "t", text: question.question }]));
  const report = folder.path("report.json");
  const args = [
    "data",
    "contamination",
    input,
    "--benchmark",
    fixture("medqa.jsonl"),
    "--benchmark",
    fixture("mmlu.csv"),
  ];
  const result = await runCli([...args, "--report", report]);
  assert.equal(result.code, 0, result.stderr);
  // 22 words: 10 runs of 13.
  assert.match(
    result.stdout,
    /medqa\.jsonl: 1 of 6 questions overlap; 5 are too short to tell\n {2}row-1: 10 of 10 13-grams, first in row t of /,
  );
  assert.match(result.stdout, /mmlu\.csv: 0 of 2 questions overlap; 1 are too short/);
  const written = JSON.parse(await readFile(report, "utf8")) as { benchmarks: Array<{ overlaps: unknown[] }> };
  assert.equal(written.benchmarks[0]?.overlaps.length, 1);
});

test("identifiers: counts, the notice, text only on request, and exit 1 for a pipeline", async () => {
  const input = await folder.write("ids.jsonl", jsonLines([{ id: "n", text: "Dr. Example, 01/02/2003\u001b[2J" }]));
  const plain = await runCli(["data", "identifiers", input]);
  assert.equal(plain.code, 0);
  assert.match(plain.stdout, /name-after-title@3: 1 in 1 of 1 rows\ndate@3: 1 in 1 of 1 rows\nphone@3: 0 in 0/);
  assert.match(plain.stdout, /not a de-identification tool/);
  assert.ok(!plain.stdout.includes("Example"));
  const shown = await runCli(["data", "identifiers", input, "--show"]);
  assert.match(shown.stdout, /row n: name-after-title: "Dr\. Example"\n/);
  const report = folder.path("ids.json");
  const failed = await runCli(["data", "identifiers", input, "--fail-on", "phone,date", "--report", report, "--json"]);
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /"code": "DATA_INVALID"/);
  assert.match(failed.stdout, /date@3: 1 in 1 rows/);
  assert.ok(!`${failed.stdout}${failed.stderr}${await readFile(report, "utf8")}`.includes("Example"));
  assert.equal((await runCli(["data", "identifiers", input, "--fail-on", "phone"])).code, 0);
  assert.equal((await runCli(["data", "identifiers", input, "--fail-on", "dates"])).code, 2);
});
