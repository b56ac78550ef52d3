import { readLines } from "./formats/text.js";
import { readRows, type TrainingRow } from "./rows.js";

/** A row and the line that it came from. */
export interface RowLine {
  row: TrainingRow;
  /** As it stands in the file, with all its fields, without the line feed. */
  line: string;
}

/**
 * Reads training rows together with their lines, so that fields that a row does not have survive a copy, such as the
 * source of a synthetic one. Memory holds one line.
 * @throws MediloraError what {@link readRows} throws
 */
export async function* readRowLines(path: string): AsyncGenerator<RowLine> {
  const lines = readLines(path);
  try {
    // Both readers skip blank lines, so the next row belongs to the next line that is not blank.
    for await (const row of readRows(path)) {
      let line = (await lines.next()).value as { text: string };
      while (line.text.trim() === "") line = (await lines.next()).value as { text: string };
      yield { row, line: line.text };
    }
  } finally {
    await lines.return(undefined);
  }
}
