import type { PerplexityResult } from "../quantize/perplexity.js";
import type { Estimate } from "../quantize/perplexityStatistics.js";
import { formatBytes, formatCount } from "./format.js";
import { renderTable, type TableColumn, type TableOptions } from "./table.js";

const COLUMNS: TableColumn[] = [{ title: "Measure" }, { title: "Value", align: "right" }];

/**
 * Perplexity, and what differs from the reference, for a terminal; then what was measured, and once the notice that this
 * is no medical advice.
 * @returns lines, joined by newlines, without one at the end
 */
export function perplexityTable(result: PerplexityResult, options: TableOptions = {}): string {
  const { model, against, data, chunks, chunkSize, scoredTokens } = result;
  const file = ({ file, bytes }: { file: string; bytes: number }) => `${file} (${formatBytes(bytes)})`;
  return [
    renderTable(COLUMNS, rows(result), options),
    `${file(model)}${against === null ? "" : ` against ${file(against)}`}, ${data.map(({ file }) => file).join(", ")}.`,
    `${formatCount(chunks)} chunks of ${formatCount(chunkSize)} tokens, the second half of each scored: ${formatCount(scoredTokens)} tokens.`,
    "Behind ±: standard error, as if tokens were independent.",
    result.notice,
  ].join("\n");
}

function rows({ perplexity, difference }: PerplexityResult): string[][] {
  const own = [["Perplexity", estimate(perplexity, 4)]];
  if (difference === null) return own;
  const { referencePerplexity, ratio, divergence, topAgreement, probabilityChange } = difference;
  return [
    ...own,
    ["Perplexity of the reference", estimate(referencePerplexity, 4)],
    ["Ratio of perplexities", estimate(ratio, 5)],
    ["KL divergence, mean (nats)", estimate(divergence.mean, 6)],
    ["KL divergence, median", divergence.median.toFixed(6)],
    ["KL divergence, 90%", divergence.p90.toFixed(6)],
    ["KL divergence, 95%", divergence.p95.toFixed(6)],
    ["KL divergence, 99%", divergence.p99.toFixed(6)],
    ["KL divergence, 99.9%", divergence.p999.toFixed(6)],
    ["KL divergence, maximum", divergence.max.toFixed(6)],
    ["Same likeliest token", percent(topAgreement)],
    ["Change of p, mean", percent(probabilityChange.mean)],
    ["Change of p, RMS", percent(probabilityChange.rms)],
  ];
}

function estimate({ value, error }: Estimate, digits: number): string {
  return `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
}

/** "97.31% ± 0.12". */
function percent({ value, error }: Estimate): string {
  return `${(100 * value).toFixed(3)}% ± ${(100 * error).toFixed(3)}`;
}
