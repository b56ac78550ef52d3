import { type Html, html } from "./markup.js";

const SHOWN = {
  all: "all questions",
  right: "right",
  wrong: "wrong or invalid",
  invalid: "invalid answers",
  disagree: "models disagree",
};

/** The frame that the page's script fills with the questions. */
export function explorerSection(): Html {
  return html`<section id="questions" aria-labelledby="title-questions"><h2 id="title-questions">Every question</h2>
<noscript><p>The list of questions needs JavaScript, which is switched off in this browser.</p></noscript>
<div id="explorer" hidden>
<form id="filters" role="search" aria-label="Filter the questions">
${menu("benchmark", "Benchmark", [])}
${menu(
  "show",
  "Show",
  Object.entries(SHOWN).map(([value, name]) => html`<option value="${value}">${name}</option>`),
)}
${menu("model", "Answers of", [])}
${menu("label", "Right answer", [])}
${menu("task", "Task", [])}
<label>Text <input name="search" type="search" placeholder="question, answer or id" autocomplete="off"></label>
<button type="button" id="clear-filters">Clear filters</button>
</form>
<p id="count" role="status"></p>
<div class="explorer">
<div class="list"><div class="scroll" role="region" tabindex="0" aria-label="List of questions"><table>
<caption class="unseen">Questions that fit the filters</caption><thead id="list-head"></thead><tbody id="list-body"></tbody></table></div>
<nav class="pages" aria-label="Pages of the list"><button type="button" id="page-back">Earlier</button><span id="page-number"></span>
<button type="button" id="page-on">Later</button></nav></div>
<article id="detail" tabindex="-1" aria-labelledby="detail-title">
<div class="detail-head"><h3 id="detail-title"></h3><nav class="pages" aria-label="Questions"><button type="button" id="question-back" aria-keyshortcuts="k">Previous</button>
<span id="detail-position"></span><button type="button" id="question-on" aria-keyshortcuts="j">Next</button></nav></div>
<p class="aside keys">Keys in this section: <kbd>j</kbd> or <kbd>→</kbd> next question, <kbd>k</kbd> or <kbd>←</kbd> previous one.</p>
<div id="detail-body"></div></article>
</div></div></section>`;
}

function menu(name: string, title: string, options: readonly Html[]): Html {
  return html`<label>${title} <select name="${name}">${options}</select></label>`;
}
