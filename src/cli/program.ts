import { Command } from "commander";
import { packageVersion } from "../util/version.js";
import { adapterCommand } from "./commands/adapter.js";
import { configCommand } from "./commands/config.js";
import { dataCommand } from "./commands/data.js";
import { debugCommand } from "./commands/debug.js";
import { doctorCommand } from "./commands/doctor.js";
import { evalCommand } from "./commands/eval.js";
import { imatrixCommand } from "./commands/imatrix.js";
import { mergeCommand } from "./commands/merge.js";
import { perplexityCommand } from "./commands/perplexity.js";
import { planCommand } from "./commands/plan.js";
import { prepareCommand } from "./commands/prepare.js";
import { previewCommand } from "./commands/preview.js";
import { quantizeCommand } from "./commands/quantize.js";
import { reportCommand } from "./commands/report.js";
import { runCommand } from "./commands/runPipeline.js";
import { trainCommand } from "./commands/train.js";
import type { CliContext } from "./run.js";

const COMMANDS = {
  prepare: prepareCommand,
  data: dataCommand,
  preview: previewCommand,
  plan: planCommand,
  train: trainCommand,
  merge: mergeCommand,
  adapter: adapterCommand,
  imatrix: imatrixCommand,
  quantize: quantizeCommand,
  perplexity: perplexityCommand,
  eval: evalCommand,
  report: reportCommand,
  run: runCommand,
  config: configCommand,
  debug: debugCommand,
  doctor: doctorCommand,
};

/**
 * The whole `medilora`. Building it, and so `--help`, loads neither the addon nor the libraries that commands need:
 * their actions import those.
 */
export function mediloraProgram(context: CliContext): Command {
  const program = named("medilora").description(
    "Fine-tune, merge, quantise and evaluate small language models for medicine, on your own computer.",
  );
  for (const [name, configure] of Object.entries(COMMANDS)) configure(program.command(name), context);
  return program;
}

/** `medilora-eval`: `medilora eval` under its quick name. */
export function mediloraEvalProgram(context: CliContext): Command {
  return evalCommand(named("medilora-eval"), context);
}

function named(name: string): Command {
  return new Command(name)
    .version(packageVersion(), "--version", "print the version")
    .helpOption("--help", "print help");
}
