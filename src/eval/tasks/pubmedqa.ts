import { loadPubMedQA, PUBMEDQA_LABELS, type PubMedQARecord, pubmedqaMessages } from "../../data/pubmedqa.js";
import { MediloraError } from "../../errors.js";
import { pubmedqaStrict } from "../extraction.js";
import type { GenerationTask } from "../task.js";

/** PubMedQA, reasoning-required: the abstract without its conclusion and the question are given, a label is wanted. */
export const pubmedqaTask: GenerationTask<PubMedQARecord> = {
  name: "pubmedqa",
  version: 1,
  description: "PubMedQA: a question about an abstract, answered by yes, no or maybe.",
  files: "PubMedQA's JSON with labels, {id: {QUESTION, CONTEXTS, final_decision, ...}}, e.g. test_set.json",
  labels: PUBMEDQA_LABELS,
  extraction: pubmedqaStrict,
  maxTokens: 64,
  load: loadPubMedQA,
  id: (record) => record.id,
  messages: (record) => pubmedqaMessages(record, { answer: false }),
  gold(record) {
    if (record.label !== undefined) return record.label;
    throw new MediloraError(
      "DATA_INVALID",
      "the record has no final_decision, so an answer cannot be scored. Give a file with labels.",
    );
  },
};
