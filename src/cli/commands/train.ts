import { basename } from "node:path";
import type { Command } from "commander";
import type { TrainConfig } from "../../config/schema.js";
import type { Dashboard } from "../../dashboard/dashboard.js";
import { isMediloraError } from "../../errors.js";
import type { TrainProgress } from "../../train/progress.js";
import type { TrainResult } from "../../train/run.js";
import { gather, wholeNumber } from "../options.js";
import type { Output } from "../output.js";
import type { CliContext } from "../run.js";

interface TrainFlags {
  set?: string[];
  resume?: boolean;
  /** The port; 0 for any free one. */
  dashboard?: number;
  json?: boolean;
}

type Format = typeof import("../../report/format.js");

/** `medilora train`: a training run by its YAML configuration. */
export function trainCommand(command: Command, { signal, finishOnInterrupt, out }: CliContext): Command {
  dashboardWithoutValue(command);
  return command
    .description("train an adapter, or all weights, by a YAML configuration")
    .argument("<config>", "YAML configuration")
    .option("--set <key=value>", "change a key, as if the file said so; may be repeated", gather(String))
    .option("--resume", "go on from this run's newest checkpoint in output_dir")
    .option(
      "--dashboard [port]",
      "show the training on a local page, whose address stderr tells; =PORT for a port of choice",
      parsePort,
    )
    .option("--json", "print the result as JSON")
    .action(async (path: string, flags: TrainFlags) => {
      const [{ train }, format, config] = await Promise.all([
        import("../../train/train.js"),
        import("../../report/format.js"),
        readConfig(path, flags, out),
      ]);
      const stop = finishOnInterrupt("the running step");
      await using dashboard = await openDashboard(flags.dashboard, config, out);
      const show = trainReporter(out, format);
      const onProgress = (event: TrainProgress): void => {
        show(event);
        dashboard?.report(event);
      };
      const result = await train(config, { signal, stop, onProgress });
      if (flags.json) out.json(result);
      else out.data(summary(result, format));
    });
}

/** Samples that a dashboard shows where the configuration says nothing about them. */
const DASHBOARD_SAMPLES = 3;

/** `--dashboard run.yaml` names the configuration, not a port: only `=` gives the option a value. */
function dashboardWithoutValue(command: Command): void {
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (args) => parse(args.map((arg) => (arg === "--dashboard" ? "--dashboard=0" : arg)));
}

const parsePort = wholeNumber(0, 65_535);

/** Where any port will do, a page that cannot be served is no reason not to train. */
async function openDashboard(
  port: number | undefined,
  config: TrainConfig,
  out: Output,
): Promise<Dashboard | undefined> {
  if (port === undefined) return undefined;
  const { startDashboard } = await import("../../dashboard/dashboard.js");
  try {
    const dashboard = await startDashboard({ port, title: `Training: ${basename(config.output_dir)}` });
    config.eval_table_size ??= DASHBOARD_SAMPLES;
    out.note(`dashboard: ${dashboard.url}`);
    return dashboard;
  } catch (error) {
    if (port !== 0 || !isMediloraError(error)) throw error;
    out.note(`warning: there is no dashboard. ${error.message}`);
    return undefined;
  }
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
      case "samples":
        return out.note(
          `step ${event.step}: ${event.samples.length} samples in samples.jsonl, in ${format.formatDuration(event.seconds)}`,
        );
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
    `loss curve  ${result.lossCurve}, ${result.lossPage}`,
    `metrics     ${result.metrics}`,
  ].join("\n");
}
