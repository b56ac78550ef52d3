import { type Command, Option } from "commander";
import { SAMPLER_PRESETS } from "../../eval/samplers.js";
import { type EvalFlags, gatherTasks } from "../eval/flags.js";
import { addStrategyOptions } from "../eval/strategies.js";
import { gather, parseAdapter, SEED_MAX, wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

/** `medilora eval`: benchmarks over one or several models. */
export function evalCommand(command: Command, context: CliContext): Command {
  command
    .description("score models on benchmarks; several models are compared in one table")
    .argument("[models...]", "GGUF models; base.gguf+adapter.gguf:0.5 is a model with adapters");
  addBenchmarkOptions(command);
  addScoringOptions(command);
  addStrategyOptions(command);
  addOutputOptions(command);
  return command.action((models: string[], flags: EvalFlags) => act(models, flags, command, context));
}

function addBenchmarkOptions(command: Command): void {
  command
    .option("--task <names>", "benchmarks, commas between them; all; or a task file .yaml; see --list", gatherTasks)
    .option("--data <path>", "a folder with the published files, or the file of one benchmark (default: benchmarks)")
    .option("--list", "print the benchmarks, the files that each needs, and where these are published")
    .option("--download", "fetch the published files that are absent into the folder; nothing is fetched without")
    .option("--mirror <url>", "with --download: fetch from here, under the files' names in the folder")
    .option("--limit <n>", "ask only the first n questions (of each task)", wholeNumber(1))
    .option("--contamination <files...>", "training rows: which questions share 13 words with them, and scores without")
    .option("--dump-requests <file>", "write every request of a task as a JSON line; no model is evaluated");
}

function addScoringOptions(command: Command): void {
  command
    .option("--adapter <file[:scale]>", "GGUF adapter on every model; may be repeated", gather(parseAdapter))
    .addOption(
      new Option("--sampler <preset>", "generated answers: sampler preset (default: llama-cpp-python-2023)").choices(
        Object.keys(SAMPLER_PRESETS),
      ),
    )
    .option("--seed <n>", "generated answers: seed of the draws (default: 0)", wholeNumber(0, SEED_MAX))
    .option("--max-tokens <n>", "generated answers: most tokens of one (default: the task's)", wholeNumber(1))
    .option("--truncate-left", "generated answers: cut the beginning of the user's text where a prompt is too long")
    .option("--shots <k>", "log-likelihood: solved questions in front of each one (default: 0)", wholeNumber(0))
    .option("--bos", "log-likelihood: begin every context with BOS")
    .option("--context-size <n>", "tokens of all sequences together (default: as the questions need)", wholeNumber(1))
    .option("--sequences <n>", "answers or choices computed together (default: 32 or 64)", wholeNumber(1, 256))
    .option("--threads <n>", "processor threads", wholeNumber(1));
}

function addOutputOptions(command: Command): void {
  command
    .option(
      "--answers <file>",
      "keep every answer here (JSON lines) and go on from it; a file for each of several models and tasks",
    )
    .option("--overwrite", "begin the answers files anew")
    .option("--reference <n>", "the model that the others are compared with (default: 1, the first)", wholeNumber(1))
    .addOption(new Option("--baseline <name>", "set published numbers beside ours").choices(["paper"]))
    .addOption(new Option("--markdown", "print the table as Markdown").conflicts("json"))
    .addOption(new Option("--csv", "print every score as CSV").conflicts(["json", "markdown", "baseline"]))
    .option("--report <file>", "write an HTML page with the scores and every question")
    .option("--json", "print results and answers as JSON");
}

/** `--list` and `--download` need no model, and `--dump-requests` none either; so commander cannot require them. */
async function act(models: string[], flags: EvalFlags, command: Command, context: CliContext): Promise<void> {
  if (flags.list) return (await import("../eval/list.js")).listBenchmarks(flags, context);
  if (flags.mirror !== undefined && !flags.download)
    return command.error("error: option '--mirror <url>' is for --download");
  const needsModel = !flags.download && flags.dumpRequests === undefined;
  if (needsModel && models.length === 0) return command.error("error: missing required argument 'models'");
  if (flags.reference !== undefined && flags.reference > models.length)
    return command.error(`error: option '--reference <n>' names model ${flags.reference} of ${models.length}`);
  return (await import("../eval/evaluate.js")).evaluateModels(models, flags, context);
}
