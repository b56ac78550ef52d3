import { readJsonArray } from "../../data/formats/json.js";
import { isObject, recordError, type SourceRecord, stringField } from "../../data/formats/record.js";
import type { LikelihoodTask, LocatedQuestion, TaskGroup } from "../loglikelihood/task.js";

/** The harness's old set of multiple-choice tasks. */
const NAMES = [
  "causal_judgement",
  "date_understanding",
  "disambiguation_qa",
  "geometric_shapes",
  "logical_deduction_three_objects",
  "logical_deduction_five_objects",
  "logical_deduction_seven_objects",
  "movie_recommendation",
  "navigate",
  "reasoning_about_colored_objects",
  "ruin_names",
  "salient_translation_error_detection",
  "snarks",
  "sports_understanding",
  "temporal_sequences",
  "tracking_shuffled_objects_three_objects",
  "tracking_shuffled_objects_five_objects",
  "tracking_shuffled_objects_seven_objects",
] as const;

/** The task's folder in BIG-bench: sizes of one puzzle are folders in its own, and one name is spelt otherwise there. */
export function publishedFolder(name: string): string {
  if (name === "causal_judgement") return "causal_judgment";
  const size = /^(.+)_((?:three|five|seven)_objects)$/.exec(name);
  return size === null ? name : `${size[1]}/${size[2]}`;
}

const COPIED =
  "lm-evaluation-harness's own copy of tracking_shuffled_objects_three_objects is byte for byte " +
  "logical_deduction_three_objects: published averages over these tasks contain that one twice.";

export const BIGBENCH_TASKS: readonly LikelihoodTask[] = NAMES.map((name) => ({
  kind: "likelihood",
  name: `bigbench_${name}`,
  version: 1,
  description: `BIG-bench, ${name.replaceAll("_", " ")}.`,
  files: `task.json of ${name} as ${name}.json (github.com/google/BIG-bench)`,
  fileNames: [`${name}.json`, `${name}/task.json`, `${publishedFolder(name)}/task.json`],
  preamble: "",
  // The context's own "A: " ends in the space.
  delimiter: "",
  metrics: ["acc"],
  ...(name === "tracking_shuffled_objects_three_objects" && { notes: [COPIED] }),
  read,
}));

export const bigbench: TaskGroup = {
  kind: "group",
  name: "bigbench",
  version: 1,
  description: "BIG-bench, eighteen multiple-choice tasks; the plain mean of multiple_choice_grade.",
  files: "<task>.json or <task>/task.json of each (github.com/google/BIG-bench)",
  tasks: BIGBENCH_TASKS,
};

async function* read(path: string): AsyncGenerator<LocatedQuestion> {
  for await (const record of readJsonArray(path, { at: "examples" })) {
    const { choices, gold } = targets(record);
    const lines = choices.map((choice) => `  choice: ${choice}\n`).join("");
    const context = `Q: ${stringField(record, "input")}\n${lines}A: `;
    yield { id: `row-${record.row}`, where: record.where, context, choices, gold: [gold] };
  }
}

/** Exactly one choice has the score 1, all others 0, in all eighteen tasks. */
function targets({ where, value }: SourceRecord): { choices: string[]; gold: number } {
  const scores = value.target_scores;
  if (!isObject(scores)) throw recordError(where, "field target_scores must be an object {choice: score}");
  const choices = Object.keys(scores);
  const right = choices.flatMap((choice, i) => (scores[choice] === 1 ? [i] : []));
  const others = choices.filter((choice) => scores[choice] === 0);
  if (right.length !== 1 || others.length !== choices.length - 1)
    throw recordError(where, "field target_scores must give 1 to one choice and 0 to the others");
  return { choices, gold: right[0] as number };
}
