import type { Command } from "commander";
import { wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

interface GradientsFlags {
  model: string;
  adapter: string;
  batch: string;
  out: string;
  checkpointing?: boolean;
  threads?: number;
  json?: boolean;
}

/** `medilora debug <what>`: what is inside, for comparison with other implementations. */
export function debugCommand(command: Command, context: CliContext): Command {
  command.description("write internals for comparison with other implementations");
  gradientsCommand(command.command("gradients"), context);
  return command;
}

function gradientsCommand(command: Command, { signal, out }: CliContext): void {
  command
    .description("loss and gradients of an adapter's tensors for one batch")
    .requiredOption("--model <file>", "GGUF base model")
    .requiredOption("--adapter <file>", "GGUF adapter whose gradients are wanted")
    .requiredOption("--batch <file>", "JSON: tokens, positions, sequences and labels of one micro-batch")
    .requiredOption("--out <file>", "JSON to write")
    .option("--checkpointing", "compute activations again in the backward pass")
    .option("--threads <n>", "processor threads", wholeNumber(1))
    .option("--json", "print the result as JSON")
    .action(async ({ out: output, json, ...flags }: GradientsFlags) => {
      const { debugGradients } = await import("../../train/debugGradients.js");
      const result = await debugGradients({ ...flags, output, signal });
      if (json) out.json({ output, ...result });
      else out.data(`${output}: summed loss ${result.lossSum.toFixed(6)} over ${result.labelTokens} labels`);
    });
}
