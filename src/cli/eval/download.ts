import { MediloraError } from "../../errors.js";
import { downloadBenchmarks } from "../../eval/download/download.js";
import { isBuiltIn } from "../../eval/tasks/index.js";
import { formatBytes } from "../../report/format.js";
import type { CliContext } from "../run.js";
import type { EvalFlags } from "./flags.js";
import { type BenchmarkTask, DEFAULT_FOLDER } from "./select.js";

/**
 * Fetches the tasks' files that are absent.
 * @param isAll nothing follows: what was fetched is the command's result, and not a note on the way
 */
export async function download(
  tasks: readonly BenchmarkTask[],
  flags: EvalFlags,
  { out, signal }: CliContext,
  isAll: boolean,
): Promise<void> {
  const names = tasks.map(({ name }) => name).filter(isBuiltIn);
  if (names.length === 0)
    throw new MediloraError("ARGUMENT_INVALID", "--download is for built-in benchmarks. Leave it out.");
  const { data: folder = DEFAULT_FOLDER, mirror } = flags;
  let label = "";
  let meter: ReturnType<typeof out.progress> | undefined;
  const result = await downloadBenchmarks({
    ...{ tasks: names, folder, signal },
    ...(mirror !== undefined && { mirror }),
    onProgress: ({ file, bytes, total }) => {
      if (file !== label || meter === undefined) meter = out.progress(`download ${file}`);
      label = file;
      meter.update(bytes, total ?? 0, formatBytes(bytes));
    },
  });
  if (isAll && flags.json) return out.json(result);
  const say = isAll ? (text: string) => out.data(text) : (text: string) => out.note(text);
  for (const { path, bytes, sha256 } of result.files) say(`${path}: ${formatBytes(bytes)}, SHA-256 ${sha256}`);
  if (result.present.length > 0) say(`there already: ${result.present.join(", ")}`);
  for (const { task, files } of result.unavailable)
    say(`${task} cannot be fetched file by file; get it by hand: ${files}`);
  for (const { task, questions, published } of result.different)
    say(`${task}: the file holds ${questions} questions, the published set ${published}`);
}
