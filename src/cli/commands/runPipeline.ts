import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import type { Pipeline } from "../../pipeline/load.js";
import type { PlannedStep } from "../../pipeline/plan.js";
import type { PipelineProgress, PipelineResult } from "../../pipeline/run.js";
import { gather } from "../options.js";
import type { Output } from "../output.js";
import type { CliContext } from "../run.js";
import { trainReporter } from "./train.js";

interface RunFlags {
  dryRun?: boolean;
  from?: string;
  model?: string;
  set?: string[];
  json?: boolean;
}

type Format = typeof import("../../report/format.js");

/** `medilora run`: prepare, train, merge, quantize, eval and report by one file. */
export function runCommand(command: Command, context: CliContext): Command {
  return command
    .description("run a pipeline: prepare, train, merge, quantize, eval, report; only what changed is done again")
    .argument("<pipeline>", "YAML file; recipes/ has some")
    .option("--dry-run", "print what would be done, and time and memory of the trainings")
    .option("--from <step>", "do this step and all that follow again, even where nothing changed")
    .option("--model <file>", "GGUF base model in place of the file's")
    .option("--set <key=value>", "change a key, as if the file said so; may be repeated", gather(String))
    .option("--json", "print the result, or with --dry-run the plan, as JSON")
    .action(async (path: string, flags: RunFlags) => {
      const pipeline = await readPipeline(path, flags);
      const format = await import("../../report/format.js");
      if (flags.dryRun) await plan(pipeline, flags, { ...context, format });
      else await runAll(pipeline, flags, { ...context, format });
    });
}

async function readPipeline(path: string, { set = [], model }: RunFlags): Promise<Pipeline> {
  const [{ parsePipeline }, { readYamlWith }] = await Promise.all([
    import("../../pipeline/load.js"),
    import("../overrides.js"),
  ]);
  const written = await readYamlWith(path, set);
  const pipeline = parsePipeline(written, { baseDir: dirname(path), source: path });
  return model === undefined ? pipeline : { ...pipeline, base_model: resolve(model) };
}

type RunContext = CliContext & { format: Format };

async function plan(pipeline: Pipeline, { from, json }: RunFlags, { signal, out, format }: RunContext): Promise<void> {
  const { planPipeline } = await import("../../pipeline/plan.js");
  const onNote = (note: string) => out.note(`note: ${note}`);
  const steps = await planPipeline(pipeline, { signal, onNote, ...(from !== undefined && { from }) });
  for (const { id, estimate } of steps)
    for (const warning of estimate?.warnings ?? []) out.note(`warning: ${id}: ${warning}`);
  if (json) return out.json({ steps });
  const width = Math.max(...steps.map(({ id }) => id.length));
  for (const step of steps) out.data(`${step.id.padEnd(width)}  ${describe(step, format)}`);
}

function describe({ state, reason, estimate, mostMemory, estimateNote }: PlannedStep, format: Format): string {
  const states = { "up-to-date": "up to date", "to-do": "to do", resume: "goes on" };
  const parts = [`${states[state]}${reason === undefined ? "" : ` (${reason})`}`];
  if (estimate)
    parts.push(
      `about ${format.formatDuration(estimate.totalSeconds)} for ${format.formatCount(estimate.steps)} steps, ` +
        `${format.formatBytes(estimate.memory.peak)} of memory`,
    );
  if (mostMemory !== undefined) parts.push(`at most about ${format.formatBytes(mostMemory)} of memory`);
  if (estimateNote !== undefined) parts.push(estimateNote);
  return parts.join("; ");
}

async function runAll(pipeline: Pipeline, { from, json }: RunFlags, context: RunContext): Promise<void> {
  const { runPipeline } = await import("../../pipeline/run.js");
  const { signal, finishOnInterrupt, out, format } = context;
  const stop = finishOnInterrupt("the running step of a training");
  const onProgress = reporter(out, format);
  const result = await runPipeline(pipeline, { signal, stop, onProgress, ...(from !== undefined && { from }) });
  if (json) out.json(result);
  else out.data(summary(result, format));
}

/** Shows a run's events on stderr. */
function reporter(out: Output, format: Format): (event: PipelineProgress) => void {
  let meter: ReturnType<Output["progress"]> | undefined;
  let training: ReturnType<typeof trainReporter> | undefined;
  return (event) => {
    switch (event.type) {
      case "check":
        return out.note("checking the inputs");
      case "up-to-date":
        return out.note(`[${event.index + 1}/${event.steps}] ${event.step}: up to date`);
      case "start":
        meter = out.progress(event.step);
        training = undefined;
        return out.note(`[${event.index + 1}/${event.steps}] ${event.step}${event.resumed ? ": goes on" : ""}`);
      case "progress":
        return meter?.update(event.done, event.total, `${event.done}/${event.total} ${event.unit}`);
      case "training":
        training ??= trainReporter(out, format, event.step);
        return training(event.event);
      case "warning":
        return out.note(`warning: ${event.step === undefined ? "" : `${event.step}: `}${event.message}`);
      case "done":
        return out.note(`      ${event.step}: done in ${format.formatDuration(event.seconds)}`);
    }
  };
}

function summary({ model, report, steps }: PipelineResult, { formatDuration }: Format): string {
  const done = steps.filter(({ state }) => state === "done");
  const seconds = done.reduce((sum, step) => sum + step.seconds, 0);
  return [
    `${done.length} of ${steps.length} steps done in ${formatDuration(seconds)}, ${steps.length - done.length} up to date`,
    `model   ${model}`,
    ...(report === undefined ? [] : [`report  ${report}`]),
  ].join("\n");
}
