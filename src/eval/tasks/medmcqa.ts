import { recordError } from "../../data/formats/record.js";
import { readMedMCQA } from "../../data/medmcqa.js";
import type { LikelihoodTask, LocatedQuestion } from "../loglikelihood/task.js";
import { checkLettered, letterChoices, optionLines, orderableQuestion } from "./lettered.js";

export const medmcqaTask: LikelihoodTask = {
  kind: "likelihood",
  name: "medmcqa",
  version: 2,
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
  let number = 0;
  for await (const { id, question, options, label } of readMedMCQA(path)) {
    const where = `${path}, record ${++number}`;
    if (label === undefined) throw recordError(where, "field cop is missing; give a file with answers");
    checkLettered(where, { question, options }, 4);
    const context = (texts: readonly string[]) => `Question: ${question}\nChoices:\n${optionLines(texts)}\nAnswer:`;
    yield { id, where, ...orderableQuestion(question, options, letterChoices(4).indexOf(label), context) };
  }
}
