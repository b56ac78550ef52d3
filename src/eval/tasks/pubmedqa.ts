import { loadPubMedQA, PUBMEDQA_LABELS, type PubMedQARecord, pubmedqaMessages } from "../../data/pubmedqa.js";
import { MediloraError } from "../../errors.js";
import { pubmedqaStrict } from "../extraction.js";
import type { GenerationTask } from "../task.js";

/** The official test set first: ori_pqal.json holds the 500 questions that models are trained on, too. */
export const PUBMEDQA_FILES = ["test_set.json", "ori_pqal.json"];

/** PubMedQA, reasoning-required: the abstract without its conclusion and the question are given, a label is wanted. */
export const pubmedqaTask: GenerationTask<PubMedQARecord> = {
  name: "pubmedqa",
  version: 1,
  description: "PubMedQA: a question about an abstract, answered by yes, no or maybe.",
  files: "PubMedQA's JSON with labels, {id: {QUESTION, CONTEXTS, final_decision, ...}}, e.g. test_set.json",
  fileNames: PUBMEDQA_FILES,
  labels: PUBMEDQA_LABELS,
  extraction: pubmedqaStrict,
  maxTokens: 64,
  load: loadPubMedQA,
  id: (record) => record.id,
  messages: (record) => pubmedqaMessages(record, { answer: false }),
  gold(record) {
    if (record.label !== undefined) return record.label;
    throw new MediloraError("DATA_INVALID", "field final_decision is missing. Give a file with labels.");
  },
};
