import { taskId } from "../../eval/task.js";
import { formatPercent } from "../format.js";
import { type Score, scoresOf } from "../scores.js";
import { type Baseline, baselineOf } from "./baseline.js";
import type { Benchmark } from "./benchmarks.js";
import { calibrationSection } from "./calibrationPlot.js";
import { type BarGroup, barChart } from "./chart.js";
import { type Comparison, comparisonSection } from "./comparison.js";
import { confusionSection } from "./confusion.js";
import { type Html, html, when } from "./markup.js";
import { dataTable } from "./tables.js";

/** All numbers of a benchmark. */
export function scoreSection(benchmark: Benchmark, comparisons: readonly Comparison[]): Html {
  const { key, anchor, task, kind, columns, questions } = benchmark;
  const rows = scoreRows(benchmark);
  const baselines = columns.map((_, i) => baselineOf(benchmark, i));
  const firstQuestion = String(new URLSearchParams({ benchmark: key, question: "" }));
  const names = columns.map(({ name }) => name);
  return html`<section class="benchmark" id="${anchor}" aria-labelledby="title-${anchor}">
<h2 id="title-${anchor}">${taskId(task)} <small>${kind === "generated" ? "generated answers" : "choices by log-likelihood"}</small></h2>
<h3>Scores</h3>
${dataTable(
  `Scores of ${taskId(task)} with 95% intervals`,
  ["Metric", ...names],
  rows.map(({ title, scores }) => [title, ...scores.map(scoreText)]),
)}
<p class="aside">In brackets: 95% intervals (Wilson for shares; bootstrap over questions for macro-F1; 1.96 standard errors for
mc2 and for a group's mean, whose tasks stay fixed).</p>
${barChart(`Scores with 95% intervals${describeBaselines(baselines)}`, barGroups(benchmark, rows, baselines))}
${when(comparisons.length > 0, () => comparisonSection(comparisons))}
${confusionSection(benchmark)}
${calibrationSection(benchmark)}
<p class="to-questions"><a href="#${firstQuestion}">Look at the ${questions.length} questions</a></p>
</section>`;
}

interface ScoreRow {
  title: string;
  isHeadline: boolean;
  scores: Array<Score | undefined>;
}

/** The scores of all columns, side by side by task and metric. */
function scoreRows({ task, columns }: Benchmark): ScoreRow[] {
  const scores = columns.map(({ result }) => scoresOf(result));
  const keyOf = (score: Score) => JSON.stringify([score.task, score.metric]);
  const keys = [...new Set(scores.flat().map(keyOf))];
  const headlines = new Set(scores.flatMap((list) => firstOfEachTask(list).map(keyOf)));
  return keys.map((key) => {
    const [name, metric] = JSON.parse(key) as [string, string];
    return {
      title: name === task.name ? metric : `${name} ${metric}`,
      isHeadline: headlines.has(key),
      scores: scores.map((list) => list.find((score) => keyOf(score) === key)),
    };
  });
}

function firstOfEachTask(scores: readonly Score[]): Score[] {
  return scores.filter((score, i) => scores.findIndex(({ task }) => task === score.task) === i);
}

function scoreText(score: Score | undefined): string {
  if (score === undefined || score.value === null) return "n/a";
  return formatPercent(score.value, score.interval ?? undefined);
}

/** Where there are many tasks, the chart shows the headline of each. */
function barGroups(
  { columns, kind }: Benchmark,
  rows: readonly ScoreRow[],
  baselines: ReadonlyArray<Baseline | null>,
): BarGroup[] {
  const shown = kind === "generated" ? rows : rows.filter(({ isHeadline }) => isHeadline);
  return shown.map(({ title, scores }, row) => ({
    title,
    bars: scores.flatMap((score, column) => {
      const baseline = row === 0 ? (baselines[column]?.share ?? null) : null;
      return score === undefined ? [] : [{ column, name: columns[column]!.name, score, baseline }];
    }),
  }));
}

function describeBaselines(baselines: ReadonlyArray<Baseline | null>): string {
  const ways = [...new Set(baselines.flatMap((baseline) => baseline?.how ?? []))];
  return ways.length === 0 ? "" : `; dashed: ${ways.join(" or ")}`;
}
