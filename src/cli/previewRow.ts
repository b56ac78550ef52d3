import type { TrainConfig } from "../config/schema.js";
import { errorAtLine } from "../data/formats/record.js";
import { readRowLines } from "../data/rows.js";
import { MediloraError } from "../errors.js";
import type { NativeTokenizer } from "../native/tokenizer.js";
import { tokenizeRow } from "../train/dataset.js";
import { assembleBatch } from "../train/packing.js";
import { type PreviewSequence, previewSequences } from "./previewText.js";

/** By its number through the files of the data sets, from 1, or by its id. */
export type WantedRow = { row: number } | { id: string };

/** One row as training reads it: a conversation is one sequence, a document as many as sequence_len makes of it. */
export interface RowPreview {
  row: number;
  file: string;
  line: number;
  id: string;
  sequences: PreviewSequence[];
}

/**
 * Reads the data sets up to a row and tokenises that one alone; memory holds one line.
 * @throws MediloraError `ARGUMENT_INVALID` when there is no such row, and what training throws of the row
 */
export async function findRow(
  tokenizer: NativeTokenizer,
  { datasets, sequence_len: sequenceLen }: TrainConfig,
  wanted: WantedRow,
): Promise<RowPreview> {
  let number = 0;
  for (const dataset of datasets)
    for await (const { row, number: line } of readRowLines(dataset.path)) {
      number += 1;
      if ("id" in wanted ? row.id !== wanted.id : number !== wanted.row) continue;
      try {
        const samples = tokenizeRow(tokenizer, dataset, row, sequenceLen);
        const batch = assembleBatch(samples, [samples.map((_, index) => index)]);
        const sequences = previewSequences(batch, (tokens) => tokenizer.detokenize(tokens, { special: true }));
        return { row: number, file: dataset.path, line, id: row.id, sequences };
      } catch (error) {
        throw errorAtLine(error, dataset.path, line);
      }
    }
  throw new MediloraError(
    "ARGUMENT_INVALID",
    "row" in wanted
      ? `--row ${wanted.row}: there are ${number} rows.`
      : `--id: none of the ${number} rows has this id.`,
  );
}
