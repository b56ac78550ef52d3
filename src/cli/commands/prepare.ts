import { type Command, Option } from "commander";
import type { PrepareManifest, PubMedQAAnswer } from "../../data/prepare.js";
import { SEED_MAX, wholeNumber } from "../options.js";
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

function preparePubMedQACommand(command: Command, { signal, out }: CliContext): void {
  command
    .description("PubMedQA's published JSON to chat rows, with a held-out set for evaluation")
    .argument("<input>", "PubMedQA JSON, such as ori_pqal.json")
    .requiredOption("--output <file>", "training rows, JSON lines; the manifest goes to <file>.manifest.json")
    .option("--eval-output <file>", "held-out records, PubMedQA JSON; goes with --eval-size")
    .option("--eval-size <n>", "records to hold out, label shares kept", wholeNumber(1))
    .option("--seed <n>", "chooses the held-out records (default: 0)", wholeNumber(0, SEED_MAX))
    .option("--limit <n>", "use only the first n usable records", wholeNumber(1))
    .addOption(
      new Option("--answer <form>", "what the assistant's turn holds").choices(["label-and-long-answer", "label"]),
    )
    .option("--json", "print the manifest as JSON")
    .action(async (input: string, { json, ...flags }: PreparePubMedQAFlags) => {
      const { preparePubMedQA } = await import("../../data/prepare.js");
      const manifest = await preparePubMedQA({ input, ...flags, signal });
      if (json) out.json(manifest);
      else out.data(summary(manifest));
    });
}

function summary({ counts, outputs }: PrepareManifest): string {
  const skipped = Object.entries(counts.skipped)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${reason}`);
  const used = `${counts.used} of ${counts.read} records used${skipped.length > 0 ? `; skipped: ${skipped.join(", ")}` : ""}`;
  const files = outputs.map(({ kind, path, rows, labels }) => {
    const shares = Object.entries(labels).map(([label, count]) => `${count} ${label}`);
    return `${kind.padEnd(5)}  ${path}: ${rows} rows (${shares.join(", ")})`;
  });
  return [used, ...files].join("\n");
}
