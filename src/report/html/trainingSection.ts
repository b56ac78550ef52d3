import { formatCount } from "../format.js";
import { type LossPoint, lossCurveSvg } from "../lossCurve.js";
import { movingAverage, validationPoints } from "../lossScale.js";
import type { TrainingRun } from "../trainingRun.js";
import { type Html, html, trusted } from "./markup.js";
import { dataTable } from "./tables.js";

/** Loss curves, a wide and a narrow drawing of each, of which the page shows the one that fits. */
export function trainingSection(runs: readonly TrainingRun[]): Html {
  return html`<section id="training" aria-labelledby="title-training"><h2 id="title-training">Training</h2>
<p class="aside">Loss: mean of a labelled token, in nats; lower is better. Smoothed: exponential moving average, decay 0.9. Dashed
lines: ends of epochs. Dots: loss on held-out data, where it was measured. Below: the learning rate.</p>
${runs.map(curve)}
</section>`;
}

function curve({ name, history }: TrainingRun): Html {
  const draw = (width: number, height: number) =>
    trusted(lossCurveSvg(history, { title: `Loss of ${name}`, width, height }));
  return html`<h3>${name}</h3>
<figure class="loss"><div class="wide">${draw(840, 380)}</div><div class="narrow">${draw(340, 280)}</div></figure>
${dataTable(`Training of ${name}`, ["Steps", "Epochs", "Smoothed loss, first to last", "Last validation loss"], [numbers(history)])}`;
}

function numbers(history: readonly LossPoint[]): string[] {
  const smooth = movingAverage(history).filter(({ y }) => Number.isFinite(y));
  const last = history.at(-1)!;
  return [
    formatCount(last.step),
    last.epoch === undefined ? "n/a" : last.epoch.toFixed(2),
    `${smooth[0]!.y.toFixed(3)} to ${smooth.at(-1)!.y.toFixed(3)}`,
    validationPoints(history).at(-1)?.y.toFixed(3) ?? "none",
  ];
}
