import { MediloraError } from "../errors.js";
import {
  type LossPoint,
  lossRanges,
  movingAverage,
  niceTicks,
  type Range,
  tickDigits,
  validationPoints,
  type XY,
} from "./lossScale.js";
import { epochEnds } from "./ticks.js";

export { lossCurveTerminal, type TerminalPlotOptions } from "./lossCurveTerminal.js";
export type { LossPoint } from "./lossScale.js";

/** How {@link lossCurveSvg} draws. */
export interface LossCurveOptions {
  title: string;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
}

interface Frame {
  x: (step: number) => number;
  y: (loss: number) => number;
  xTicks: number[];
  yTicks: number[];
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Where the strip of learning rates ends below the losses; `bottom` where there is none. */
  floor: number;
}

/** Pixels of the strip of learning rates, with the gap above it. */
const RATE_STRIP = { height: 48, gap: 18 };

/** Pixels that the name of an epoch takes. */
const EPOCH_LABEL_WIDTH = 68;

// Everything hangs on the root's class, so that the figure changes nothing of a page that it is put into.
export const LOSS_CURVE_STYLE = `
.medilora-loss{background:#fff;font:12px system-ui,sans-serif}
.medilora-loss text{fill:#444}
.medilora-loss .title{fill:#111;font-size:15px;font-weight:600}
.medilora-loss .grid{stroke:#e3e3e3}
.medilora-loss .axis{stroke:#888}
.medilora-loss .epoch{stroke:#999;stroke-dasharray:3 4}
.medilora-loss .raw{fill:none;stroke:#9db9dd;stroke-linecap:round}
.medilora-loss .ema{fill:none;stroke:#1f5fae;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.medilora-loss .validation{fill:#c2410c;stroke:#fff}
.medilora-loss .rate{fill:none;stroke:#7a6a12;stroke-width:1.5;stroke-linejoin:round}
@media (prefers-color-scheme:dark){
.medilora-loss{background:#16181c}
.medilora-loss text{fill:#b8bcc4}
.medilora-loss .title{fill:#f0f0f0}
.medilora-loss .grid{stroke:#2b2f36}
.medilora-loss .axis{stroke:#777}
.medilora-loss .epoch{stroke:#666}
.medilora-loss .raw{stroke:#3c5778}
.medilora-loss .ema{stroke:#7db4f5}
.medilora-loss .validation{fill:#fb923c;stroke:#16181c}
.medilora-loss .rate{stroke:#d3bf58}
}`;

/**
 * The loss curve of a run as a standalone SVG: raw losses faint, their exponential moving average (decay 0.9, corrected
 * for its start) strong, validation losses as dots, dashed lines at the ends of epochs (of as many as have room), and in a
 * strip below the learning rate where the points have one.
 *
 * Light and dark by the viewer's preference; nothing is loaded from elsewhere. Long runs are thinned to the lowest and
 * highest loss of each pixel column.
 * @param points in the order of their steps
 * @throws MediloraError `DATA_EMPTY` when no loss is finite; `ARGUMENT_INVALID` for a size below 200 x 120
 */
export function lossCurveSvg(points: readonly LossPoint[], options: LossCurveOptions): string {
  const { width, height } = options;
  if (!(width >= 200 && height >= 120 && Number.isFinite(width + height)))
    throw new MediloraError(
      "ARGUMENT_INVALID",
      "A loss curve needs a width of 200 and a height of 120 pixels at least.",
    );
  const frame = makeFrame(points, width, height);
  const raw = points.map(({ step, loss }) => ({ x: step, y: loss }));
  const smooth = movingAverage(points);
  const validation = validationPoints(points);
  const title = escapeXml(options.title);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="medilora-loss" role="img" aria-label="${title}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${title}</title>`,
    `<desc>${describeCurve(points, smooth)}</desc>`,
    `<style>${LOSS_CURVE_STYLE}</style>`,
    `<text class="title" x="${frame.left}" y="20">${title}</text>`,
    ...axes(frame),
    ...epochMarks(points, frame),
    `<path class="raw" d="${linePath(raw, frame)}"/>`,
    `<path class="ema" d="${linePath(smooth, frame)}"/>`,
    ...validation.map(
      ({ x, y }) => `<circle class="validation" cx="${round(frame.x(x))}" cy="${round(frame.y(y))}" r="4"/>`,
    ),
    ...rateStrip(points, frame),
    ...legend(frame, validation.length > 0),
    "</svg>",
    "",
  ].join("\n");
}

function makeFrame(points: readonly LossPoint[], width: number, height: number): Frame {
  const { steps, losses } = lossRanges(points);
  const [left, right, top, floor] = [56, width - 28, 48, height - 40];
  const bottom = ratesOf(points).length > 0 ? floor - RATE_STRIP.height - RATE_STRIP.gap : floor;
  const margin = 0.04 * (losses.high - losses.low);
  const range: Range = { low: losses.low - margin, high: losses.high + margin };
  return {
    x: (step) => left + ((step - steps.low) / (steps.high - steps.low)) * (right - left),
    y: (loss) => bottom - ((loss - range.low) / (range.high - range.low)) * (bottom - top),
    xTicks: niceTicks(steps, Math.max(2, Math.floor((right - left) / 80))).filter(Number.isInteger),
    yTicks: niceTicks(range, Math.max(2, Math.floor((bottom - top) / 40))),
    left,
    right,
    top,
    bottom,
    floor,
  };
}

