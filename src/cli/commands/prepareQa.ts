import { type Command, InvalidArgumentError, Option } from "commander";
import type { BioASQType } from "../../data/bioasq.js";
import type { DialogueForm } from "../../data/dialogue.js";
import type { FieldMapping } from "../../data/formats/mapping.js";
import type { PrepareRowsOptions, RowsManifest } from "../../data/prepareRows.js";
import { gather, wholeNumber } from "../options.js";
import { fileLine, usedLine } from "../preparedText.js";
import { rowWork } from "../rowProgress.js";
import type { CliContext } from "../run.js";

interface CommonFlags extends Omit<PrepareRowsOptions, "inputs" | "signal" | "onProgress"> {
  json?: boolean;
}

/** Question-answer sets and files of the user's own, as commands below `medilora prepare`. */
export function addQaSources(prepare: Command, context: CliContext): void {
  const plain = [
    ["medqa", "MedQA's published JSON lines, 4 or 5 options, to chat rows", "prepareMedQA"],
    ["medmcqa", "MedMCQA, JSON lines or Parquet, to chat rows", "prepareMedMCQA"],
    ["pubmedqa-unlabelled", "PubMedQA without labels (PQA-U) to chat rows", "preparePubMedQAUnlabelled"],
  ] as const;
  for (const [name, description, run] of plain)
    source(prepare.command(name), description).action(async (inputs: string[], flags: CommonFlags) => {
      const sources = await import("../../data/qaSources.js");
      print(context, flags, await sources[run](rowsOptions(context, inputs, flags)));
    });
  addBioASQ(prepare.command("bioasq"), context);
  addDialogue(prepare.command("dialogue"), context);
  addAny(prepare.command("any"), context);
}

function addBioASQ(command: Command, context: CliContext): void {
  source(command, "BioASQ task B golden files to chat rows")
    .option("--types <list>", "yesno, factoid, list, summary (default: yesno)", commaList)
    .action(async (inputs: string[], { types, ...flags }: CommonFlags & { types?: BioASQType[] }) => {
      const { prepareBioASQ } = await import("../../data/qaSources.js");
      print(context, flags, await prepareBioASQ({ ...rowsOptions(context, inputs, flags), types }));
    });
}

interface DialogueFlags extends CommonFlags {
  form?: DialogueForm;
  filter: boolean;
}

function addDialogue(command: Command, context: CliContext): void {
  source(command, "HealthCareMagic or MTS-Dialog to chat rows")
    .addOption(
      new Option("--form <form>", "of MTS-Dialog: write the note, or speak the clinician's turns").choices([
        "note",
        "turns",
      ]),
    )
    .option("--no-filter", "keep HealthCareMagic's poor exchanges")
    .action(async (inputs: string[], { form, filter, ...flags }: DialogueFlags) => {
      const { prepareDialogue } = await import("../../data/qaSources.js");
      print(context, flags, await prepareDialogue({ ...rowsOptions(context, inputs, flags), form, filter }));
    });
}

interface AnyFlags extends CommonFlags {
  map?: string[];
  records?: string;
  system?: string;
  filter?: boolean;
}

function addAny(command: Command, context: CliContext): void {
  source(command, "any .jsonl, .json, .csv or .parquet to rows (OpenAI messages and ShareGPT are recognised)")
    .option(
      "--map <key=field>",
      "which field is id, text, messages, system, instruction, question, context, answer or label; several times",
      gather(String),
    )
    .option("--records <field>", "of a JSON file that is one object: the field with the array of records")
    .option("--system <text>", "system turn of conversations without one")
    .option("--filter", "drop poor exchanges, as for HealthCareMagic")
    .action(async (inputs: string[], { map, records, system, filter, ...flags }: AnyFlags) => {
      const [{ prepareAny }, { parseMapping }] = await Promise.all([
        import("../../data/qaSources.js"),
        import("../../data/formats/mapping.js"),
      ]);
      const mapping: FieldMapping | undefined = map === undefined ? undefined : parseMapping(map);
      const options = rowsOptions(context, inputs, flags);
      print(context, flags, await prepareAny({ ...options, mapping, at: records, system, filter }));
    });
}

function source(command: Command, description: string): Command {
  return command
    .description(description)
    .argument("<input...>", "files, read in this order")
    .requiredOption(
      "--output <file>",
      "training rows, JSON lines; <file>.dropped.jsonl and <file>.manifest.json beside",
    )
    .option("--limit <n>", "write only the first n rows", wholeNumber(1))
    .option("--model <file>", "GGUF model whose tokenizer counts the tokens")
    .option("--json", "print the manifest as JSON");
}

function rowsOptions(context: CliContext, inputs: string[], flags: CommonFlags): PrepareRowsOptions {
  return { inputs, output: flags.output, limit: flags.limit, model: flags.model, ...rowWork(context) };
}

function commaList(text: string): string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) throw new InvalidArgumentError("It must be names with commas between them.");
  return items;
}

function print({ out }: CliContext, { json }: CommonFlags, manifest: RowsManifest): void {
  if (json) {
    out.json(manifest);
    return;
  }
  out.data(usedLine(manifest.counts, "records"));
  out.data(fileLine(manifest.outputs[0]));
}
