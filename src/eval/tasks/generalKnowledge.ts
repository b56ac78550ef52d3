import { optionalString, recordError, type SourceRecord, stringField } from "../../data/formats/record.js";
import type { ChoiceQuestion, LikelihoodTask, TaskGroup } from "../loglikelihood/task.js";
import { strip } from "../loglikelihood/whiteSpace.js";
import { choiceRecord, indexField, readQuestions, stringList } from "./choiceRecords.js";
import { piqa } from "./piqa.js";

type Body = Omit<ChoiceQuestion, "id">;

function task(
  part: Pick<LikelihoodTask, "name" | "description" | "files" | "fileNames" | "metrics"> & { version?: number },
  toQuestion: (record: SourceRecord) => Body,
): LikelihoodTask {
  return {
    kind: "likelihood",
    version: 1,
    preamble: "",
    delimiter: " ",
    ...part,
    read: (path) => readQuestions(path, toQuestion),
  };
}

/** `Question: ...`, then `Answer:`, for the forms that {@link choiceRecord} reads. */
function questionAnswer(record: SourceRecord): Body {
  const { question, choices, answer } = choiceRecord(record);
  return { context: `Question: ${question}\nAnswer:`, choices, gold: [answer] };
}

const arcEasy = task(
  {
    name: "arc_easy",
    description: "ARC-Easy: grade-school science.",
    files: "ARC-Easy-Test.jsonl (allenai.org/data/arc)",
    fileNames: ["ARC-Easy-Test.jsonl", "ARC-Easy.jsonl", "ARC-Easy-Test.parquet"],
    metrics: ["acc_norm", "acc"],
  },
  questionAnswer,
);

const arcChallenge = task(
  {
    name: "arc_challenge",
    description: "ARC-Challenge: grade-school science that retrieval does not solve.",
    files: "ARC-Challenge-Test.jsonl (allenai.org/data/arc)",
    fileNames: ["ARC-Challenge-Test.jsonl", "ARC-Challenge.jsonl", "ARC-Challenge-Test.parquet"],
    metrics: ["acc_norm", "acc"],
  },
  questionAnswer,
);

const openbookqa = task(
  {
    name: "openbookqa",
    description: "OpenBookQA: elementary science; the bare stem is gone on with.",
    files: "test.jsonl of OpenBookQA (allenai.org/data/open-book-qa)",
    fileNames: ["openbookqa_test.jsonl", "openbookqa.jsonl", "Main/test.jsonl", "openbookqa_test.parquet"],
    metrics: ["acc_norm", "acc"],
  },
  (record) => {
    const { question, choices, answer } = choiceRecord(record, "question_stem");
    return { context: question, choices, gold: [answer] };
  },
);

const boolq = task(
  {
    name: "boolq",
    version: 2,
    description: "BoolQ: a passage and a question, no or yes.",
    files:
      "dev.jsonl of BoolQ (github.com/google-research-datasets/boolean-questions), or SuperGLUE's val.jsonl; a copy of " +
      "the first one without its titles gives other prompts",
    fileNames: ["boolq_dev.jsonl", "boolq.jsonl", "BoolQ/val.jsonl", "boolq_dev.parquet"],
    metrics: ["acc"],
  },
  (record) => {
    const context = `${passage(record)}\nQuestion: ${stringField(record, "question")}?\nAnswer:`;
    return { context, choices: ["no", "yes"], gold: [yesOrNo(record)] };
  },
);

/** The harness reads SuperGLUE's copy, whose passages begin with the title that the original has in a field. */
function passage(record: SourceRecord): string {
  const title = optionalString(record, "title");
  const text = stringField(record, "passage");
  return title === undefined ? text : `${title} -- ${text}`;
}

/** SuperGLUE's copy has label for answer, a boolean in its own file and a number in others. */
function yesOrNo(record: SourceRecord): number {
  const field = record.value.answer === undefined ? "label" : "answer";
  const value = record.value[field];
  if (typeof value === "boolean") return value ? 1 : 0;
  if (field === "label" && value !== undefined) return indexField(record, field, 2);
  throw recordError(record.where, "field answer must be true or false");
}

const hellaswag = task(
  {
    name: "hellaswag",
    description: "HellaSwag: how an everyday scene goes on.",
    files: "hellaswag_val.jsonl (github.com/rowanz/hellaswag)",
    fileNames: ["hellaswag_val.jsonl", "hellaswag.jsonl"],
    metrics: ["acc_norm", "acc"],
  },
  (record) => {
    const beginning = stringField(record, "ctx_b");
    // Python's capitalize also lowers what follows.
    const sentence = beginning.slice(0, 1).toUpperCase() + beginning.slice(1).toLowerCase();
    const context = withoutMarkup(
      `${stringField(record, "activity_label")}: ${stringField(record, "ctx_a")} ${sentence}`,
    );
    const choices = stringList(record, "endings").map(withoutMarkup);
    return { context, choices, gold: [indexField(record, "label", choices.length)] };
  },
);

/** The rules of the harness: ` [title]` ends a sentence, other bracketed parts go, two spaces become one. */
function withoutMarkup(text: string): string {
  return strip(text)
    .replaceAll(" [title]", ". ")
    .replace(/\[[^\n]*?\]/g, "")
    .replaceAll("  ", " ");
}

/** Two contexts, each the text up to the blank with an option in it; the same rest is scored behind both. */
const winogrande = task(
  {
    name: "winogrande",
    description: "WinoGrande: which of two names a blank stands for.",
    files: "dev.jsonl of WinoGrande (winogrande.allenai.org)",
    fileNames: ["winogrande_1.1/dev.jsonl", "winogrande_dev.jsonl", "winogrande.jsonl", "winogrande_dev.parquet"],
    metrics: ["acc"],
  },
  (record) => {
    const isPublished = "sentence" in record.value;
    const { question, choices, answer } = isPublished ? winograndeRecord(record) : choiceRecord(record);
    const blank = question.indexOf("_");
    const rest = strip(question.slice(blank + 1));
    if (blank < 0 || rest === "")
      throw recordError(record.where, "the sentence must have a blank (_) and go on after it");
    const before = question.slice(0, blank);
    return { context: choices.map((choice) => before + choice), choices: choices.map(() => rest), gold: [answer] };
  },
);

function winograndeRecord(record: SourceRecord) {
  return {
    question: stringField(record, "sentence"),
    choices: [stringField(record, "option1"), stringField(record, "option2")],
    answer: indexField(record, "answer", 2, 1),
  };
}

export const GENERAL_TASKS: readonly LikelihoodTask[] = [
  arcChallenge,
  arcEasy,
  boolq,
  hellaswag,
  openbookqa,
  piqa,
  winogrande,
];

/** Its mean is the plain one over acc_norm where a task has it, else acc. */
export const gpt4all: TaskGroup = {
  kind: "group",
  name: "gpt4all",
  version: 2,
  description: "The GPT4All seven: ARC-Challenge, ARC-Easy, BoolQ, HellaSwag, OpenBookQA, PIQA, WinoGrande.",
  files: GENERAL_TASKS.map(({ fileNames }) => fileNames[0]).join(", "),
  tasks: GENERAL_TASKS,
};
