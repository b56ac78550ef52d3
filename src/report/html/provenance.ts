import { taskId } from "../../eval/task.js";
import { contaminationLines } from "../contaminationText.js";
import { columnTitle, fileSizes, strategyText } from "../evaluationTable.js";
import { formatDuration } from "../format.js";
import type { GeneratedReport, ReportResult } from "../resultSchema.js";
import { isGenerated } from "./benchmarks.js";
import { type Html, html, type Part, when } from "./markup.js";

/** What every run was: files by their hashes, settings, versions, machine, and the notes that its numbers need. */
export function provenanceSection(results: readonly ReportResult[]): Html {
  return html`<section id="provenance" aria-labelledby="title-provenance"><h2 id="title-provenance">How the numbers were made</h2>
${results.map(
  (result, i) => html`<section class="run"><h3>Run ${i + 1}: ${columnTitle(result)} on ${taskId(result.task)}</h3>
<dl>${facts(result).map(([term, description]) => html`<div><dt>${term}</dt><dd>${description}</dd></div>`)}</dl>
${noteList([...contaminationLines(result.contamination), ...result.notes])}
</section>`,
)}
</section>`;
}

function noteList(notes: readonly string[]): Html {
  return when(notes.length > 0, () => html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`);
}

type Fact = readonly [term: string, description: Part];

function facts(result: ReportResult): Fact[] {
  const { model, adapters, versions, machine, timings } = result;
  const data = isGenerated(result) ? [result.data] : result.data;
  const { asked, resumed, answerSeconds } = timings;
  return [
    ["Model", identity(model)],
    ...adapters.map((adapter): Fact => ["Adapter", identity(adapter, `, scale ${adapter.scale}`)]),
    ["Size", fileSizes(result)],
    ...data.map((file): Fact => ["Data", identity(file)]),
    ["Task and version", taskId(result.task)],
    ...(result.strategy ? [["Strategy", strategyText(result.strategy)] as const] : []),
    ...(isGenerated(result) ? generatedFacts(result) : likelihoodFacts(result)),
    [
      "Time",
      `${asked} questions in ${formatDuration(answerSeconds)}, loading left out${resumed > 0 ? `; ${resumed} more were taken from an earlier run` : ""}`,
    ],
    ["Versions", `medilora ${versions.medilora}, llama.cpp ${versions.llamaCpp}, Node.js ${versions.node}`],
    ["Machine", `${machine.cpu}, ${machine.threads} threads`],
  ];
}

function identity({ file, sha256 }: { file: string; sha256: string }, more = ""): Html {
  return html`${file}${more}<br><code>sha256 ${sha256}</code>`;
}

function generatedFacts({ extraction, sampler, seed, maxTokens }: GeneratedReport): Fact[] {
  return [
    ["Answers read by", extraction],
    ["Sampler, in its order", html`${sampler.preset}: ${sampler.description}${temperatureNote(sampler.steps)}`],
    ["Seed", `${seed}; each question draws by a seed derived from this one and its id`],
    ["Longest answer", `${maxTokens} tokens`],
  ];
}

/** How often a temperature draws the second-best token. */
function temperatureNote(steps: GeneratedReport["sampler"]["steps"]): Html {
  const temperature = steps.find(({ type }) => type === "temperature")?.t;
  return when(temperature !== undefined && temperature > 0, () => {
    const odds = 0.5 ** (1 / temperature!);
    const percent = ((100 * odds) / (1 + odds)).toFixed(odds < 0.1 ? 1 : 0);
    return html`<br><small>At temperature ${temperature!}, of two tokens of which one is half as likely as the other, the less likely
one is drawn ${percent}% of the time: another seed gives somewhat other answers.</small>`;
  });
}

function likelihoodFacts({ shots, addBos, tasks, strategy }: Exclude<ReportResult, GeneratedReport>): Fact[] {
  return [
    ...(tasks.length > 1 ? [["Tasks", tasks.map(taskId).join(", ")] as const] : []),
    ["Scored by", "sum of the log-probabilities of a choice's tokens behind the prompt"],
    ["Solved examples in front", strategy?.neighbours ? `${strategy.neighbours.shots}, by question` : `${shots}`],
    ["BOS in front", addBos ? "yes" : "no"],
  ];
}
