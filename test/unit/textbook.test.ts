import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { MAX_RECORD_BYTES, readLines } from "../../dist/data/formats/text.js";
import { loadRows } from "../../dist/data/rows.js";
import { prepareTextbook } from "../../dist/data/textbook.js";
import { LineJoiner, stripRule, unicode } from "../../dist/data/textbookText.js";
import { sha256File } from "../../dist/util/hash.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-textbook-"));
});
after(() => rm(folder, { recursive: true }));

test("unicode: one form for what looks alike; powers and fractions stay apart from their digits", () => {
  const cases: Array<[string, string]> = [
    ["\ufb01ber of e\ufb03cient", "fiber of efficient"],
    ["cafe\u0301", "caf\u00e9"],
    ["5 \u00b5g", "5 \u03bcg"],
    ["37 \u2103, 37 \u00b0C, 37 \u00baC", "37 \u00b0C, 37 \u00b0C, 37 \u00b0C"],
    ["\uff11\uff12 \uff2d\uff32\uff29", "12 MRI"],
    ["\u201cA\u201d \u2018b\u2019 c\u2013d\u2014e\u2212f g\u2026", "\"A\" 'b' c-d-e-f g..."],
    ["10\u2075 m\u00b2 \u00bd", "10\u2075 m\u00b2 \u00bd"],
    ["\u03b1-helix, \u03b2-blocker, \u0394G", "\u03b1-helix, \u03b2-blocker, \u0394G"],
    ["Drug\u2122", "Drug\u2122"],
  ];
  for (const [text, expected] of cases) assert.equal(unicode.apply(text), expected);
});

test("strip: symbols keeps sentence punctuation, all does not; letters, marks, digits and degrees stay in both", () => {
  const text = '\u03b1-helix* at 37 \u00b0C \u2192 10\u2075 (5 \u03bcg/mL) = "90%"; what? n\u0303!';
  assert.equal(
    stripRule("symbols").apply(text),
    '\u03b1-helix  at 37 \u00b0C   10\u2075 (5 \u03bcg/mL)   "90%"; what? n\u0303!',
  );
  assert.equal(
    stripRule("all").apply(text),
    "\u03b1 helix  at 37 \u00b0C   10\u2075  5 \u03bcg mL     90  what  n\u0303 ",
  );
  assert.deepEqual(
    [stripRule("symbols").name, stripRule("all").name],
    ["textbook/strip-symbols@2", "textbook/strip-all@2"],
  );
});

test("lines of fewer than five tokens go in front of the following line", () => {
  const join = (lines: string[]) => {
    const joiner = new LineJoiner();
    const out = lines.map((line) => joiner.add(line)).filter((line) => line !== undefined);
    const end = joiner.end();
    return end === undefined ? out : [...out, end];
  };
  assert.deepEqual(join(["one two three four five", "a b c d", "", "e f", "six"]), [
    "one two three four five",
    "a b c d e f",
    "six",
  ]);
  assert.deepEqual(join(["a", "b", "c", "d", "e", "f"]), ["a b c d e", "f"]);
  assert.deepEqual(join(["  ", ""]), []);
  assert.deepEqual(join([" a  b ", "c d e"]), ["a  b c d e"]);
});

test("books become rows, with counts by line", async () => {
  const place = await mkdtemp(join(folder, "books-"));
  await mkdir(join(place, "b"));
  await writeFile(
    join(place, "b", "two.txt"),
    "Cells\r\n\r\nAll living things are made of cells.\n***\n* * * * *\nEnd",
  );
  await writeFile(join(place, "b", "notes.md"), "not read");
  await writeFile(join(place, "one.txt"), "The heart has four chambers \u2192 two atria.\n");
  const output = join(place, "out.jsonl");
  const inputs = [join(place, "one.txt"), join(place, "b")];
  const manifest = await prepareTextbook({ inputs, output });
  assert.deepEqual(await loadRows(output), [
    { id: "one.txt#1", text: "The heart has four chambers two atria." },
    { id: "two.txt#1", text: "Cells All living things are made of cells.\nEnd" },
  ]);
  // "***" and "* * * * *" hold nothing; "Cells" went in front of its following line.
  assert.deepEqual(manifest.lines, { read: 7, empty: 1, joined: 1, stripped: 2, written: 3 });
  assert.deepEqual(manifest.counts, { read: 2, used: 2, skipped: {} });
  assert.deepEqual(
    manifest.source,
    await Promise.all(
      [inputs[0] as string, join(place, "b", "two.txt")].map(async (path) => ({
        path,
        sha256: await sha256File(path),
      })),
    ),
  );
  assert.deepEqual(manifest.rules.clean, [
    "text/characters@1",
    "textbook/unicode@1",
    "textbook/short-lines@1",
    "textbook/strip-symbols@2",
    "text/blanks@1",
  ]);
  const strict = await prepareTextbook({ inputs, output, strip: "all" });
  assert.equal((await loadRows(output))[0]?.id, "one.txt#1");
  assert.equal(
    ((await loadRows(output))[1] as { text: string }).text,
    "Cells All living things are made of cells\nEnd",
  );
  assert.ok(strict.rules.clean.includes("textbook/strip-all@2"));
  assert.deepEqual(JSON.parse(await readFile(`${output}.manifest.json`, "utf8")), strict);
});

