import { MediloraError } from "../errors.js";
import { readRecords } from "./formats/detect.js";
import { optionalString, recordError, type SourceRecord, stringField } from "./formats/record.js";
import { type MultipleChoiceRecord, multipleChoiceItem, optionLetter } from "./medqa.js";
import type { SourceItem } from "./textRow.js";

const OPTION_FIELDS = ["opa", "opb", "opc", "opd"] as const;

/**
 * Reads MedMCQA, `{id, question, opa, opb, opc, opd, cop, ...}`, as JSON lines (also under the name .json) or Parquet,
 * one record at a time. Other fields stay unread.
 *
 * `cop` counts from 1 in the published JSON and from 0 in the Parquet copies: the file is first read up to a 0 or a 4,
 * which tell the two apart. Records without an answer, as in the test set, have no label.
 * @throws MediloraError `DATA_INVALID` with file, row and field; also for a file in which neither 0 nor 4 occurs;
 *   `FILE_NOT_FOUND`, `FILE_READ`
 * @see Pal et al. 2022, MedMCQA
 */
export async function* readMedMCQA(path: string): AsyncGenerator<Partial<MultipleChoiceRecord> & Unlabelled> {
  const first = await firstOption(path);
  for await (const record of readRecords(path)) {
    const question: Unlabelled = {
      id: optionalString(record, "id") ?? `medmcqa-${record.row}`,
      question: stringField(record, "question"),
      options: OPTION_FIELDS.map((field) => stringField(record, field)),
    };
    const cop = optionNumber(record);
    if (cop === undefined) yield question;
    else if (cop < first || cop > first + 3)
      throw recordError(record.where, `field cop must be from ${first} to ${first + 3}, as in the rest of the file`);
    else yield { ...question, label: optionLetter(cop - first) };
  }
}

type Unlabelled = Omit<MultipleChoiceRecord, "label">;

/** The rows of a MedMCQA file, with MedQA's prompts for four options; a record without an answer gives none. */
export async function* medmcqaItems(path: string): AsyncGenerator<SourceItem> {
  for await (const record of readMedMCQA(path)) {
    const { id, label } = record;
    const trimmed = { id, question: record.question.trim(), options: record.options.map((option) => option.trim()) };
    yield label === undefined ? { id, skipped: "no-label" } : multipleChoiceItem({ ...trimmed, label });
  }
}

async function firstOption(path: string): Promise<0 | 1> {
  let labelled = false;
  for await (const record of readRecords(path)) {
    const cop = optionNumber(record);
    if (cop === 0) return 0;
    if (cop === 4) return 1;
    labelled ||= cop !== undefined;
  }
  if (!labelled) return 1;
  throw new MediloraError(
    "DATA_INVALID",
    `${path}: field cop is from 1 to 3 everywhere, which fits a count from 0 as well as from 1. Give a larger part.`,
  );
}

/** Undefined where the answer is withheld: missing, null, or -1 in the Parquet copies. */
function optionNumber(record: SourceRecord): number | undefined {
  const { cop } = record.value;
  if (cop === undefined || cop === null || cop === -1) return undefined;
  // A CSV copy has text.
  const number = typeof cop === "string" && /^\d$/.test(cop) ? Number(cop) : cop;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number <= 4) return number;
  throw recordError(record.where, "field cop must be the number of the right option, 1 to 4");
}
