import type { Command } from "commander";
import type { TrainConfig } from "../../config/schema.js";
import type { TrainProgress } from "../../train/progress.js";
import type { TrainResult } from "../../train/run.js";
import { gather } from "../options.js";
import type { Output } from "../output.js";
import type { CliContext } from "../run.js";

interface TrainFlags {
  set?: string[];
  resume?: boolean;
  json?: boolean;
}

type Format = typeof import("../../report/format.js");

/** `medilora train`: a training run by its YAML configuration. */
export function trainCommand(command: Command, { signal, out }: CliContext): Command {
  return command
    .description("train an adapter, or all weights, by a YAML configuration")
    .argument("<config>", "YAML configuration")
    .option("--set <key=value>", "change a key, as if the file said so; may be repeated", gather(String))
    .option("--resume", "go on from this run's newest checkpoint in output_dir")
    .option("--json", "print the result as JSON")
    .action(async (path: string, flags: TrainFlags) => {
      const [{ train }, format, config] = await Promise.all([
        import("../../train/train.js"),
        import("../../report/format.js"),
        readConfig(path, flags, out),
      ]);
      const result = await train(config, { signal, onProgress: trainReporter(out, format) });
      if (flags.json) out.json(result);
      else out.data(summary(result, format));
    });
}

async function readConfig(path: string, { set = [], resume }: TrainFlags, out: Output): Promise<TrainConfig> {
  const { loadConfigWith } = await import("../overrides.js");
  const settings = resume ? [...set, "resume_from_checkpoint=true"] : set;
  return loadConfigWith(path, settings, (note) => out.note(`note: ${note}`));
}

/** Shows a run's events on stderr. */
export function trainReporter(out: Output, format: Format, label = "train"): (event: TrainProgress) => void {
  const meter = out.progress(label);
  return (event) => {
    switch (event.type) {
      case "start":
        return out.note(startLine(event, format));
      case "step":
        return meter.update(event.step, event.totalSteps, stepLine(event, format));
      case "evaluation":
        return out.note(`step ${event.step}: validation loss ${event.loss.toFixed(4)}`);
      case "checkpoint":
        return out.note(`step ${event.step}: checkpoint ${event.path}`);
      case "warning":
        return out.note(`warning: ${event.message}`);
    }
  };
}

type Start = Extract<TrainProgress, { type: "start" }>;
type Step = Extract<TrainProgress, { type: "step" }>;

function startLine(start: Start, { formatBytes, formatCount }: Format): string {
  const resumed = start.resumedFrom === undefined ? "" : `, resumed after step ${start.resumedFrom}`;
  return (
    `${formatCount(start.samples)} samples in ${formatCount(start.bins)} sequences, ${formatCount(start.tokens)} tokens ` +
    `(${formatCount(start.labelTokens)} with loss), ${formatCount(start.trainableParameters)} trainable parameters, ` +
    `${formatCount(start.totalSteps)} steps, about ${formatBytes(start.peakMemory)} of memory${start.checkpointing ? " with activation checkpointing" : ""}${resumed}`
  );
}

function stepLine(step: Step, { formatCount, formatDuration }: Format): string {
  return (
    `step ${step.step}/${step.totalSteps}  epoch ${step.epoch.toFixed(2)}  loss ${step.loss.toFixed(4)}  ` +
    `lr ${step.learningRate.toExponential(2)}  ${formatCount(step.tokensPerSecond)} tok/s  ` +
    `ETA ${formatDuration(step.etaSeconds)}`
  );
}

function summary(result: TrainResult, { formatBytes }: Format): string {
  const [first, last] = [result.history[0], result.history.at(-1)];
  return [
    `${result.output}: ${formatBytes(result.bytes)}, ${result.steps} steps`,
    ...(first && last ? [`loss        ${first.loss.toFixed(4)} -> ${last.loss.toFixed(4)}`] : []),
    `loss curve  ${result.lossCurve}`,
    `metrics     ${result.metrics}`,
  ].join("\n");
}
