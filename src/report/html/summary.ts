import { taskId } from "../../eval/task.js";
import { GENERATION_TASKS, LIKELIHOOD_TASKS } from "../../eval/tasks/index.js";
import { formatCount, formatP, formatPercent, formatPoints } from "../format.js";
import { type Score, scoresOf } from "../scores.js";
import { type Baseline, baselineOf } from "./baseline.js";
import { type Benchmark, type Column, isGenerated } from "./benchmarks.js";
import { type Comparison, isClear } from "./comparison.js";
import { type Html, html, when } from "./markup.js";

/** The findings of a benchmark in plain words: what was asked, what came out, what it means. */
export function summaryOf(benchmark: Benchmark, comparisons: readonly Comparison[]): Html {
  const { anchor, kind, task, columns, questions } = benchmark;
  const description = describeTask(task);
  const manner =
    kind === "generated"
      ? "The models wrote answers, and a fixed rule read a label from each."
      : "Nothing was written: the choice that the model finds likeliest counts as its answer.";
  return html`<section class="finding"><h3><a href="#${anchor}">${taskId(task)}</a></h3>
<p>${description === undefined ? "" : `${description} `}${formatCount(questions.length)} questions. ${manner}</p>
<ul>
${columns.map((column, i) => html`<li>${columnFinding(column, baselineOf(benchmark, i))}</li>`)}
${comparisons.map((comparison) => html`<li>${comparisonFinding(comparison)}</li>`)}
</ul></section>`;
}

/** The description of a built-in task of that version. */
function describeTask({ name, version }: Benchmark["task"]): string | undefined {
  return [...GENERATION_TASKS, ...LIKELIHOOD_TASKS].find((task) => task.name === name && task.version === version)
    ?.description;
}

function columnFinding({ name, result }: Column, baseline: Baseline | null): Html {
  const [headline, validity] = scoresOf(result) as [Score, Score?];
  const { value, interval, n, metric } = headline;
  const share = html`<strong>${formatPercent(value!)}</strong>`;
  const questions = `${formatCount(n)} questions`;
  const isShare = isGenerated(result) || metric === "acc" || metric === "mc1";
  const measured = isShare
    ? html`was right on ${share} of ${questions}`
    : html`scored ${share} on ${questions} (${metric})`;
  const range = interval === null ? "." : ` (95% interval ${points(interval.low)} to ${points(interval.high)}).`;
  return html`<strong>${name}</strong> ${measured}${range}
${when(isGenerated(result), () => html`${formatPercent(validity!.value!)} of its answers could be read.`)}
${when(baseline !== null && interval !== null, () => against(headline, baseline!))}`;
}

function against({ interval }: Score, { share, how }: Baseline): Html {
  const position =
    interval!.low > share
      ? "the model does better"
      : interval!.high < share
        ? "the model does worse"
        : "the interval includes this, so the model is not shown to know more";
  return html`For comparison: ${how} would be right on ${formatPercent(share)}; ${position}.`;
}

function comparisonFinding(comparison: Comparison): Html {
  const { first, second, n, difference, pValue } = comparison;
  const p = pValue === null ? "" : `; McNemar's exact p ${formatP(pValue)}`;
  const better = difference.difference > 0 ? first.name : second.name;
  const verdict = isClear(comparison)
    ? html`the interval leaves out zero, so <strong>${better}</strong> did better by more than the choice of questions explains`
    : html`the interval includes zero, so neither is shown to be better`;
  return html`<strong>${first.name}</strong> less <strong>${second.name}</strong>: ${formatPoints(difference)} on ${formatCount(n)} questions${p}; ${verdict}.`;
}

function points(share: number): string {
  return (100 * share).toFixed(1);
}
