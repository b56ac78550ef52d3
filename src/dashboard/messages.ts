import { visibleText } from "../report/html/markup.js";
import { MovingAverage } from "../report/lossScale.js";
import type { MetricLine, SampleGeneration, TrainProgress } from "../train/progress.js";
import type { DashboardMessage } from "./view.js";

/** Characters of a prompt or an answer that the page gets. */
const MOST_TEXT = 20_000;

/** Turns what train() reports into what the dashboard's pages are told. */
export class MessageSource {
  readonly #average = new MovingAverage();

  messagesOf(event: TrainProgress): DashboardMessage[] {
    switch (event.type) {
      case "start":
        return [startMessage(event), ...event.earlier.map((line) => this.#lineMessage(line, null))];
      case "step":
        return [this.#lineMessage(event, event.etaSeconds)];
      case "evaluation":
        return [{ type: "validation", step: event.step, loss: finite(event.loss) }];
      case "samples":
        return [{ type: "samples", step: event.step, samples: event.samples.map(shown) }];
      case "checkpoint":
        return [{ type: "note", text: `Step ${event.step}: checkpoint saved.` }];
      case "warning":
        return [{ type: "note", text: visibleText(event.message) }];
    }
  }

  #lineMessage(line: MetricLine, etaSeconds: number | null): DashboardMessage {
    if ("evalLoss" in line) return { type: "validation", step: line.step, loss: finite(line.evalLoss) };
    const { step, epoch, loss, learningRate, gradNorm, tokensPerSecond, rss } = line;
    const point = {
      step,
      epoch,
      loss: finite(loss),
      smooth: finite(this.#average.add(loss)),
      learningRate,
      gradNorm: finite(gradNorm),
      tokensPerSecond,
      // Metrics of before this field was written have none.
      rss: finite(rss),
    };
    return { type: "point", point, etaSeconds };
  }
}

function startMessage(start: Extract<TrainProgress, { type: "start" }>): DashboardMessage {
  const { totalSteps, samples, tokens, trainableParameters, peakMemory, resumedFrom = null } = start;
  return { type: "run", run: { totalSteps, samples, tokens, trainableParameters, peakMemory, resumedFrom } };
}

function shown(sample: SampleGeneration): SampleGeneration {
  const clip = (text: string) => visibleText(text.slice(0, MOST_TEXT));
  return {
    ...sample,
    prompt: clip(sample.prompt),
    reference: clip(sample.reference),
    generated: clip(sample.generated),
  };
}

/** JSON has no NaN. */
function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
