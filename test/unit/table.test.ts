import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBytes, formatCount, formatDuration, formatPercent } from "../../dist/report/format.js";
import { displayWidth, markdownTable, renderTable } from "../../dist/report/table.js";

const COLUMNS = [{ title: "task" }, { title: "accuracy", align: "right" }, { title: "n", align: "center" }] as const;

test("a table with box lines, aligned by column", () => {
  const text = renderTable(COLUMNS, [
    ["PubMedQA", "75.8%", "500"],
    ["MedQA", "6.5%", "1"],
  ]);
  assert.deepEqual(text.split("\n"), [
    "┌──────────┬──────────┬─────┐",
    "│ task     │ accuracy │  n  │",
    "├──────────┼──────────┼─────┤",
    "│ PubMedQA │    75.8% │ 500 │",
    "│ MedQA    │     6.5% │  1  │",
    "└──────────┴──────────┴─────┘",
  ]);
});

test("a table in ASCII, and one without rows", () => {
  assert.equal(
    renderTable([{ title: "a" }], [["xyz"]], { unicode: false }),
    ["+-----+", "| a   |", "+-----+", "| xyz |", "+-----+"].join("\n"),
  );
  assert.equal(renderTable([{ title: "a" }], []), ["┌───┐", "│ a │", "├───┤", "└───┘"].join("\n"));
});

test("columns are as wide as their cells on the screen", () => {
  const rows = [["日本語"], ["noe\u0301"], ["👍🏽"], ["\u001b[31mred\u001b[0m"], ["two\nlines"], ["plain"]];
  const lines = renderTable([{ title: "t", align: "right" }], rows).split("\n");
  assert.equal(new Set(lines.map(displayWidth)).size, 1);
  assert.equal(lines[3], "│    日本語 │");
  assert.equal(lines[5], "│        👍🏽 │");
  assert.equal(lines[7], "│ two lines │");
});

test("displayWidth", () => {
  for (const [text, width] of [
    ["", 0],
    ["abc", 3],
    ["ä", 1],
    ["a\u0308", 1],
    ["漢字", 4],
    ["ｱ", 1],
    ["Ａ", 2],
    ["한국", 4],
    ["🙂", 2],
    ["👩‍⚕️", 2],
    ["❤️", 2],
    ["✓ µg – ≥", 8],
    ["a\u200bb", 2],
    ["\u001b[1;32mok\u001b[0m", 2],
  ] as const)
    assert.equal(displayWidth(text), width, JSON.stringify(text));
});

test("a Markdown table, with what would break it escaped", () => {
  assert.equal(
    markdownTable(COLUMNS, [["a|b\\", "<b>&", "1\n2"]]),
    ["| task | accuracy | n |", "| :--- | ---: | :---: |", "| a\\|b\\\\ | &lt;b>&amp; | 1<br>2 |"].join("\n"),
  );
});

test("a row with another number of cells is named", () => {
  for (const make of [renderTable, markdownTable])
    for (const row of [
      ["1", "2"],
      ["1", "2", "3", "4"],
    ])
      assert.throws(() => make(COLUMNS, [["1", "2", "3"], row]), {
        code: "ARGUMENT_INVALID",
        message: /rows\[1\] has \d cells, the table has 3 columns/,
      });
});

test("percentages with intervals", () => {
  assert.equal(formatPercent(0.758), "75.8%");
  assert.equal(formatPercent(0.758, { low: 0.71858, high: 0.79348 }), "75.8% [71.9, 79.3]");
  assert.equal(formatPercent(1, { low: 0.99, high: 1 }, 0), "100% [99, 100]");
  assert.equal(formatPercent(0), "0.0%");
  assert.equal(formatPercent(Number.NaN), "n/a");
});

test("sizes in decimal units", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [999_949, "999.9 kB"],
    [999_950, "1.0 MB"],
    [4_700_000, "4.7 MB"],
    [13_600_000_000, "13.6 GB"],
    [5e15, "5000.0 TB"],
  ] as const)
    assert.equal(formatBytes(bytes), text);
});

test("time spans", () => {
  for (const [seconds, text] of [
    [0, "0 ms"],
    [0.4804, "480 ms"],
    [0.9996, "1.0 s"],
    [12.34, "12.3 s"],
    [59.94, "59.9 s"],
    [59.96, "1 min 00 s"],
    [245, "4 min 05 s"],
    [3599.4, "59 min 59 s"],
    [3599.6, "1 h 00 min"],
    [7620, "2 h 07 min"],
    [86_399, "1 d 00 h"],
    [273_600, "3 d 04 h"],
  ] as const)
    assert.equal(formatDuration(seconds), text);
});

test("counts with commas", () => {
  assert.deepEqual([0, 999, 1000, 12_345, 3_407_872, -1234].map(formatCount), [
    "0",
    "999",
    "1,000",
    "12,345",
    "3,407,872",
    "-1,234",
  ]);
});
