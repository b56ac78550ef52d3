import { formatCount, formatPercent } from "../format.js";
import { type Benchmark, isGenerated } from "./benchmarks.js";
import { type Calibration, calibrationOf } from "./calibration.js";
import { type Html, html, when } from "./markup.js";
import { dataTable } from "./tables.js";

/** Pixels of the drawing. */
const SIZE = { left: 44, top: 10, side: 240, width: 300, height: 296 };

/** Reliability diagrams, one a column, with their numbers; for generated answers, why there are none. */
export function calibrationSection({ columns }: Benchmark): Html {
  const plots = columns.flatMap(({ name, result }) => {
    const calibration = isGenerated(result) ? null : calibrationOf(result);
    return calibration === null ? [] : [plot(name, calibration)];
  });
  if (plots.length === 0)
    return html`<p class="aside">No calibration plot: it needs the probability of each choice, and ${
      columns.some(({ result }) => isGenerated(result))
        ? "these answers were generated"
        : "no question has exactly one right choice"
    }.</p>`;
  return html`<h3>Calibration</h3>
<p class="aside">Does the model know when it knows? Computed from the probabilities of the choices: softmax over the choices'
summed log-likelihoods, without any length normalisation. Of the questions whose likeliest choice got, say, 70%, 70% should be right: the
dot then lies on the dashed line. Whiskers: 95% intervals (Wilson). Expected calibration error: mean distance between probability and share right over
ten bins, weighted by their questions; 0% is perfect.</p>
<div class="plots">${plots}</div>`;
}

function plot(name: string, calibration: Calibration): Html {
  const { n, leftOut, error, bins } = calibration;
  const rows = bins.map(({ low, high, n, confidence, accuracy, interval }) => [
    `${Math.round(100 * low)}-${Math.round(100 * high)}%`,
    formatCount(n),
    formatPercent(confidence),
    formatPercent(accuracy, interval),
  ]);
  return html`<figure class="plot"><figcaption>${name}: expected calibration error ${formatPercent(error)}
<small>${formatCount(n)} questions${when(leftOut > 0, () => html`; ${formatCount(leftOut)} without a usable probability or with several right choices left out`)}</small></figcaption>
${drawing(name, calibration)}
<details><summary>Numbers of the plot</summary>
${dataTable(`Calibration of ${name}`, ["Probability", "Questions", "Mean probability", "Share right [95%]"], rows)}
</details></figure>`;
}

function drawing(name: string, { bins, error }: Calibration): Html {
  const { left, top, side, width, height } = SIZE;
  const x = (share: number) => round(left + share * side);
  const y = (share: number) => round(top + (1 - share) * side);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const middle = top + side / 2;
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Reliability diagram of ${name}: expected calibration error ${formatPercent(error)}">
${ticks.map(
  (tick) => html`<path class="grid" d="M${x(tick)} ${top}V${top + side}M${left} ${y(tick)}H${left + side}"/>
<text x="${x(tick)}" y="${top + side + 16}" text-anchor="middle">${100 * tick}</text><text x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${100 * tick}</text>`,
)}
${bins.map(
  ({ low, high, accuracy }) =>
    html`<rect class="reliability" x="${x(low) + 1}" y="${y(accuracy)}" width="${round(x(high) - x(low) - 2)}" height="${round(y(0) - y(accuracy))}"/>`,
)}
<path class="perfect" d="M${x(0)} ${y(0)}L${x(1)} ${y(1)}"/>
${bins.map(({ confidence, accuracy, interval }) => {
  const at = x(confidence);
  return html`<circle class="point" cx="${at}" cy="${y(accuracy)}" r="3.5"/><path class="whisker" d="M${at} ${y(interval.low)}V${y(interval.high)}M${at - 4} ${y(interval.low)}H${at + 4}M${at - 4} ${y(interval.high)}H${at + 4}"/>`;
})}
<text x="${left + side / 2}" y="${top + side + 36}" text-anchor="middle">probability of the likeliest choice (%)</text>
<text x="12" y="${middle}" text-anchor="middle" transform="rotate(-90 12 ${middle})">right (%)</text>
</svg>`;
}

function round(value: number): number {
  return Math.round(100 * value) / 100;
}
