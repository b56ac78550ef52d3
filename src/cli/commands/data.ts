import type { Command } from "commander";
import type { IdentifierMatch, IdentifierReport } from "../../data/identifiers.js";
import type { Manifest } from "../../data/manifest.js";
import { decimalNumber, gather, SEED_MAX, wholeNumber } from "../options.js";
import { rowWork } from "../rowProgress.js";
import type { CliContext } from "../run.js";
import { visible } from "../visible.js";

/** `medilora data <what>`: checks and changes files of training rows. */
export function dataCommand(command: Command, context: CliContext): Command {
  command.description("summarise, deduplicate, divide and check files of training rows");
  addSummary(command.command("summary"), context);
  addDedup(command.command("dedup"), context);
  addSubset(command.command("subset"), context);
  addContamination(command.command("contamination"), context);
  addIdentifiers(command.command("identifiers"), context);
  return command;
}

function addSummary(command: Command, context: CliContext): void {
  const { out } = context;
  command
    .description("documents, characters and tokens of files of rows")
    .argument("<rows...>", "training rows, JSON lines")
    .option("--model <file>", "GGUF model whose tokenizer counts the tokens")
    .option("--json", "print the summary as JSON")
    .action(async (inputs: string[], { model, json }: { model?: string; json?: boolean }) => {
      const { summarizeRows } = await import("../../data/summary.js");
      const summary = await summarizeRows({ inputs, model, ...rowWork(context) });
      if (json) return out.json(summary);
      const { renderTable } = await import("../../report/table.js");
      const files = [...summary.files, ...(inputs.length > 1 ? [{ path: "total", ...summary.total }] : [])];
      const count = (value: number | undefined) => value?.toLocaleString("en-US") ?? "-";
      out.data(
        renderTable(
          [
            { title: "file" },
            ...["documents", "characters", "tokens"].map((title) => ({ title, align: "right" as const })),
          ],
          files.map(({ path, rows, characters, tokens }) => [path, count(rows), count(characters), count(tokens)]),
          { unicode: out.unicode },
        ),
      );
    });
}

interface DedupFlags {
  output: string;
  against?: string[];
  threshold?: number;
  json?: boolean;
}

function addDedup(command: Command, context: CliContext): void {
  const { out } = context;
  command
    .description("remove rows that repeat an earlier one, exactly or nearly, also across files")
    .argument("<rows>", "training rows, JSON lines")
    .requiredOption("--output <file>", "the rows that stay; <file>.dropped.jsonl and <file>.manifest.json beside")
    .option(
      "--against <file>",
      "rows whose repeats are removed as well, such as held-out ones; several times",
      gather(String),
    )
    .option("--threshold <s>", "least similarity of near duplicates (default: 0.8)", decimalNumber)
    .option("--json", "print the manifest as JSON")
    .action(async (input: string, { json, ...flags }: DedupFlags) => {
      const { dedupRows } = await import("../../data/dedup.js");
      printCounts(out, json, await dedupRows({ input, ...flags, ...rowWork(context) }));
    });
}

interface SubsetFlags {
  output: string;
  size: number;
  stratify?: boolean | string;
  rest?: string;
  seed?: number;
  json?: boolean;
}

function addSubset(command: Command, context: CliContext): void {
  const { out } = context;
  command
    .description("choose rows by chance, label shares kept or not, or split a file in two; subsets of one seed nest")
    .argument("[rows]", "training rows, JSON lines")
    .requiredOption("--output <file>", "the chosen rows; <file>.manifest.json beside")
    .requiredOption("--size <n>", "rows to choose", wholeNumber(1))
    .option("--stratify [field]", "keep the shares of the values of this field (default: label)")
    .option("--rest <file>", "gets the other rows")
    .option("--seed <n>", "chooses the rows (default: 0)", wholeNumber(0, SEED_MAX))
    .option("--json", "print the manifest as JSON")
    .action(async (rows: string | undefined, { json, ...flags }: SubsetFlags) => {
      const { subsetRows } = await import("../../data/subset.js");
      printCounts(out, json, await subsetRows({ ...subsetInput(command, rows, flags), ...rowWork(context) }));
    });
}

/** Without rows, what stands behind --stratify is the rows: `--stratify rows.jsonl` names no field. */
function subsetInput(command: Command, rows: string | undefined, flags: Omit<SubsetFlags, "json">) {
  const { stratify } = flags;
  if (rows !== undefined) return { ...flags, input: rows };
  if (typeof stratify === "string") return { ...flags, input: stratify, stratify: true };
  return command.error("error: missing required argument 'rows'");
}