test("lines end in CR LF, CR alone, or a Unicode line separator", async () => {
  const place = await mkdtemp(join(folder, "ends-"));
  const output = join(place, "out.jsonl");
  const [first, second, third] = [1, 2, 3].map((n) => `This is line number ${n}.`) as [string, string, string];
  for (const [name, text, empty] of [
    ["crlf.txt", `${first}\r\n\r\n${second}\r\n${third}\r\n`, 1],
    ["cr.txt", `${first}\r\r${second}\r${third}\r`, 1],
    ["mixed.txt", `${first}\r${second}\u2028${third}\n`, 0],
  ] as const) {
    await writeFile(join(place, name), text);
    const { lines } = await prepareTextbook({ inputs: [join(place, name)], output });
    assert.deepEqual(await loadRows(output), [{ id: `${name}#1`, text: `${first}\n${second}\n${third}` }], name);
    assert.deepEqual(lines, { read: 3 + empty, empty, joined: 0, stripped: 0, written: 3 }, name);
  }
});

test("one line as a book has it, and what a row has", async () => {
  const place = await mkdtemp(join(folder, "edges-"));
  const path = join(place, "in.txt");
  const output = join(place, "out.jsonl");
  const cases: Array<[text: string, symbols: string, all: string]> = [
    [
      "\ufeffThe heart has four chambers here.\r\nEnd",
      "The heart has four chambers here.\nEnd",
      "The heart has four chambers here\nEnd",
    ],
    ["a\nb\nc\nd", "a b c d", "a b c d"],
    ["A cell\0 has a nu\0cleus and a wall.", "A cell has a nucleus and a wall.", "A cell has a nucleus and a wall"],
    [
      "The treat\u00adment of the acute dis\u00ad\nease is rest.\nlast\u00ad",
      "The treatment of the acute disease is rest.\nlast",
      "The treatment of the acute disease is rest\nlast",
    ],
    [
      "10\u207b\u2075 mol of CO\u2082 at \u22125 \u00b0C, x\u00b2 = \u00bd \u00d7 5 \u00b5g.",
      "10\u207b\u2075 mol of CO\u2082 at -5 \u00b0C, x\u00b2 \u00bd 5 \u03bcg.",
      "10\u207b\u2075 mol of CO\u2082 at 5 \u00b0C x\u00b2 \u00bd 5 \u03bcg",
    ],
    ["The sun \u2600\ufe0f gives vitamin D.", "The sun gives vitamin D.", "The sun gives vitamin D"],
    [
      "Sodium | 140 | mmol/L | normal\n---|---|---|---\nK\t4.1\tmmol/L\t3.5-5.0\tnormal",
      "Sodium 140 mmol/L normal\nK 4.1 mmol/L 3.5-5.0 normal",
      "Sodium 140 mmol L normal\nK 4 1 mmol L 3 5 5 0 normal",
    ],
  ];
  for (const [text, symbols, all] of cases) {
    await writeFile(path, text);
    for (const [strip, expected] of [
      ["symbols", symbols],
      ["all", all],
    ] as const) {
      await prepareTextbook({ inputs: [path], output, strip });
      assert.deepEqual(await loadRows(output), [{ id: "in.txt#1", text: expected }]);
    }
  }
});

