import assert from "node:assert/strict";
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DocumentWriter } from "../../dist/data/documents.js";
import { LineWriter } from "../../dist/data/lineWriter.js";
import {
  checkDistinctFiles,
  checkReportFile,
  fileSource,
  type Manifest,
  writeManifest,
} from "../../dist/data/manifest.js";
import { sha256File, sha256Text } from "../../dist/util/hash.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-manifest-"));
});
after(() => rm(folder, { recursive: true }));

test("a manifest is completed with version and time and stands beside its output", async () => {
  const output = join(folder, "rows.jsonl");
  const fields: Omit<Manifest, "medilora" | "created"> = {
    source: [{ path: "a", sha256: "b" }],
    rules: { format: "x@1" },
    seed: 3,
    counts: { read: 2, used: 1, skipped: { odd: 1 } },
    outputs: [{ kind: "train", path: output, sha256: "c", rows: 1 }],
  };
  const manifest = await writeManifest<Manifest>(output, fields);
  const path = `${output}.manifest.json`;
  assert.deepEqual(JSON.parse(await readFile(path, "utf8")), manifest);
  const { medilora, created, ...rest } = manifest;
  assert.deepEqual(rest, fields);
  assert.match(medilora, /^\d+\.\d+\.\d+/);
  assert.equal(new Date(created).toISOString(), created);
  if (process.platform !== "win32") assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await fileSource(path), { path, sha256: await sha256File(path) });
});

test("files that would overwrite one another are refused", () => {
  checkDistinctFiles(["a", "b"], ["c", "d"]);
  checkDistinctFiles(["a", "a"], ["c"]);
  const cases: Array<[string[], string[]]> = [
    [["a"], ["./a"]],
    [["a"], ["b", "a"]],
    [[], ["b", "b"]],
    [["b.manifest.json"], ["b"]],
    [[], ["b", "b.manifest.json"]],
  ];
  for (const [inputs, outputs] of cases)
    assert.throws(() => checkDistinctFiles(inputs, outputs), { code: "ARGUMENT_INVALID", message: /different files/ });
});

test("links to one file are that file", async () => {
  const place = await mkdtemp(join(folder, "links-"));
  const at = (name: string) => join(place, name);
  await mkdir(at("real"));
  await writeFile(at("real/a"), "a");
  await writeFile(at("real/other"), "a");
  await symlink(at("real"), at("folder"));
  await symlink(at("real/a"), at("soft"));
  await link(at("real/a"), at("hard"));
  for (const path of ["real/a", "folder/a", "soft", "hard"]) {
    assert.throws(() => checkDistinctFiles([at("real/a")], [at(path)]), { code: "ARGUMENT_INVALID" });
    assert.throws(() => checkReportFile([at("real/other"), at("real/a")], at(path)), {
      code: "ARGUMENT_INVALID",
      message: /is one of the inputs/,
    });
  }
  // Files that do not exist yet, below folders of which one is a link.
  assert.throws(() => checkDistinctFiles([], [at("real/new"), at("folder/new")]), { code: "ARGUMENT_INVALID" });
  assert.throws(() => checkDistinctFiles([at("folder/new.manifest.json")], [at("real/new")]), {
    code: "ARGUMENT_INVALID",
  });
  checkDistinctFiles([at("soft")], [at("real/other"), at("folder/new")]);
  checkReportFile([at("soft")], at("real/other"));
});

test("lines arrive in order whatever their size, and only at commit", async () => {
  const path = join(folder, "lines.jsonl");
  const values = Array.from({ length: 300 }, (_, index) => ({ index, text: "\u00e9".repeat(index * 50) }));
  {
    await using writer = await LineWriter.open(path);
    for (const value of values) await writer.write(value);
    assert.equal(writer.lines, 300);
    await writer.commit();
  }
  const expected = values.map((value) => `${JSON.stringify(value)}\n`).join("");
  assert.equal(await sha256File(path), sha256Text(expected));
  {
    await using writer = await LineWriter.open(join(folder, "never.jsonl"));
    await writer.write({ a: 1 });
  }
  assert.ok(!(await readdir(folder)).some((name) => name.includes("never")));
});

test("documents are counted by outcome; none used is an error and writes nothing", async () => {
  const place = await mkdtemp(join(folder, "documents-"));
  const output = join(place, "o.jsonl");
  const sizes = { charactersIn: 2, charactersOut: 1 };
  {
    await using writer = await DocumentWriter.open(output);
    await writer.record({ id: "0", outcome: "category" });
    await writer.record({ id: "1", outcome: "empty", ...sizes });
    await assert.rejects(writer.commit("Nothing is left."), { code: "DATA_EMPTY", message: "Nothing is left." });
  }
  assert.deepEqual(await readdir(place), []);
  await using writer = await DocumentWriter.open(output);
  for (const id of ["7", "8"]) await writer.record({ id, outcome: "category" });
  await writer.record({ id: "1", outcome: "empty", ...sizes });
  await writer.record({ id: "2", outcome: "used", ...sizes });
  await writer.row("2", "x");
  assert.deepEqual(writer.counts, { read: 4, used: 1, skipped: { category: 2, empty: 1 } });
  const outputs = await writer.commit("");
  assert.deepEqual(
    outputs.map(({ kind, rows }) => [kind, rows]),
    [
      ["train", 1],
      ["documents", 4],
    ],
  );
  assert.equal(await readFile(output, "utf8"), '{"id":"2","text":"x"}\n');
});

test("a second file that cannot be opened leaves no first one", async () => {
  const place = await mkdtemp(join(folder, "half-"));
  await assert.rejects(DocumentWriter.open(join(place, "none", "o.jsonl")), { code: "FILE_WRITE" });
  assert.deepEqual(await readdir(place), []);
});
