import { recordError } from "../../data/formats/record.js";
import {
  answerAgrees,
  loadMedQA,
  type MedQARecord,
  multipleChoiceMessages,
  optionLetter,
  readMedQA,
} from "../../data/medqa.js";
import { medqaPrefix3 } from "../extraction.js";
import type { LikelihoodTask, LocatedQuestion } from "../loglikelihood/task.js";
import { medqaReasoned } from "../strategies/chainOfThought.js";
import type { Order } from "../strategies/shuffling.js";
import type { GenerationTask } from "../task.js";
import { checkLettered, letterChoices, optionLines, orderableQuestion } from "./lettered.js";

type OptionCount = 4 | 5;

const FILES = {
  4: "phrases_no_exclude_test.jsonl (4 options) of MedQA (github.com/jind11/MedQA)",
  5: "US/test.jsonl (5 options) of MedQA (github.com/jind11/MedQA)",
} as const;

const FILE_NAMES = {
  4: ["phrases_no_exclude_test.jsonl", "test_4options.jsonl"],
  5: ["US/test.jsonl", "test.jsonl"],
} as const;

/** MedQA answered in free text, as the paper asks it. */
export const MEDQA_GENERATION_TASKS: readonly GenerationTask<MedQARecord>[] = [generationTask(4), generationTask(5)];

/** MedQA by the log-likelihood of the option letters. */
export const MEDQA_LIKELIHOOD_TASKS: readonly LikelihoodTask[] = [likelihoodTask(4), likelihoodTask(5)];

function generationTask(count: OptionCount): GenerationTask<MedQARecord> {
  return {
    name: `medqa_${count}options`,
    version: 1,
    description: `MedQA (USMLE), ${count} options: the answer begins with the option's letter in brackets.`,
    files: FILES[count],
    fileNames: FILE_NAMES[count],
    labels: letterChoices(count),
    extraction: medqaPrefix3(count),
    maxTokens: 64,
    async load(path, signal) {
      const records = await loadMedQA(path, signal);
      for (const record of records) checkRecord(`${path}, question ${record.id}`, record, count);
      return records;
    },
    id: (record) => record.id,
    messages: (record) => multipleChoiceMessages(record, { answer: false }),
    gold: (record) => record.label,
    text: (record) => record.question,
    solved: (record) => multipleChoiceMessages(record, { answer: true }).at(-1)!.content,
    optionOrder: {
      count: () => count,
      messages: (record, order) => multipleChoiceMessages(reordered(record, order), { answer: false }),
      label: (label, order) => optionLetter(order[letterChoices(count).indexOf(label)]!),
    },
    chainOfThought: {
      form: "the letter of the option that you choose, in brackets",
      extraction: medqaReasoned(count),
    },
  };
}

/** @throws MediloraError `DATA_INVALID` for a record whose right answer is not certain, or that leaves something blank */
function checkRecord(where: string, record: MedQARecord, count: OptionCount): void {
  checkLettered(where, record, count);
  if (!answerAgrees(record))
    throw recordError(where, `field answer is not the text of option ${record.label}, which answer_idx names`);
}

/** Its label is that of the data's order. */
function reordered(record: MedQARecord, order: Order): MedQARecord {
  return { ...record, options: order.map((index) => record.options[index]!) };
}

function likelihoodTask(count: OptionCount): LikelihoodTask {
  return {
    kind: "likelihood",
    name: `medqa_${count}options_likelihood`,
    version: 1,
    description: `MedQA (USMLE), ${count} options: the letter of the right option by log-likelihood.`,
    files: FILES[count],
    fileNames: FILE_NAMES[count],
    preamble: "",
    delimiter: " ",
    metrics: ["acc"],
    read: (path) => read(path, count),
  };
}

async function* read(path: string, count: OptionCount): AsyncGenerator<LocatedQuestion> {
  for await (const record of readMedQA(path)) {
    const { id, question, options, label } = record;
    const where = `${path}, question ${id}`;
    checkRecord(where, record, count);
    const context = (texts: readonly string[]) => `Question: ${question}\n${optionLines(texts)}\nAnswer:`;
    yield { id, where, ...orderableQuestion(question, options, letterChoices(count).indexOf(label), context) };
  }
}
