import { readCsvRows } from "../../data/formats/csv.js";
import { detectFormat, readRecords } from "../../data/formats/detect.js";
import { recordError } from "../../data/formats/record.js";
import type { LikelihoodTask, LocatedQuestion, TaskGroup } from "../loglikelihood/task.js";
import { strip } from "../loglikelihood/whiteSpace.js";
import { type ChoiceRecord, choiceRecord } from "./choiceRecords.js";
import { checkLettered, type LabelStyle, optionLines, orderableQuestion } from "./lettered.js";

/** The nine subjects of the paper's MMLU-Medical, and the test rows of each. */
export const MMLU_MEDICAL_SUBJECTS = {
  anatomy: 135,
  clinical_knowledge: 265,
  college_biology: 144,
  college_medicine: 173,
  high_school_biology: 310,
  medical_genetics: 100,
  nutrition: 306,
  professional_medicine: 272,
  virology: 166,
} as const;

type Subject = keyof typeof MMLU_MEDICAL_SUBJECTS;

const PUBLISHED = "MMLU's data.tar (github.com/hendrycks/test)";

export const MMLU_TASKS = subjectTasks("dot");
export const MMLU_PARENTHESES_TASKS = subjectTasks("parentheses");

/** The paper's MMLU-Medical is the plain mean of the nine. */
export const mmluMedical: TaskGroup = {
  kind: "group",
  name: "mmlu_medical",
  version: 1,
  description: "MMLU, nine medical subjects: the letter of the right one of four options.",
  files: `test/<subject>_test.csv, for shots dev/<subject>_dev.csv; ${PUBLISHED}`,
  tasks: MMLU_TASKS,
};

export const mmluMedicalParentheses: TaskGroup = {
  ...mmluMedical,
  name: "mmlu_medical_parentheses",
  description: "mmlu_medical with options written (A) instead of A., as in the MedQA adapter's training.",
  tasks: MMLU_PARENTHESES_TASKS,
};

function subjectTasks(style: LabelStyle): LikelihoodTask[] {
  return (Object.keys(MMLU_MEDICAL_SUBJECTS) as Subject[]).map((subject) => {
    const spoken = subject.replaceAll("_", " ");
    return {
      kind: "likelihood",
      name: style === "dot" ? `mmlu_${subject}` : `mmlu_${subject}_parentheses`,
      version: 1,
      description: `MMLU, ${spoken}${style === "dot" ? "" : ", options written (A)"}.`,
      files: `${subject}_test.csv of ${PUBLISHED}`,
      fileNames: [`test/${subject}_test.csv`, `${subject}_test.csv`, `${subject}_test.parquet`],
      shotFileNames: [`dev/${subject}_dev.csv`, `${subject}_dev.csv`, `${subject}_dev.parquet`],
      preamble: `The following are multiple choice questions (with answers) about ${spoken}.\n\n`,
      delimiter: " ",
      metrics: ["acc"],
      read: (path) => readMMLU(path, style),
    };
  });
}

/**
 * MMLU's rows: CSV without a header (question, A, B, C, D, letter), the variant with a header and answers 0 to 3, or
 * `{question, choices, answer}` in another format. Ids are `row-<n>`.
 */
async function* readMMLU(path: string, style: LabelStyle): AsyncGenerator<LocatedQuestion> {
  for await (const { where, row, record } of readRows(path)) {
    checkLettered(where, { question: record.question, options: record.choices }, 4);
    const question = strip(record.question);
    const context = (texts: readonly string[]) => `${question}\n${optionLines(texts, style)}\nAnswer:`;
    yield { id: `row-${row}`, where, ...orderableQuestion(question, record.choices, record.answer, context) };
  }
}

async function* readRows(path: string): AsyncGenerator<{ where: string; row: number; record: ChoiceRecord }> {
  if ((await detectFormat(path)) !== "csv") {
    for await (const record of readRecords(path))
      yield { where: record.where, row: record.row, record: choiceRecord(record) };
    return;
  }
  let row = 0;
  let isFirst = true;
  for await (const fields of readCsvRows(path)) {
    const where = `${path}, row ${row + 1}`;
    if (fields.length !== 6) throw recordError(where, "a row must have six fields: question, A, B, C, D, answer");
    const isHeader = isFirst && ANSWER_HEADINGS.test(fields[5] as string);
    isFirst = false;
    if (isHeader) continue;
    const answer = answerIndex(fields[5] as string);
    if (answer === undefined) throw recordError(where, "field 6 must be the answer's letter A to D, or 0 to 3");
    row += 1;
    yield { where, row, record: { question: fields[0] as string, choices: fields.slice(1, 5), answer } };
  }
}

/** How copies with a header name the answer's column. Anything else in a first row is a row, whose letter may be wrong. */
const ANSWER_HEADINGS = /^\s*(?:answer|target|label)\s*$/i;

function answerIndex(text: string): number | undefined {
  const letter = /^[A-D]$/.test(text.trim()) ? "ABCD".indexOf(text.trim()) : -1;
  if (letter >= 0) return letter;
  return /^[0-3]$/.test(text.trim()) ? Number(text) : undefined;
}
