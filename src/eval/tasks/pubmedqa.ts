import {
  loadPubMedQA,
  PUBMEDQA_LABELS,
  PUBMEDQA_SYSTEM_PROMPT,
  type PubMedQARecord,
  pubmedqaMessages,
} from "../../data/pubmedqa.js";
import { MediloraError } from "../../errors.js";
import { pubmedqaStrict } from "../extraction.js";
import { pubmedqaReasoned } from "../strategies/chainOfThought.js";
import type { Order } from "../strategies/shuffling.js";
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
    throw new MediloraError(
      "DATA_INVALID",
      "the record has no final_decision, so an answer cannot be scored. Give a file with labels.",
    );
  },
  text: (record) => record.question,
  solved: (record) => (record.longAnswer === undefined ? `${record.label}.` : `${record.label}. ${record.longAnswer}`),
  optionOrder: {
    count: () => PUBMEDQA_LABELS.length,
    messages: (record, order) =>
      pubmedqaMessages(record, { answer: false }).map((message) =>
        message.role === "system" ? { ...message, content: systemPrompt(order) } : message,
      ),
    label: (label) => label,
  },
  chainOfThought: {
    form: "the option that you choose",
    extraction: pubmedqaReasoned,
    solved: (record) => (record.longAnswer === undefined ? undefined : `${record.longAnswer}\nAnswer: ${record.label}`),
  },
};

/** The options are words, not letters: what can change is the order in which the system prompt names them. */
function systemPrompt(order: Order): string {
  const [first, second, third] = order.map((index) => PUBMEDQA_LABELS[index]);
  return PUBMEDQA_SYSTEM_PROMPT.replace("'yes,' 'no,' or 'maybe.'", `'${first},' '${second},' or '${third}.'`);
}
