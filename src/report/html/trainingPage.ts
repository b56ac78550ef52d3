import { MediloraError } from "../../errors.js";
import { MEDICAL_NOTICE } from "../../eval/evaluationResult.js";
import { packageVersion } from "../../util/version.js";
import type { TrainingRun } from "../trainingRun.js";
import { pageHead } from "./head.js";
import { html } from "./markup.js";
import { trainingSection } from "./trainingSection.js";

/**
 * One HTML page of loss curves. It holds numbers and the runs' names only, and loads nothing.
 * @param runs at least one, each with a finite loss
 * @throws MediloraError `DATA_EMPTY`
 */
export function trainingPage(runs: readonly TrainingRun[], title = "Loss curves"): string {
  if (runs.length === 0) throw new MediloraError("DATA_EMPTY", "There is no training to show. Give at least one.");
  return html`<!doctype html>
<html lang="en">${pageHead(title)}
<body>
<header><h1>${title}</h1>
<p class="notice" role="note">${MEDICAL_NOTICE}</p></header>
<main>
${trainingSection(runs)}
</main>
<footer>Made by medilora ${packageVersion()}. This page loads nothing from the network.</footer>
</body></html>
`.source;
}
