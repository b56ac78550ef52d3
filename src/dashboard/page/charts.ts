import { niceTicks } from "../../report/ticks.js";
import { byId, element, svgElement } from "./element.js";

export interface XY {
  x: number;
  /** Null leaves a gap. */
  y: number | null;
}

export interface Chart {
  id: string;
  lines: ReadonlyArray<{ style: "raw" | "main"; points: readonly XY[] }>;
  dots?: readonly XY[];
  /** A level to compare with. */
  limit?: number | undefined;
  /** Whether the axis begins at 0. */
  fromZero: boolean;
  /** Where epochs end. */
  epochs: readonly number[];
  format: (value: number) => string;
  /** What the chart says, in words. */
  description: string;
}

const LEFT = 68;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 24;

interface Scale {
  x: (step: number) => number;
  y: (value: number) => number;
  width: number;
  height: number;
  xTicks: number[];
  yTicks: number[];
}

/** Draws a chart into its place, or says that there is nothing yet. */
export function drawChart(chart: Chart): void {
  const place = byId(chart.id);
  const scale = scaleOf(chart, Math.max(240, place.clientWidth), chart.id === "loss" ? 300 : 170);
  if (scale === undefined) {
    place.replaceChildren(element("p", { class: "empty" }, "No data yet."));
    return;
  }
  const { width, height, x, y } = scale;
  const svg = svgElement("svg", {
    viewBox: `0 0 ${width} ${height}`,
    height,
    role: "img",
    "aria-label": chart.description,
  });
  svg.append(...axes(scale, chart.format));
  for (const step of chart.epochs)
    svg.append(svgElement("line", { class: "epoch", x1: x(step), x2: x(step), y1: TOP, y2: height - BOTTOM }));
  if (chart.limit !== undefined)
    svg.append(
      svgElement("line", { class: "limit", x1: LEFT, x2: width - RIGHT, y1: y(chart.limit), y2: y(chart.limit) }),
    );
  for (const { style, points } of chart.lines)
    svg.append(svgElement("path", { class: style, d: pathOf(points, scale) }));
  for (const dot of chart.dots ?? [])
    if (dot.y !== null) svg.append(svgElement("circle", { class: "dot", cx: x(dot.x), cy: y(dot.y), r: 4 }));
  place.replaceChildren(svg);
}

function scaleOf(chart: Chart, width: number, height: number): Scale | undefined {
  const points = [...chart.lines.flatMap((line) => line.points), ...(chart.dots ?? [])];
  const values = points.flatMap(({ y }) => y ?? []);
  if (values.length === 0) return undefined;
  const steps = rangeOf(points.map(({ x }) => x));
  const range = rangeOf([
    ...values,
    ...(chart.fromZero ? [0] : []),
    ...(chart.limit === undefined ? [] : [chart.limit]),
  ]);
  return {
    x: (step) => LEFT + ((step - steps.low) / (steps.high - steps.low)) * (width - LEFT - RIGHT),
    y: (value) => height - BOTTOM - ((value - range.low) / (range.high - range.low)) * (height - TOP - BOTTOM),
    width,
    height,
    xTicks: niceTicks(steps, width / 90).filter(Number.isInteger),
    yTicks: niceTicks(range, height / 45),
  };
}

/** Never empty, also for one point. */
function rangeOf(values: readonly number[]): { low: number; high: number } {
  let [low, high] = [values[0] as number, values[0] as number];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const margin = Math.abs(high) * 0.05 || 1;
  return high - low > 1e-9 * Math.abs(high) ? { low, high } : { low: low - margin, high: high + margin };
}

function axes({ x, y, width, height, xTicks, yTicks }: Scale, format: (value: number) => string): SVGElement[] {
  return [
    ...yTicks.flatMap((tick) => [
      svgElement("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
      svgElement("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, format(tick)),
    ]),
    ...xTicks.map((tick) => svgElement("text", { x: x(tick), y: height - 6, "text-anchor": "middle" }, String(tick))),
  ];
}

function pathOf(points: readonly XY[], { x, y }: Scale): string {
  let path = "";
  let pen = "M";
  for (const point of points) {
    if (point.y === null) {
      pen = "M";
      continue;
    }
    path += `${pen}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`;
    // A lone point between gaps shows as a dot of the line's width.
    if (pen === "M") path += "h.01";
    pen = "L";
  }
  return path;
}
