import type { Command } from "commander";
import type { TrainingEstimate } from "../../train/estimate.js";
import { gather } from "../options.js";
import type { CliContext } from "../run.js";

/** `medilora plan`: what a training run will take, before it is started. */
export function planCommand(command: Command, { signal, out }: CliContext): Command {
  return command
    .description("predict memory and time of a training run without running it")
    .argument("<config>", "YAML configuration")
    .option("--set <key=value>", "change a key, as if the file said so; may be repeated", gather(String))
    .option("--json", "print the result as JSON")
    .action(async (path: string, flags: { set?: string[]; json?: boolean }) => {
      const [{ planTraining }, { loadConfigWith }, format] = await Promise.all([
        import("../../train/estimate.js"),
        import("../overrides.js"),
        import("../../report/format.js"),
      ]);
      const config = await loadConfigWith(path, flags.set ?? [], (note) => out.note(`note: ${note}`));
      const estimate = await planTraining(config, signal);
      for (const warning of estimate.warnings) out.note(`warning: ${warning}`);
      if (flags.json) out.json(estimate);
      else out.data(describe(estimate, format));
    });
}

function describe(estimate: TrainingEstimate, format: typeof import("../../report/format.js")): string {
  const { formatBytes, formatCount, formatDuration } = format;
  const { memory } = estimate;
  return [
    `data        ${formatCount(estimate.samples)} samples, ${formatCount(estimate.tokens)} tokens (${formatCount(estimate.labelTokens)} with loss)`,
    `steps       ${formatCount(estimate.steps)}, ${formatDuration(estimate.secondsPerStep)} each (${formatCount(estimate.tokensPerSecond)} tok/s), ${formatDuration(estimate.totalSeconds)} in all`,
    `memory      ${formatBytes(memory.peak)} at the peak: weights ${formatBytes(memory.weights)}, trainable ${formatBytes(memory.parameters)}, activations ${formatBytes(memory.buffers)}`,
    `checkpoints ${memory.checkpointing ? "activations are computed again in the backward pass" : "activations are kept"}`,
    `trainable   ${formatCount(estimate.trainableParameters)} parameters`,
  ].join("\n");
}
