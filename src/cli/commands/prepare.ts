import { type Command, Option } from "commander";
import type { PubMedQAAnswer } from "../../data/prepare.js";
import { SEED_MAX, wholeNumber } from "../options.js";
import { fileLine, usedLine } from "../preparedText.js";
import { rowWork } from "../rowProgress.js";
import type { CliContext } from "../run.js";
import { addQaSources } from "./prepareQa.js";
import { addSynthesize } from "./prepareSynthesize.js";
import { addTextSources } from "./prepareText.js";

interface PreparePubMedQAFlags {
  output: string;
  evalOutput?: string;
  evalSize?: number;
  seed?: number;
  limit?: number;
  answer?: PubMedQAAnswer;
  model?: string;
  json?: boolean;
}

/** `medilora prepare <source>`: data of a known format to training rows. */
export function prepareCommand(command: Command, context: CliContext): Command {
  command.description("turn a data set into training rows");
  preparePubMedQACommand(command.command("pubmedqa"), context);
  addTextSources(command, context);
  addQaSources(command, context);
  addSynthesize(command, context);
  return command;
}

function preparePubMedQACommand(command: Command, context: CliContext): void {
  const { out } = context;
  command
    .description("PubMedQA's published JSON to chat rows, with a held-out set for evaluation")
    .argument("<input>", "PubMedQA JSON, such as ori_pqal.json")
    .requiredOption(
      "--output <file>",
      "training rows, JSON lines; <file>.dropped.jsonl and <file>.manifest.json beside",
    )
    .option("--eval-output <file>", "held-out records, PubMedQA JSON; goes with --eval-size")
    .option("--eval-size <n>", "records to hold out, label shares kept", wholeNumber(1))
    .option("--seed <n>", "chooses the held-out records (default: 0)", wholeNumber(0, SEED_MAX))
    .option("--limit <n>", "use only the first n usable records", wholeNumber(1))
    .addOption(
      new Option("--answer <form>", "what the assistant's turn holds").choices(["label-and-long-answer", "label"]),
    )
    .option("--model <file>", "GGUF model whose tokenizer counts the tokens")
    .option("--json", "print the manifest as JSON")
    .action(async (input: string, { json, ...flags }: PreparePubMedQAFlags) => {
      const { preparePubMedQA } = await import("../../data/prepare.js");
      const manifest = await preparePubMedQA({ input, ...flags, ...rowWork(context) });
      if (json) return out.json(manifest);
      out.data(usedLine(manifest.counts, "records"));
      for (const file of manifest.outputs) if ("labels" in file) out.data(fileLine(file));
    });
}
