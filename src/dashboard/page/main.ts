import { formatBytes, formatCount, formatDuration } from "../../report/format.js";
import { epochEnds } from "../../report/ticks.js";
import { applyMessage, type DashboardMessage, type DashboardPoint, emptyView } from "../view.js";
import { drawChart } from "./charts.js";
import { byId, element } from "./element.js";
import { showSamples } from "./samples.js";

/** Steps of the table. */
const TABLE_STEPS = 20;

let view = emptyView();
let drawing = false;

/** Draws soon, once for all that arrives until then. */
function draw(): void {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    showFacts();
    showCharts();
    showSamples(view.samples);
    byId("notes").replaceChildren(...view.notes.toReversed().map((note) => element("li", {}, note)));
    showTable();
  });
}

const number = (value: number | null | undefined, digits = 4) => (value == null ? "n/a" : value.toFixed(digits));

function showFacts(): void {
  const { run, points, validations, etaSeconds } = view;
  const last = points.at(-1);
  const facts: Array<[string, string]> = [
    ["Step", `${last?.step ?? run?.resumedFrom ?? 0} of ${run?.totalSteps ?? "?"}`],
    ["Epoch", number(last?.epoch, 2)],
    ["Loss", number(last?.loss)],
    ["Loss, smoothed", number(last?.smooth)],
    ["Validation loss", number(validations.at(-1)?.loss)],
    ["Learning rate", last === undefined ? "n/a" : last.learningRate.toExponential(2)],
    ["Gradient norm", number(last?.gradNorm, 3)],
    ["Tokens per second", last === undefined ? "n/a" : formatCount(last.tokensPerSecond)],
    ["Memory", last?.rss == null ? "n/a" : formatBytes(last.rss)],
    ["Memory, predicted peak", run === null ? "n/a" : formatBytes(run.peakMemory)],
    ["Time left", etaSeconds === null ? "n/a" : formatDuration(etaSeconds)],
  ];
  byId("facts").replaceChildren(
    ...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
  (byId("progress") as HTMLProgressElement).value = run === null ? 0 : (last?.step ?? 0) / run.totalSteps;
}

function showCharts(): void {
  const { run, points, validations } = view;
  const epochs = epochMarks(points);
  const series = (of: (point: DashboardPoint) => number | null) =>
    points.map((point) => ({ x: point.step, y: of(point) }));
  const last = points.at(-1);
  const validation = validations.map(({ step, loss }) => ({ x: step, y: loss }));
  drawChart({
    id: "loss",
    lines: [
      { style: "raw", points: series(({ loss }) => loss) },
      { style: "main", points: series(({ smooth }) => smooth) },
    ],
    dots: validation,
    fromZero: false,
    epochs,
    format: (value) => value.toFixed(2),
    description: `Loss, faint; its moving average, ${number(last?.smooth)} at the last step, strong; ${validation.length} validations as dots`,
  });
  const plain = { epochs, fromZero: true };
  const one = (of: (point: DashboardPoint) => number | null) => [{ style: "main" as const, points: series(of) }];
  drawChart({
    ...plain,
    id: "rate",
    lines: one(({ learningRate }) => learningRate),
    format: (value) => (value === 0 ? "0" : value.toExponential(1)),
    description: `Learning rate, ${last?.learningRate.toExponential(2) ?? "n/a"} at the last step`,
  });
  drawChart({
    ...plain,
    id: "gradient",
    lines: one(({ gradNorm }) => gradNorm),
    format: (value) => String(Number(value.toPrecision(3))),
    description: `Gradient norm, ${number(last?.gradNorm, 3)} at the last step`,
  });
  drawChart({
    ...plain,
    id: "speed",
    lines: one(({ tokensPerSecond }) => tokensPerSecond),
    format: formatCount,
    description: `Tokens per second, ${formatCount(last?.tokensPerSecond ?? 0)} at the last step`,
  });
  drawChart({
    ...plain,
    id: "memory",
    lines: one(({ rss }) => rss),
    limit: run?.peakMemory,
    format: formatBytes,
    description: `Memory of the process; dashed: the predicted peak, ${formatBytes(run?.peakMemory ?? 0)}`,
  });
}

/** Steps at which epochs ended; none where so many would hide the curve. */
function epochMarks(points: readonly DashboardPoint[]): number[] {
  const ends = epochEnds(points).map(({ step }) => step);
  return ends.length > 30 ? [] : ends;
}

function showTable(): void {
  const rows = view.points.slice(-TABLE_STEPS).toReversed();
  const head = ["Step", "Epoch", "Loss", "Smoothed", "Learning rate", "Gradient norm", "Tokens/s", "Memory"];
  const cells = (tag: "th" | "td", texts: readonly string[]) =>
    element("tr", {}, ...texts.map((text) => element(tag, tag === "th" ? { scope: "col" } : {}, text)));
  byId("steps").replaceChildren(
    element("thead", {}, cells("th", head)),
    element(
      "tbody",
      {},
      ...rows.map((point) =>
        cells("td", [
          String(point.step),
          number(point.epoch, 2),
          number(point.loss),
          number(point.smooth),
          point.learningRate.toExponential(2),
          number(point.gradNorm, 3),
          formatCount(point.tokensPerSecond),
          point.rss === null ? "n/a" : formatBytes(point.rss),
        ]),
      ),
    ),
  );
}

function say(status: string): void {
  byId("status").textContent = status;
}

function listen(): void {
  const events = new EventSource("events");
  events.addEventListener("open", () => say("Live."));
  events.addEventListener("error", () => {
    const again = events.readyState === EventSource.CLOSED ? "Reload the page to try again" : "Trying again";
    say(`The connection is lost. ${again}; what was received stays.`);
  });
  events.addEventListener("message", ({ data }) => {
    view = applyMessage(view, JSON.parse(data as string) as DashboardMessage);
    draw();
  });
  events.addEventListener("end", () => {
    events.close();
    say("The training has ended. This page keeps what it shows until it is closed.");
  });
  addEventListener("resize", draw);
  draw();
}

listen();
