import { classificationMetrics } from "../../eval/metrics.js";
import { formatCount, formatPercent } from "../format.js";
import type { Benchmark } from "./benchmarks.js";
import { type Html, html } from "./markup.js";
import { dataTable } from "./tables.js";

/** Shades of a cell by its share of the row, from 0 to this. */
const SHADES = 5;

/** A confusion matrix a column, with precision, recall and F1 by label; nothing where questions have labels of their own. */
export function confusionSection({ columns, questions, labels }: Benchmark): Html {
  if (labels === null)
    return html`<p class="aside">The choices differ from question to question, so there is no table of answers by label.</p>`;
  const matrices = columns.map(({ name }, column) => {
    const items = questions.flatMap(({ gold, answers }) => {
      const answer = answers[column];
      return answer ? [{ gold, predicted: answer.label }] : [];
    });
    return html`<div class="matrix">${matrix(name, labels, classificationMetrics(items, labels))}</div>`;
  });
  return html`<h3>Answers by label</h3>
<p class="aside">A row holds the questions with one right answer, a column what the model answered; the outlined diagonal is
right. Invalid: no label could be read from the answer, which counts as wrong.</p>
<div class="matrices">${matrices}</div>`;
}

function matrix(name: string, labels: readonly string[], metrics: ReturnType<typeof classificationMetrics>): Html {
  const columns = ["Right answer", ...labels.map((label) => `said ${label}`), "invalid", "recall", "precision", "F1"];
  const rows = labels.map((label, row) => {
    const counts = metrics.confusion[row]!;
    const { support, recall, precision, f1 } = metrics.perLabel[label]!;
    const cells = counts.map((count, column) => countCell(count, support, row === column));
    return [
      `${label} (${formatCount(support)})`,
      ...cells,
      ...[recall, precision, f1].map((share) => formatPercent(share)),
    ];
  });
  return dataTable(name, columns, rows);
}

function countCell(count: number, support: number, isRight: boolean): Html {
  const share = support === 0 ? 0 : count / support;
  const shade = Math.ceil(share * SHADES);
  return html`<span class="cell shade-${shade}${isRight ? " diagonal" : ""}">${formatCount(count)} <small>${formatPercent(share, undefined, 0)}</small></span>`;
}
