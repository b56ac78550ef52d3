import { isMediloraError } from "../errors.js";
import { readCsvRows } from "./formats/csv.js";
import { detectFormat, readRecords } from "./formats/detect.js";
import { recordError } from "./formats/record.js";
import { readPubMedQA } from "./pubmedqa.js";

/** Deeper records are broken, and would exhaust the stack. */
const MAX_DEPTH = 100;

/** What a benchmark's file says about one question. */
export interface BenchmarkQuestion {
  /** The file's own id, else `row-<number>`; a CSV row has its number, the first line being 1. */
  id: string;
  /** The question, its context, its options and its answer, each apart, in the file's order. */
  texts: string[];
}

/**
 * Reads the questions of a benchmark in its published file: PubMedQA's JSON, or any JSON, JSON lines, Parquet or CSV
 * file with a question a record, such as MedQA, MedMCQA, TruthfulQA, or MMLU's CSV without a header. Every text of a
 * record counts, whatever its field is called.
 * @param at of a JSON file that is one object, as BioASQ's `questions`: the field whose array holds the questions
 * @throws MediloraError `DATA_INVALID` with file and row; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readBenchmark(path: string, at?: string): AsyncGenerator<BenchmarkQuestion> {
  if (at === undefined && (await detectFormat(path)) === "csv") {
    let row = 0;
    for await (const texts of readCsvRows(path)) {
      row += 1;
      if (row > 1 || !isHeader(texts)) yield { id: `row-${row}`, texts };
    }
  } else if (at === undefined && (await isPubMedQA(path))) {
    for await (const { id, question, contexts, longAnswer } of readPubMedQA(path))
      yield { id, texts: [question, ...contexts, ...(longAnswer === undefined ? [] : [longAnswer])] };
  } else {
    for await (const { where, row, value } of readRecords(path, { at })) {
      const id = typeof value.id === "string" && value.id.trim() !== "" ? value.id : `row-${row}`;
      yield { id, texts: strings(value, where) };
    }
  }
}

/** MMLU's files have none; those that have one call a column so. */
function isHeader(fields: readonly string[]): boolean {
  return fields.some((field) => field.trim().toLowerCase() === "question");
}

/** Its first record tells: other JSON has no object with QUESTION and CONTEXTS under its first field. */
async function isPubMedQA(path: string): Promise<boolean> {
  const records = readPubMedQA(path);
  try {
    return (await records.next()).done === false;
  } catch (error) {
    if (isMediloraError(error) && error.code === "DATA_INVALID") return false;
    throw error;
  } finally {
    await records.return(undefined);
  }
}

function strings(value: unknown, where: string, depth = 0): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  if (depth > MAX_DEPTH)
    throw recordError(where, `is nested more than ${MAX_DEPTH} levels deep; that is no question of a benchmark`);
  return Object.values(value).flatMap((inner) => strings(inner, where, depth + 1));
}
