import assert from "node:assert/strict";
import { test } from "node:test";
import { isLive, Output, useColor } from "../../dist/cli/output.js";
import { ProgressMeter } from "../../dist/cli/progress.js";

class FakeStream {
  written = "";

  constructor(
    readonly isTTY: boolean,
    readonly columns = 40,
  ) {}

  write(text: string): void {
    this.written += text;
  }
}

test("colour: FORCE_COLOR decides, then NO_COLOR, the terminal and TERM", () => {
  const [terminal, pipe] = [new FakeStream(true), new FakeStream(false)];
  assert.equal(useColor(terminal, {}), true);
  assert.equal(useColor(pipe, {}), false);
  assert.equal(useColor(terminal, { TERM: "dumb" }), false);
  assert.equal(useColor(terminal, { NO_COLOR: "1" }), false);
  assert.equal(useColor(terminal, { NO_COLOR: "" }), true);
  assert.equal(useColor(pipe, { FORCE_COLOR: "1" }), true);
  assert.equal(useColor(pipe, { FORCE_COLOR: "1", NO_COLOR: "1", TERM: "dumb" }), true);
  assert.equal(useColor(terminal, { FORCE_COLOR: "0" }), false);
  assert.equal(useColor(terminal, { FORCE_COLOR: "false" }), false);
  assert.equal(useColor(pipe, { FORCE_COLOR: "" }), false);
});

test("a line is live on a terminal that can move its cursor, with or without colour", () => {
  assert.equal(isLive(new FakeStream(true), { NO_COLOR: "1" }), true);
  assert.equal(isLive(new FakeStream(true), { TERM: "dumb" }), false);
  assert.equal(isLive(new FakeStream(false), { FORCE_COLOR: "1" }), false);
});

test("without a terminal there is one line per 10%, none twice, and no escape sequence", () => {
  const stream = new FakeStream(false);
  const meter = new ProgressMeter(stream, { label: "train", live: false });
  for (let step = 0; step <= 40; step++) meter.update(step, 40, `step ${step}`);
  assert.deepEqual(
    stream.written.trimEnd().split("\n"),
    [4, 8, 12, 16, 20, 24, 28, 32, 36, 40].map((step) => `train ${`${(step * 100) / 40}%`.padStart(4)}  step ${step}`),
  );
});

test("a jump over several tenths is one line; tenths are exact for 3 of 10 and 7 of 10", () => {
  const stream = new FakeStream(false);
  const meter = new ProgressMeter(stream, { label: "x", live: false });
  for (const done of [3, 3, 7, 7, 10, 10]) meter.update(done, 10);
  assert.equal(stream.written, "x  30%\nx  70%\nx 100%\n");
});

test("a count without a known end: few lines in a pipe, one live line on a terminal", () => {
  const [pipe, terminal] = [new FakeStream(false), new FakeStream(true)];
  const meter = new ProgressMeter(pipe, { label: "read", live: false });
  for (let rows = 0; rows <= 250_000; rows += 500) meter.count(rows, "rows");
  const counts = ["10,000", "20,000", "50,000", "100,000", "200,000"];
  assert.equal(pipe.written, counts.map((count) => `read ${count} rows\n`).join(""));
  meter.count(30_000_000, "rows");
  meter.count(30_000_001, "rows");
  assert.match(pipe.written, /200,000 rows\nread 30,000,000 rows\n$/);
  new ProgressMeter(terminal, { label: "read", live: true }).count(5, "rows");
  assert.equal(terminal.written, "\rread 5 rows\x1b[K");
});

test("an empty total shows nothing", () => {
  const stream = new FakeStream(false);
  new ProgressMeter(stream, { label: "x", live: false }).update(0, 0);
  assert.equal(stream.written, "");
});

test("on a terminal the line is rewritten, cut to its width, and ended at 100%", () => {
  const stream = new FakeStream(true, 12);
  const meter = new ProgressMeter(stream, { label: "train", live: true });
  meter.update(1, 4, "a detail that is too long");
  assert.equal(stream.written, "\rtrain  25% \x1b[K");
  stream.written = "";
  meter.update(4, 4, "");
  assert.equal(stream.written, "\rtrain 100%\x1b[K\n");
});

test("text between two updates removes the live line first", () => {
  const [stdout, stderr] = [new FakeStream(true), new FakeStream(true)];
  const out = new Output(stdout, stderr, {});
  out.progress("train").update(1, 4);
  stderr.written = "";
  out.note("checkpoint");
  assert.equal(stderr.written, "\r\x1b[Kcheckpoint\n");
  out.data("result");
  assert.equal(stdout.written, "result\n");
  assert.equal(stderr.written, "\r\x1b[Kcheckpoint\n", "there is no line to remove any more");
});
