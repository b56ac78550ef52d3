import type { SampleGeneration } from "../../train/progress.js";
import type { DashboardSamples } from "../view.js";
import { byId, element } from "./element.js";

let shown: readonly DashboardSamples[] = [];

/** Shows what the model wrote, the latest first. Left alone where nothing is new, so that what is open stays open. */
export function showSamples(groups: readonly DashboardSamples[]): void {
  if (groups.length === 0 || groups === shown) return;
  shown = groups;
  const blocks = groups.toReversed().map(({ step, samples }, age) => {
    const block = element("details", {}, element("summary", {}, `Step ${step}`), ...samples.map(sampleBlock));
    block.open = age === 0;
    return block;
  });
  byId("samples").replaceChildren(...blocks);
}

function sampleBlock({ prompt, reference, generated, finish, heldOut }: SampleGeneration): HTMLElement {
  const part = (label: string, text: string) => [
    element("p", { class: "label" }, label),
    element("pre", { dir: "auto" }, text),
  ];
  return element(
    "div",
    { class: "sample" },
    element(
      "details",
      {},
      element("summary", {}, heldOut ? "Prompt, held out" : "Prompt, of the training data"),
      element("pre", { dir: "auto" }, prompt),
    ),
    ...part(finish === "length" ? "The model writes (cut at its length)" : "The model writes", generated),
    ...part("The data say", reference),
  );
}
