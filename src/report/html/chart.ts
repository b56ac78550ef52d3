import { formatPercent } from "../format.js";
import type { Score } from "../scores.js";
import { type Html, html, when } from "./markup.js";

/** A model's score in a chart. */
export interface Bar {
  /** Of the model: decides the colour, from 0. */
  column: number;
  name: string;
  score: Score;
  /** A share to compare with, marked by a dashed line. */
  baseline: number | null;
}

export interface BarGroup {
  title: string;
  bars: readonly Bar[];
}

const COLOURS = 6;

/**
 * Bars from 0 to 100% with their 95% intervals. Names and values are text beside the bars, so that colour tells nothing
 * by itself and a narrow screen keeps the text's size; the figure stretches.
 */
export function barChart(caption: string, groups: readonly BarGroup[]): Html {
  return html`<figure class="bars"><figcaption>${caption}</figcaption>
${groups.map(
  ({ title, bars }) => html`<div class="bar-group"><h4>${title}</h4><ul>
${bars.map(barRow)}
</ul></div>`,
)}
<div class="bar-row axis" aria-hidden="true"><span></span><span class="ticks"><span>0%</span><span>50%</span><span>100%</span></span><span></span></div>
</figure>`;
}

function barRow({ column, name, score, baseline }: Bar): Html {
  const { value, interval } = score;
  const percent = (share: number) => Math.round(10_000 * share) / 100;
  return html`<li class="bar-row"><span class="bar-name">${name}</span><svg class="bar" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">
<path class="bar-grid" d="M0 0V20M25 0V20M50 0V20M75 0V20M100 0V20"/>
${when(value !== null, () => html`<rect class="fill-${column % COLOURS}" y="4" height="12" width="${percent(value!)}"/>`)}
${when(interval !== null, () => whisker(percent(interval!.low), percent(interval!.high)))}
${when(baseline !== null, () => html`<path class="baseline" d="M${percent(baseline!)} 0V20"/>`)}
</svg><span class="bar-value">${value === null ? "n/a" : formatPercent(value, interval ?? undefined)}</span></li>`;
}

function whisker(low: number, high: number): Html {
  const path = `M${low} 10H${high}M${low} 6V14M${high} 6V14`;
  return html`<path class="whisker-halo" d="${path}"/><path class="whisker" d="${path}"/>`;
}
