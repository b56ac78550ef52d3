import { MediloraError } from "../errors.js";
import { openTokenizer } from "../native/tokenizer.js";
import { errorAtLine } from "./formats/record.js";
import { checkNamedOnce, type FileSource, fileSource, tokenizerSource } from "./manifest.js";
import { type ProgressOptions, ProgressReport } from "./progress.js";
import { RowMeter, type RowSizes } from "./rowMeter.js";
import { readRowLines } from "./rows.js";

export interface SummaryOptions extends ProgressOptions {
  /** Files of training rows. */
  inputs: readonly string[];
  /** A GGUF model whose tokenizer counts the tokens; without it they are not counted. */
  model?: string;
}

export interface DataSummary {
  files: Array<FileSource & RowSizes>;
  total: RowSizes;
  tokenizer?: FileSource;
}

/**
 * Documents, characters and tokens of files of training rows. Memory holds one row.
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_INVALID`, `FILE_NOT_FOUND`, `FILE_READ`, and with `model`
 *   `MODEL_INVALID`, `NATIVE_UNAVAILABLE`
 */
export async function summarizeRows(options: SummaryOptions): Promise<DataSummary> {
  const { inputs, model } = options;
  if (inputs.length === 0) throw new MediloraError("ARGUMENT_INVALID", "inputs is empty: name at least one file.");
  checkNamedOnce(inputs);
  await using tokenizer = model === undefined ? undefined : await openTokenizer(model);
  const progress = new ProgressReport("read", options);
  const total = new RowMeter(tokenizer);
  const files: DataSummary["files"] = [];
  for (const path of inputs) {
    const meter = new RowMeter(tokenizer);
    for await (const { row, number } of readRowLines(path)) {
      progress.add();
      try {
        meter.add(row);
      } catch (error) {
        throw errorAtLine(error, path, number);
      }
    }
    files.push({ ...(await fileSource(path)), ...meter.sizes });
    total.merge(meter);
  }
  progress.end();
  return { files, total: total.sizes, ...(await tokenizerSource(model)) };
}
