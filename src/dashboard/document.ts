import { MEDICAL_NOTICE } from "../eval/evaluationResult.js";
import { html, trusted, when } from "../report/html/markup.js";
import { DASHBOARD_STYLE } from "./style.js";

/** The page without any data: its script gets that from the server. */
export function dashboardPage(title: string, nonce: string): string {
  const chart = (id: string, name: string, key = "", wide = false) =>
    html`<section class="chart${wide ? " wide" : ""}" aria-labelledby="${id}-title"><h2 id="${id}-title">${name}</h2>${when(key !== "", () => html`<p class="key">${key}</p>`)}<div id="${id}"></div></section>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${title}</title>
<style nonce="${nonce}">${trusted(DASHBOARD_STYLE)}</style>
<script type="module" nonce="${nonce}" src="js/dashboard/page/main.js"></script></head>
<body>
<header><h1>${title}</h1><p id="status" role="status">Connecting.</p>
<progress id="progress" max="1" value="0" aria-label="steps done"></progress></header>
<main>
<dl id="facts"></dl>
<div class="charts">
${chart("loss", "Loss, nats per labelled token", "Thin: each step. Thick: moving average, decay 0.9. Dots: validation. Dashed: ends of epochs.", true)}
${chart("rate", "Learning rate")}
${chart("gradient", "Gradient norm, before clipping")}
${chart("speed", "Tokens per second")}
${chart("memory", "Memory of the process", "Dashed level: predicted peak of the training.")}
</div>
<section aria-labelledby="samples-title"><h2 id="samples-title">Samples</h2>
<p class="notice" role="note">${MEDICAL_NOTICE}</p><div id="samples"><p>None yet.</p></div></section>
<section aria-labelledby="notes-title"><h2 id="notes-title">Notes</h2><ul id="notes"></ul></section>
<details><summary>Latest steps as a table</summary><div class="scroll" tabindex="0" role="region" aria-label="latest steps"><table id="steps"></table></div></details>
</main>
<noscript><p>This page needs JavaScript; the same numbers are in metrics.jsonl.</p></noscript>
</body></html>
`.source;
}
