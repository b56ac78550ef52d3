import { type Html, html, type Part } from "./markup.js";

/** A table whose first column names the rows; it scrolls by itself where the page is too narrow. */
export function dataTable(caption: string, columns: readonly Part[], rows: ReadonlyArray<readonly Part[]>): Html {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>
${rows.map(([head, ...cells]) => html`<tr><th scope="row">${head!}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}
</tbody></table></div>`;
}
