import { recordError } from "../../data/formats/record.js";
import { readMedMCQA } from "../../data/medmcqa.js";
import type { LikelihoodTask, LocatedQuestion } from "../loglikelihood/task.js";
import { letterChoices, letterQuestion, optionLines } from "./lettered.js";

export const medmcqaTask: LikelihoodTask = {
  kind: "likelihood",
  name: "medmcqa",
  version: 1,
  description: "MedMCQA: the letter of the right one of four options, by log-likelihood.",
  files: "dev.json of MedMCQA (medmcqa.github.io); its test set has no answers",
  fileNames: [
    "medmcqa_dev.json",
    "medmcqa/dev.json",
    "medmcqa/dev.jsonl",
    "medmcqa_dev.parquet",
    "dev.json",
    "dev.jsonl",
  ],
  preamble: "",
  delimiter: " ",
  metrics: ["acc", "acc_norm"],
  read,
};

async function* read(path: string): AsyncGenerator<LocatedQuestion> {
  for await (const { id, question, options, label } of readMedMCQA(path)) {
    const where = `${path}, question ${id}`;
    if (label === undefined) throw recordError(where, "field cop is missing; give a file with answers");
    const context = `Question: ${question}\nChoices:\n${optionLines(options)}\nAnswer:`;
    yield { id, where, ...letterQuestion(context, 4, letterChoices(4).indexOf(label)) };
  }
}
