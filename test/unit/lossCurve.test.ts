import assert from "node:assert/strict";
import { test } from "node:test";
import { type LossPoint, lossCurveSvg, lossCurveTerminal } from "../../dist/report/lossCurve.js";
import { movingAverage, niceTicks, tickDigits } from "../../dist/report/lossScale.js";
import { displayWidth } from "../../dist/report/table.js";

const SIZE = { title: "Run", width: 600, height: 300 };

/** A curve that falls from 4 towards 2 over `count` steps in two epochs, validated every 10 steps. */
function falling(count: number): LossPoint[] {
  return Array.from({ length: count }, (_, i) => ({
    step: i + 1,
    loss: 2 + 2 * Math.exp((-5 * i) / count),
    epoch: (2 * (i + 1)) / count,
    ...((i + 1) % 10 === 0 ? { evalLoss: 2.5 } : {}),
  }));
}

/** Opening tags must be closed in order, attributes quoted: what an XML parser would refuse first. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  const rest = svg.replace(/<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g, (_, close, name, __, empty) => {
    if (close) assert.equal(open.pop(), name);
    else if (!empty) open.push(name);
    return "";
  });
  assert.deepEqual(open, []);
  assert.ok(!rest.includes("<"), "markup is left over");
  assert.ok(!/&(?!(amp|lt|gt|quot);)/.test(rest), "a bare ampersand");
  assert.ok(!/NaN|Infinity|undefined/.test(svg), "a coordinate is no number");
}

function pathOf(svg: string, name: string): string {
  const match = new RegExp(`<path class="${name}" d="(M[^"]*L[^"]*)"`).exec(svg);
  assert.ok(match, `no line ${name}`);
  return match[1]!;
}

test("the figure is a standalone, well-formed, accessible SVG", () => {
  const svg = lossCurveSvg(falling(100), SIZE);
  assertWellFormed(svg);
  assert.ok(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"'));
  for (const part of [
    'role="img"',
    'aria-label="Run"',
    "<title>Run</title>",
    'viewBox="0 0 600 300"',
    "@media (prefers-color-scheme:dark)",
    ">step</text>",
    ">loss</text>",
    ">smoothed</text>",
  ])
    assert.ok(svg.includes(part), part);
  // Only the name space is an address: nothing is fetched.
  assert.deepEqual(svg.match(/https?:[^"]*/g), ["http://www.w3.org/2000/svg"]);
  assert.match(
    svg,
    /<desc>Smoothed training loss from 4\.000 at step 1 to 2\.0\d\d at step 100\. Last validation loss 2\.500 at step 100\.</,
  );
});

test("learning rates stand in a strip below the losses, from 0 to the highest", () => {
  const rates = [0, 2e-4, 1e-4];
  const svg = lossCurveSvg(
    rates.map((learningRate, i) => ({ step: i, loss: 3 - i, learningRate })),
    SIZE,
  );
  assertWellFormed(svg);
  // The strip is 48 high and ends at 300 - 40; the losses end 18 above it.
  assert.equal(pathOf(svg, "rate"), "M56 260h.01L314 212L572 236");
  assert.ok(svg.includes("M56 48V194H572"), "the losses' axes");
  assert.ok(svg.includes(">2e-4</text>"));
  assert.ok(svg.includes('y="276" text-anchor="middle">1</text>'), "the steps stand below the strip");
  const flat = lossCurveSvg([{ step: 1, loss: 1, learningRate: 0 }], SIZE);
  assertWellFormed(flat);
  assert.ok(!lossCurveSvg([{ step: 1, loss: 1 }], SIZE).includes("learning rate"));
});

test("text is escaped, and characters that XML forbids are left out", () => {
  const svg = lossCurveSvg(falling(20), { ...SIZE, title: 'a<b & "c"\u0000\ud800\uffff</title><script>' });
  assertWellFormed(svg);
  assert.ok(svg.includes("<title>a&lt;b &amp; &quot;c&quot;\ufffd&lt;/title&gt;&lt;script&gt;</title>"));
});

