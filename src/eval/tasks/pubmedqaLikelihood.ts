import { recordError } from "../../data/formats/record.js";
import { PUBMEDQA_LABELS, readPubMedQA } from "../../data/pubmedqa.js";
import type { LikelihoodTask, LocatedQuestion } from "../loglikelihood/task.js";
import { PUBMEDQA_FILES } from "./pubmedqa.js";

export const pubmedqaLikelihood: LikelihoodTask = {
  kind: "likelihood",
  name: "pubmedqa_likelihood",
  version: 1,
  description: "PubMedQA: yes, no or maybe by log-likelihood.",
  files: "test_set.json or another labelled file of PubMedQA (github.com/pubmedqa/pubmedqa)",
  fileNames: PUBMEDQA_FILES,
  preamble: "",
  delimiter: " ",
  metrics: ["acc"],
  read,
};

async function* read(path: string): AsyncGenerator<LocatedQuestion> {
  let number = 0;
  for await (const { id, question, contexts, label } of readPubMedQA(path)) {
    const where = `${path}, record ${++number}`;
    if (label === undefined) throw recordError(where, "field final_decision is missing; give a file with labels");
    const context = `Abstract: ${contexts.join("\n")}\nQuestion: ${question}\nAnswer:`;
    yield { id, where, context, text: question, choices: PUBMEDQA_LABELS, gold: [PUBMEDQA_LABELS.indexOf(label)] };
  }
}