test("lines with carriage returns are read in pieces: more of them than a line may have bytes, pairs cut by a chunk", async () => {
  const path = join(folder, "returns.txt");
  // 65,535 characters, so that the line feed of the pair is the first of the second chunk of 64 KiB.
  await writeFile(path, `${"x".repeat(65_535)}\r\n${"y".repeat(10)}\r\ra\n\rb\r`);
  const lines: Array<[number, string]> = [];
  for await (const { line, text } of readLines(path, "cr")) lines.push([line, text]);
  assert.deepEqual(lines, [
    [1, "x".repeat(65_535)],
    [2, "y".repeat(10)],
    [3, ""],
    [4, "a"],
    [5, ""],
    [6, "b"],
  ]);
  await writeFile(path, `${"word ".repeat(200)}\r`.repeat(Math.ceil(MAX_RECORD_BYTES / 1001) + 100));
  let count = 0;
  for await (const { text } of readLines(path, "cr")) count += text.length === 1000 ? 1 : 0;
  assert.equal(count, Math.ceil(MAX_RECORD_BYTES / 1001) + 100);
  await assert.rejects(
    async () => {
      for await (const _ of readLines(path));
    },
    { code: "DATA_INVALID", message: /line 1: is longer/ },
  );
});

test("a long book is cut into rows at line ends, and nothing is lost", async () => {
  const line = `${"word ".repeat(199)}word.`; // 1000 characters
  const path = join(folder, "long.txt");
  const output = join(folder, "long.jsonl");
  await writeFile(path, `${line}\n`.repeat(100));
  await prepareTextbook({ inputs: [path], output });
  const rows = (await loadRows(output)) as Array<{ id: string; text: string }>;
  // 33 lines of 1001 characters are the first to pass 32768.
  assert.deepEqual(
    rows.map(({ id, text }) => [id, text.split("\n").length]),
    [
      ["long.txt#1", 33],
      ["long.txt#2", 33],
      ["long.txt#3", 33],
      ["long.txt#4", 1],
    ],
  );
});

test("what cannot be read or used is named, and nothing is written", async () => {
  const place = await mkdtemp(join(folder, "bad-"));
  const output = join(place, "out.jsonl");
  const file = async (name: string, content: string | Buffer) => {
    const path = join(place, name);
    await writeFile(path, content);
    return path;
  };
  const blank = await file("blank.txt", "\n \n***\n");
  const bytes = await file("bytes.txt", Buffer.from([0xff, 0x00, 0x0a]));
  await mkdir(join(place, "empty"));
  await mkdir(join(place, "other"));
  const twin = await file("other/blank.txt", "x");
  const run = (inputs: string[]) => prepareTextbook({ inputs, output });
  await assert.rejects(run([blank]), { code: "DATA_EMPTY" });
  await assert.rejects(run([bytes]), { code: "DATA_INVALID", message: /bytes\.txt, line 1: is not UTF-8/ });
  await assert.rejects(run([join(place, "empty")]), { code: "DATA_EMPTY", message: /no \.txt file/ });
  await assert.rejects(run([join(place, "none.txt")]), { code: "FILE_NOT_FOUND" });
  await assert.rejects(run([blank, twin]), { code: "ARGUMENT_INVALID", message: /called blank\.txt/ });
  await assert.rejects(run([]), { code: "ARGUMENT_INVALID" });
  await assert.rejects(prepareTextbook({ inputs: [blank], output, strip: "none" as "all" }), {
    code: "ARGUMENT_INVALID",
  });
  assert.deepEqual(
    (await readdir(place)).filter((name) => name.includes("out")),
    [],
  );
});

const books = fileURLToPath(new URL("../../../shared/data/corpus/openstax", import.meta.url));

test("two real textbooks: no symbol and no empty line is left", {
  skip: existsSync(books) ? false : "shared/data/corpus is not here",
}, async () => {
  const output = join(folder, "openstax.jsonl");
  const { counts } = await prepareTextbook({ inputs: [books], output });
  assert.deepEqual(counts, { read: 2, used: 2, skipped: {} });
  const rows = (await loadRows(output)) as Array<{ text: string }>;
  assert.ok(rows.length > 100);
  for (const [index, { text }] of rows.entries()) {
    const lines = text.split("\n");
    assert.ok(!/[^\p{L}\p{M}\p{N}\u00b0\s.,;:?!'"()/%-]/u.test(text), `row ${index}`);
    assert.ok(lines.every((line) => line.trim() === line && line !== ""));
  }
});