test("points stand where their numbers put them", () => {
  // Steps 0..10 over x 56..572; losses 1..3 with a margin of 4% of 2 on both sides over y 260..48.
  const svg = lossCurveSvg(
    [
      { step: 0, loss: 3 },
      { step: 5, loss: 1 },
      { step: 10, loss: 2 },
    ],
    SIZE,
  );
  const y = (loss: number) => Math.round((260 - ((loss - 0.92) / 2.16) * 212) * 100) / 100;
  assert.equal(pathOf(svg, "raw"), `M56 ${y(3)}h.01L314 ${y(1)}L572 ${y(2)}`);
  // 3, then (.9 * 3 + 1) / 1.9, then (.81 * 3 + .9 + 2) / 2.71.
  assert.equal(pathOf(svg, "ema"), `M56 ${y(3)}h.01L314 ${y(3.7 / 1.9)}L572 ${y(5.33 / 2.71)}`);
});

test("validation losses are dots, with a legend only where there are some", () => {
  const svg = lossCurveSvg(falling(100), SIZE);
  // Ten of them and the one of the legend.
  assert.equal(svg.match(/<circle class="validation"/g)?.length, 11);
  const without = lossCurveSvg(
    falling(100).map(({ step, loss }) => ({ step, loss })),
    SIZE,
  );
  assert.ok(!without.includes("<circle") && !without.includes(">validation<"));
});

test("the ends of epochs are marked, of as many as have room", () => {
  const svg = lossCurveSvg(falling(100), SIZE);
  assert.deepEqual(svg.match(/>epoch \d+</g), [">epoch 1<", ">epoch 2<"]);
  const many = falling(1000).map((point) => ({ ...point, epoch: point.step / 10 }));
  const marks = lossCurveSvg(many, SIZE).match(/>epoch \d+</g)!;
  assert.ok(marks.length >= 3 && marks.length <= 516 / 68, String(marks));
});

test("a resumed run does not mark the epochs before its start", () => {
  const resumed = falling(20).map((point) => ({ ...point, epoch: 3.2 + point.step / 40 }));
  assert.equal(lossCurveSvg(resumed, SIZE).includes('class="epoch" x1'), false);
});

test("a loss that is not finite leaves a gap", () => {
  const points = falling(30).map((point) => (point.step === 15 ? { ...point, loss: Number.NaN } : point));
  const svg = lossCurveSvg(points, SIZE);
  assertWellFormed(svg);
  assert.equal(pathOf(svg, "raw").match(/M/g)?.length, 2);
});

test("one point, or a constant loss, can be drawn", () => {
  for (const points of [
    [{ step: 7, loss: 2 }],
    [
      { step: 1, loss: 0 },
      { step: 2, loss: 0 },
    ],
  ]) {
    assertWellFormed(lossCurveSvg(points, SIZE));
    const text = lossCurveTerminal(points, { width: 40, height: 10, unicode: false });
    assert.ok(text.includes("*") && !/NaN|Infinity/.test(text));
  }
});

test("a long run is thinned, and its extremes stay", () => {
  const points = falling(50_000).map(({ step, loss }) => ({ step, loss: step === 25_001 ? 9 : loss }));
  const svg = lossCurveSvg(points, SIZE);
  assert.ok(svg.length < 80_000, `${svg.length} characters`);
  const heights = [...pathOf(svg, "raw").matchAll(/[ML][\d.]+ ([\d.]+)/g)].map((match) => Number(match[1]));
  // The spike of 9 stands 4% of the range below the top at 48.
  const top = 48 + (0.04 / 1.08) * 212;
  assert.ok(Math.abs(Math.min(...heights) - top) < 0.02, `${Math.min(...heights)}`);
});

test("nothing to draw, or no room to draw in, is an error", () => {
  for (const points of [[], [{ step: 1, loss: Number.NaN }]]) {
    assert.throws(() => lossCurveSvg(points, SIZE), { code: "DATA_EMPTY" });
    assert.throws(() => lossCurveTerminal(points, { width: 60, height: 10, unicode: true }), { code: "DATA_EMPTY" });
  }
  assert.throws(() => lossCurveSvg(falling(2), { ...SIZE, width: 10 }), { code: "ARGUMENT_INVALID" });
  for (const size of [
    { width: 29, height: 10 },
    { width: 60, height: 7 },
    { width: 60.5, height: 10 },
  ])
    assert.throws(() => lossCurveTerminal(falling(2), { ...size, unicode: true }), { code: "ARGUMENT_INVALID" });
});

