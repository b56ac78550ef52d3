import { type Command, InvalidArgumentError, Option } from "commander";
import type { Manifest } from "../../data/manifest.js";
import type { MimicInput, PrepareMimicOptions } from "../../data/mimic/prepareMimic.js";
import type { Strip } from "../../data/textbookText.js";
import { wholeNumber } from "../options.js";
import { usedLine } from "../preparedText.js";
import { rowWork } from "../rowProgress.js";
import type { CliContext } from "../run.js";
import { visible } from "../visible.js";

interface MimicFlags extends Pick<PrepareMimicOptions, "categories" | "limit" | "model"> {
  db?: string;
  table?: string;
  output?: string;
  sections?: string[] | "whole";
  explain?: string;
  json?: boolean;
}

interface OutputFlags {
  output: string;
  model?: string;
  json?: boolean;
}

/** Sources of running text, as commands below `medilora prepare`. */
export function addTextSources(prepare: Command, context: CliContext): void {
  addMimic(prepare.command("mimic"), context);
  addTextbook(prepare.command("textbook"), context);
  addGuidelines(prepare.command("guidelines"), context);
}

function addMimic(command: Command, context: CliContext): void {
  command
    .description("MIMIC-III's notes to completion rows")
    .argument("[input]", "NOTEEVENTS.csv or NOTEEVENTS.csv.gz, unless --db is given")
    .option("--db <url>", "read table noteevents of this PostgreSQL: postgres://user@host/database")
    .option("--table <name>", "another table, perhaps with a schema (default: noteevents)")
    .option("--output <file>", "completion rows, JSON lines; manifest and records of the documents stand beside it")
    .option(
      "--categories <list>",
      "categories of notes, with commas, or all (default: Discharge summary)",
      listOr("all"),
    )
    .option(
      "--sections <list>",
      "sections to keep, with commas, or whole for the whole note (default: all known)",
      listOr("whole"),
    )
    .option("--limit <n>", "stop after n used notes", wholeNumber(1))
    .addOption(
      new Option("--explain <row-id>", "show this note before, after each rule, and after; writes no file").conflicts(
        "output",
      ),
    )
    .option("--model <file>", "GGUF model whose tokenizer counts the tokens")
    .option("--json", "print the manifest, or with --explain the steps, as JSON")
    .action((input: string | undefined, flags: MimicFlags) => runMimic(command, context, input, flags));
}

async function runMimic(
  command: Command,
  context: CliContext,
  csv: string | undefined,
  flags: MimicFlags,
): Promise<void> {
  const input = mimicInput(command, context, csv, flags);
  const { explainMimic, explainMimicSteps, prepareMimic } = await import("../../data/mimic/prepareMimic.js");
  const { categories, limit, output, model, explain: rowId } = flags;
  const sections = flags.sections as PrepareMimicOptions["sections"];
  const { signal, out } = context;
  if (rowId !== undefined) {
    const note = { input, sections, signal, rowId };
    if (flags.json) out.json(await explainMimicSteps(note));
    else out.data(visible(await explainMimic(note)));
  } else if (output !== undefined)
    print(
      context,
      flags,
      await prepareMimic({ input, output, categories, sections, limit, model, ...rowWork(context) }),
    );
  else command.error("error: required option '--output <file>' not specified");
}

function mimicInput(command: Command, context: CliContext, csv: string | undefined, flags: MimicFlags): MimicInput {
  const { db: url, table } = flags;
  if ((csv === undefined) === (url === undefined)) command.error("error: give either an input file or --db");
  if (csv !== undefined && table !== undefined) command.error("error: --table goes with --db");
  if (url === undefined) return { csv };
  const onRetry = (lastRowId: string | null) =>
    context.out.note(
      `The connection was lost ${lastRowId === null ? "" : `after row ${lastRowId} `}and is tried again.`,
    );
  return { database: { url, table, onRetry } };
}

function addTextbook(command: Command, context: CliContext): void {
  command
    .description("textbooks, plain text, to completion rows")
    .argument("<input...>", "text files, one a book, or folders of .txt files")
    .requiredOption("--output <file>", "completion rows, JSON lines; manifest and records of the books stand beside it")
    .addOption(
      new Option(
        "--strip <what>",
        "symbols keeps sentence punctuation, all strips that too (default: symbols)",
      ).choices(["symbols", "all"]),
    )
    .option("--model <file>", "GGUF model whose tokenizer counts the tokens")
    .option("--json", "print the manifest as JSON")
    .action(async (inputs: string[], { output, strip, model, ...flags }: OutputFlags & { strip?: Strip }) => {
      const { prepareTextbook } = await import("../../data/textbook.js");
      print(context, flags, await prepareTextbook({ inputs, output, strip, model, ...rowWork(context) }));
    });
}

function addGuidelines(command: Command, context: CliContext): void {
  command
    .description("clinical guidelines (JSON lines with clean_text) to completion rows")
    .argument("<input>", "JSON lines {id, source, title, clean_text, ...}")
    .requiredOption(
      "--output <file>",
      "completion rows, JSON lines; manifest and records of the documents stand beside it",
    )
    .option("--model <file>", "GGUF model whose tokenizer counts the tokens")
    .option("--json", "print the manifest as JSON")
    .action(async (input: string, { output, model, ...flags }: OutputFlags) => {
      const { prepareGuidelines } = await import("../../data/guidelines.js");
      const manifest = await prepareGuidelines({ input, output, model, ...rowWork(context) });
      const sources = Object.entries(manifest.bySource).map(
        ([name, { used, read, characters }]) => `  ${visible(name)}: ${used} of ${read}, ${characters} characters`,
      );
      print(context, flags, manifest, sources);
    });
}

function print({ out }: CliContext, { json }: { json?: boolean }, manifest: Manifest, details: string[] = []): void {
  if (json) {
    out.json(manifest);
    return;
  }
  const files = manifest.outputs.map(
    ({ kind, path, rows, tokens }) =>
      `${kind.padEnd(9)}  ${path}: ${rows} rows${tokens === undefined ? "" : `, ${tokens} tokens`}`,
  );
  out.data([usedLine(manifest.counts, "documents"), ...details, ...files].join("\n"));
}

/** A list with commas, or one word that stands for another choice. */
function listOr<Word extends string>(word: Word): (text: string) => string[] | Word {
  return (text) => {
    if (text.trim() === word) return word;
    const items = text.split(",").map((item) => item.trim());
    if (items.every((item) => item !== "")) return items;
    throw new InvalidArgumentError(`It must be a list with commas, or ${word}.`);
  };
}
