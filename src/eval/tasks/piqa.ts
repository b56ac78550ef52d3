import { readRecords } from "../../data/formats/detect.js";
import { recordError, type SourceRecord, stringField } from "../../data/formats/record.js";
import { readLines } from "../../data/formats/text.js";
import type { ChoiceQuestion, LikelihoodTask, LocatedQuestion } from "../loglikelihood/task.js";
import { choiceRecord, indexField, recordId } from "./choiceRecords.js";

export const piqa: LikelihoodTask = {
  kind: "likelihood",
  name: "piqa",
  version: 1,
  description: "PIQA: everyday physics, two solutions.",
  files: "valid.jsonl of PIQA with valid-labels.lst beside it (yonatanbisk.com/piqa), or a copy with a field label",
  fileNames: ["piqa_validation.jsonl", "piqa.jsonl", "piqa_validation.parquet", "piqa/valid.jsonl"],
  preamble: "",
  delimiter: " ",
  metrics: ["acc_norm", "acc"],
  read,
};

async function* read(path: string): AsyncGenerator<LocatedQuestion> {
  const labels = new LabelFile(path);
  for await (const record of readRecords(path))
    yield { id: recordId(record), where: record.where, ...(await question(record, labels)) };
}

async function question(record: SourceRecord, labels: LabelFile): Promise<Omit<ChoiceQuestion, "id">> {
  if (!("goal" in record.value)) {
    const { question, choices, answer } = choiceRecord(record);
    return { context: `Question: ${question}\nAnswer:`, choices, gold: [answer] };
  }
  const choices = [stringField(record, "sol1"), stringField(record, "sol2")];
  const labelled = "label" in record.value ? record : await labels.beside(record);
  const context = `Question: ${stringField(record, "goal")}\nAnswer:`;
  return { context, choices, gold: [indexField(labelled, "label", 2)] };
}

/** The published set keeps its labels in a file of their own, one a line, in the order of the records. */
class LabelFile {
  readonly #path: string;
  #labels: string[] | undefined;

  constructor(dataPath: string) {
    this.#path = `${dataPath.replace(/\.[^./\\]*$/, "")}-labels.lst`;
  }

  /** The record's line of the file, as a record of its own. */
  async beside({ where, row }: SourceRecord): Promise<SourceRecord> {
    this.#labels ??= await this.#read();
    const label = this.#labels[row - 1];
    if (label !== undefined) return { where: `${this.#path}, line ${row}`, row, value: { label } };
    throw recordError(where, `has no field label, and ${this.#path} no line ${row}`);
  }

  async #read(): Promise<string[]> {
    const labels: string[] = [];
    for await (const { text } of readLines(this.#path)) labels.push(text.trim());
    return labels;
  }
}