test("the plot in ASCII, line by line", () => {
  const points = [
    { step: 0, loss: 4 },
    { step: 25, loss: 0 },
  ];
  // 30 columns: a blank, a label, the axis and 27 for the line; 5 rows for losses 4 to 0.
  // Column x belongs to row round(4 x / 26): 0 up to x = 3, 1 up to 9, 2 up to 16, 3 up to 22, 4 up to 26.
  const text = lossCurveTerminal(points, { width: 30, height: 8, unicode: false });
  assert.deepEqual(text.split("\n"), [
    " 4|****",
    "  |    ******",
    "  |          *******",
    "  |                 ******",
    " 0|                       ****",
    "  +---------------------------",
    "   0                        25",
    "   loss by step",
  ]);
});

test("the braille plot draws single dots: corner to corner, two columns and four rows a character", () => {
  const points = [
    { step: 0, loss: 1 },
    { step: 100, loss: 0 },
  ];
  const lines = lossCurveTerminal(points, { width: 34, height: 9, unicode: true }).split("\n");
  const [first, last] = [lines[0]!, lines[5]!];
  assert.match(first, /^ *1\.0│[\u2801-\u28ff]/);
  // The top left dot of the first character, the bottom right dot of the last.
  assert.ok(first.codePointAt(first.indexOf("│") + 1)! & 0x01);
  assert.ok(last.codePointAt(last.length - 1)! & 0x80);
  assert.equal(displayWidth(last), 34);
});

test("the plot fits its size and shows validation", () => {
  for (const unicode of [true, false])
    for (const [width, height] of [
      [30, 8],
      [80, 18],
      [121, 40],
    ] as const) {
      const lines = lossCurveTerminal(falling(500), { width, height, unicode }).split("\n");
      assert.equal(lines.length, height);
      for (const line of lines) assert.ok(displayWidth(line) <= width, line);
      assert.ok(lines.at(-1)!.includes(unicode ? "● validation" : "o validation"));
      assert.ok(lines.slice(0, -3).some((line) => line.includes(unicode ? "●" : "o")));
      assert.match(lines.at(-2)!, /^ +1 +500$/);
    }
});

test("a gap in one column of many points does not hide the others", () => {
  const points = falling(2000).map((point) => (point.step % 2 === 0 ? { ...point, loss: Number.NaN } : point));
  const sparse = falling(2000).filter(({ step }) => step % 2 === 1);
  const size = { width: 60, height: 12, unicode: false };
  const bare = (all: LossPoint[]) => all.map(({ step, loss }) => ({ step, loss }));
  assert.equal(lossCurveTerminal(bare(points), size).replace("2000", "1999"), lossCurveTerminal(bare(sparse), size));
});

test("the moving average starts at the first loss and skips gaps", () => {
  const smooth = movingAverage([
    { step: 1, loss: 2 },
    { step: 2, loss: Number.NaN },
    { step: 3, loss: 4 },
  ]);
  assert.equal(smooth[0]!.y, 2);
  assert.ok(Number.isNaN(smooth[1]!.y));
  assert.ok(Math.abs(smooth[2]!.y - (0.9 * 2 + 4) / 1.9) < 1e-12);
});

test("ticks are round numbers inside the range", () => {
  const rounded = (ticks: number[]) => ticks.map((tick) => Number(tick.toFixed(6)));
  assert.deepEqual(rounded(niceTicks({ low: 0, high: 10 }, 5)), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(rounded(niceTicks({ low: 1.44, high: 4.2 }, 6)), [1.5, 2, 2.5, 3, 3.5, 4]);
  assert.deepEqual(rounded(niceTicks({ low: 0.011, high: 0.039 }, 3)), [0.02, 0.03]);
  assert.deepEqual([tickDigits([0, 2]), tickDigits([0, 0.5]), tickDigits([0.02, 0.03]), tickDigits([5])], [0, 1, 2, 2]);
});

test("losses that differ in their last bit are drawn as a constant one", () => {
  // As two epochs of the same rows are, when the warm-up leaves the weights as they were.
  const points = [6.214734018148079, 6.21473401814808].map((loss, i) => ({ step: i + 1, epoch: i + 1, loss }));
  assert.ok(points[0]!.loss < points[1]!.loss);
  const svg = lossCurveSvg(points, SIZE);
  assertWellFormed(svg);
  assert.ok(svg.length < 10_000, `${svg.length} characters`);
  assert.ok(lossCurveTerminal(points, { width: 60, height: 10, unicode: false }).length < 2000);
});