function printCounts(out: CliContext["out"], json: boolean | undefined, manifest: Manifest): void {
  if (json) {
    out.json(manifest);
    return;
  }
  const { counts, outputs } = manifest;
  const skipped = Object.entries(counts.skipped).map(([reason, count]) => `${count} ${reason}`);
  out.data(`${counts.used} of ${counts.read} rows stay; not: ${skipped.join(", ")}`);
  for (const { kind, path, rows } of outputs) out.data(`${kind.padEnd(7)}  ${path}: ${rows} rows`);
}

interface ContaminationFlags {
  benchmark: string[];
  records?: string;
  report?: string;
  json?: boolean;
}

function addContamination(command: Command, context: CliContext): void {
  const { out } = context;
  command
    .description("which questions of benchmarks share a run of 13 words with the rows")
    .argument("<rows...>", "training rows, JSON lines")
    .requiredOption("--benchmark <file>", "benchmark in its published file; several times", gather(String))
    .option("--records <field>", "of benchmarks that are one JSON object: the field with the questions")
    .option("--report <file>", "writes the whole report, question by question, as JSON")
    .option("--json", "print the report as JSON")
    .action(async (training: string[], flags: ContaminationFlags) => {
      const { checkContamination } = await import("../../data/contamination.js");
      const { benchmark: benchmarks, records: at } = flags;
      await checkReport(flags.report, [...training, ...benchmarks]);
      const report = await checkContamination({ training, benchmarks, at, ...rowWork(context) });
      await writeReport(flags.report, report);
      if (flags.json) return out.json(report);
      for (const { path, questions, tooShort, overlaps } of report.benchmarks) {
        out.data(`${path}: ${overlaps.length} of ${questions} questions overlap; ${tooShort} are too short to tell`);
        for (const { id, matched, grams, row } of overlaps)
          out.data(visible(`  ${id}: ${matched} of ${grams} 13-grams, first in row ${row.id} of ${row.file}`));
      }
    });
}

interface IdentifierFlags {
  failOn?: string;
  show?: boolean;
  report?: string;
  json?: boolean;
}

function addIdentifiers(command: Command, context: CliContext): void {
  const { out } = context;
  command
    .description("count what looks like names, dates, phone and record numbers; no de-identification tool")
    .argument("<rows...>", "training rows, JSON lines")
    .option("--fail-on <rules>", "exit with 1 when one of these rules, commas between them, or all, has a match")
    .option("--show", "print what was found (text of the data)")
    .option("--report <file>", "writes the counts as JSON, also when --fail-on fails")
    .option("--json", "print the counts as JSON")
    .action(async (inputs: string[], { failOn, show, report: path, json }: IdentifierFlags) => {
      const { checkRuleNames, failOnIdentifiers, scanIdentifiers } = await import("../../data/identifiers.js");
      const rules = failOn?.split(",").map((name) => name.trim()) ?? [];
      checkRuleNames(rules);
      await checkReport(path, inputs);
      const print = ({ file, row, rule, text }: IdentifierMatch) =>
        out.data(visible(`${file}, row ${row}: ${rule}: ${JSON.stringify(text)}`));
      const report = await scanIdentifiers({
        inputs,
        ...rowWork(context),
        onMatch: show && !json ? print : undefined,
      });
      await writeReport(path, report);
      if (!json) printIdentifiers(out, report);
      failOnIdentifiers(report, rules);
      if (json) out.json(report);
    });
}

function printIdentifiers(out: CliContext["out"], { rules, rows, notice }: IdentifierReport): void {
  for (const { rule, matches, rows: matching } of rules) out.data(`${rule}: ${matches} in ${matching} of ${rows} rows`);
  out.data(notice);
}

/** Before the work: a report in place of its input would destroy it. */
async function checkReport(path: string | undefined, inputs: readonly string[]): Promise<void> {
  if (path === undefined) return;
  const { checkReportFile } = await import("../../data/manifest.js");
  checkReportFile(inputs, path);
}

async function writeReport(path: string | undefined, report: unknown): Promise<void> {
  if (path === undefined) return;
  const { writeFileAtomic } = await import("../../util/atomicFile.js");
  await writeFileAtomic(path, `${JSON.stringify(report, null, 2)}\n`);
}
