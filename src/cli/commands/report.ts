import { resolve } from "node:path";
import type { Command } from "commander";
import { MediloraError } from "../../errors.js";
import { gather, wholeNumber } from "../options.js";
import { checkReplaceable, type OutputKind } from "../replaceable.js";
import type { CliContext } from "../run.js";

interface ReportFlags {
  output: string;
  train?: string[];
  title?: string;
  reference?: number;
  csv?: string;
  questionsCsv?: string;
  json?: boolean;
}

/** `medilora report`: results that were kept as JSON as one HTML page. */
export function reportCommand(command: Command, context: CliContext): Command {
  return command
    .description("make an HTML page of evaluation results, of trainings or of both")
    .argument("[results...]", "JSON files that `medilora eval --json` printed; may be left out with --train")
    .requiredOption("--output <file>", "HTML file to write")
    .option("--train <output_dir>", "show a training's loss curve; may be repeated", gather(String))
    .option("--title <text>", "title of the page")
    .option(
      "--reference <n>",
      "the result of each benchmark that the others are compared with (default: 1, the first)",
      wholeNumber(1),
    )
    .option("--csv <file>", "also write every score as CSV")
    .option("--questions-csv <file>", "also write every question and answer as CSV")
    .option("--json", "print the names of the written files as JSON")
    .action((paths: string[], flags: ReportFlags) => {
      checkFlags(paths, flags);
      return writeFiles(paths, flags, context);
    });
}

async function writeFiles(paths: readonly string[], flags: ReportFlags, { out }: CliContext): Promise<void> {
  const [{ readResults }, { readTrainingRun }, { reportPage }, { trainingPage }, { writeFileAtomic }, csv] =
    await Promise.all([
      import("../../report/readResults.js"),
      import("../../report/trainingRun.js"),
      import("../../report/html/document.js"),
      import("../../report/html/trainingPage.js"),
      import("../../util/atomicFile.js"),
      import("../../report/csv.js"),
    ]);
  const { output, train = [], title, reference = 1, questionsCsv, csv: scoresCsv } = flags;
  await checkOutputs([
    { path: output, kind: "report" },
    { path: scoresCsv, kind: "CSV" },
    { path: questionsCsv, kind: "CSV" },
  ]);
  const results = (await Promise.all(paths.map(readResults))).flat();
  const trainingRuns = await Promise.all(train.map(readTrainingRun));
  const files: Array<[path: string | undefined, make: () => string]> = [
    [
      output,
      () =>
        paths.length === 0
          ? trainingPage(trainingRuns, title)
          : reportPage(results, { trainingRuns, title, reference: reference - 1 }),
    ],
    [scoresCsv, () => csv.scoresCsv(results)],
    [questionsCsv, () => csv.answersCsv(results)],
  ];
  for (const [path, make] of files) if (path !== undefined) await writeFileAtomic(path, make());
  const written = files.flatMap(([path]) => path ?? []);
  if (flags.json) out.json({ results: results.length, files: written });
  else
    out.data(
      `${written.join(", ")}: ${paths.length === 0 ? `loss of ${names(trainingRuns)}` : `${results.length} results`}`,
    );
}

/** One file for each, and none that is something else already. */
async function checkOutputs(outputs: ReadonlyArray<{ path: string | undefined; kind: OutputKind }>): Promise<void> {
  const seen = new Set<string>();
  for (const { path, kind } of outputs) {
    if (path === undefined) continue;
    if (seen.has(resolve(path)))
      throw new MediloraError("ARGUMENT_INVALID", `${path} is named for two outputs. Give each a file of its own.`);
    seen.add(resolve(path));
    await checkReplaceable(path, kind);
  }
}

function names(runs: ReadonlyArray<{ name: string }>): string {
  return runs.map(({ name }) => name).join(", ");
}

/** Without results there must be a training to show, and nothing is there for the tables. */
function checkFlags(paths: readonly string[], { train = [], csv, questionsCsv }: ReportFlags): void {
  if (paths.length > 0) return;
  if (train.length === 0 || csv !== undefined || questionsCsv !== undefined)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      "There are no results. Name JSON files of medilora eval --json, or show trainings alone by --train, without --csv.",
    );
}