function axes({ x, y, xTicks, yTicks, left, right, top, bottom, floor }: Frame): string[] {
  const digits = tickDigits(yTicks);
  const middle = round((top + bottom) / 2);
  return [
    ...yTicks.map(
      (tick) =>
        `<line class="grid" x1="${left}" x2="${right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>` +
        `<text x="${left - 6}" y="${round(y(tick) + 4)}" text-anchor="end">${tick.toFixed(digits)}</text>`,
    ),
    ...xTicks.map(
      (tick) =>
        `<line class="grid" x1="${round(x(tick))}" x2="${round(x(tick))}" y1="${top}" y2="${bottom}"/>` +
        `<text x="${round(x(tick))}" y="${floor + 16}" text-anchor="middle">${tick}</text>`,
    ),
    `<path class="axis" fill="none" d="M${left} ${top}V${bottom}H${right}"/>`,
    `<text x="${round((left + right) / 2)}" y="${floor + 33}" text-anchor="middle">step</text>`,
    `<text x="14" y="${middle}" text-anchor="middle" transform="rotate(-90 14 ${middle})">loss</text>`,
  ];
}

function epochMarks(points: readonly LossPoint[], { x, left, right, top, bottom }: Frame): string[] {
  const ends = epochEnds(points);
  const stride = Math.ceil((ends.length * EPOCH_LABEL_WIDTH) / (right - left));
  return ends
    .filter((_, index) => (index + 1) % stride === 0)
    .map(({ epoch, step }) => {
      const at = round(x(step));
      return (
        `<line class="epoch" x1="${at}" x2="${at}" y1="${top}" y2="${bottom}"/>` +
        `<text x="${at - 4}" y="${top + 12}" text-anchor="end">epoch ${epoch}</text>`
      );
    });
}

function ratesOf(points: readonly LossPoint[]): XY[] {
  return points.flatMap(({ step, learningRate: rate }) => (rate === undefined ? [] : [{ x: step, y: rate }]));
}

/** The learning rates below the losses, from 0 to the highest, over the same steps. */
function rateStrip(points: readonly LossPoint[], frame: Frame): string[] {
  const rates = ratesOf(points);
  if (rates.length === 0) return [];
  const { left, right, floor } = frame;
  const top = floor - RATE_STRIP.height;
  const highest = rates.reduce((most, { y }) => Math.max(most, y), 0);
  const y = (rate: number) => floor - (highest > 0 ? rate / highest : 0) * RATE_STRIP.height;
  const label = (at: number, text: string) => `<text x="${left - 6}" y="${at + 4}" text-anchor="end">${text}</text>`;
  return [
    `<line class="grid" x1="${left}" x2="${right}" y1="${top}" y2="${top}"/>`,
    `<path class="axis" fill="none" d="M${left} ${top}V${floor}H${right}"/>`,
    `<text x="${left + 4}" y="${top - 5}">learning rate</text>`,
    label(top, Number(highest.toPrecision(3)).toExponential()),
    label(floor, "0"),
    `<path class="rate" d="${linePath(rates, { ...frame, y })}"/>`,
  ];
}

function legend({ left, top }: Frame, validation: boolean): string[] {
  const y = top - 12;
  const entry = (x: number, text: string) => `<text x="${x + 24}" y="${y + 4}">${text}</text>`;
  const stroke = (x: number, name: string) => `<path class="${name}" d="M${x} ${y}h18"/>`;
  return [
    stroke(left, "raw") + entry(left, "loss"),
    stroke(left + 64, "ema") + entry(left + 64, "smoothed"),
    ...(validation
      ? [`<circle class="validation" cx="${left + 163}" cy="${y}" r="4"/>${entry(left + 150, "validation")}`]
      : []),
  ];
}

function describeCurve(points: readonly LossPoint[], smooth: readonly XY[]): string {
  const known = smooth.filter(({ y }) => Number.isFinite(y));
  const [first, last] = [known[0]!, known.at(-1)!];
  const validation = validationPoints(points).at(-1);
  const tail = validation ? ` Last validation loss ${validation.y.toFixed(3)} at step ${validation.x}.` : "";
  return `Smoothed training loss from ${first.y.toFixed(3)} at step ${first.x} to ${last.y.toFixed(3)} at step ${last.x}.${tail}`;
}

function linePath(points: readonly XY[], frame: Frame): string {
  let path = "";
  let pen = "M";
  for (const { x, y } of thin(points, frame)) {
    if (!Number.isFinite(y)) {
      pen = "M";
      continue;
    }
    path += `${pen}${round(frame.x(x))} ${round(frame.y(y))}`;
    // A lone point between gaps shows as a dot of the line's width.
    if (pen === "M") path += "h.01";
    pen = "L";
  }
  return path;
}

/** Of many points in one pixel column, the lowest and the highest, in their order; gaps stay. */
function thin(points: readonly XY[], frame: Frame): readonly XY[] {
  if (points.length <= 4 * (frame.right - frame.left)) return points;
  const kept: XY[] = [];
  let column: XY[] = [];
  const columnOf = ({ x, y }: XY) => (Number.isFinite(y) ? Math.round(frame.x(x)) : Number.NaN);
  const flush = () => {
    if (column.length === 0) return;
    const low = column.reduce((a, b) => (b.y < a.y ? b : a));
    const high = column.reduce((a, b) => (b.y > a.y ? b : a));
    kept.push(...(low.x < high.x ? [low, high] : [high, low]));
    column = [];
  };
  for (const point of points) {
    if (column.length > 0 && columnOf(point) !== columnOf(column[0]!)) flush();
    column.push(point);
  }
  flush();
  return kept;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escapeXml(text: string): string {
  // XML forbids most of these even when escaped.
  const allowed = text
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .replace(/[^\P{Cc}\t\n\r]|\p{Noncharacter_Code_Point}/gu, "");
  return allowed.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
