import { parseObject } from "../../data/formats/jsonl.js";
import { isObject, recordError, type SourceRecord, stringField } from "../../data/formats/record.js";
import { MAX_RECORD_BYTES, readText } from "../../data/formats/text.js";
import type { LikelihoodTask, LocatedQuestion, TaskGroup } from "../loglikelihood/task.js";
import { numpyPermutation } from "./numpyPermutation.js";

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
  version: 2,
  description: `BIG-bench, ${name.replaceAll("_", " ")}.`,
  files: `task.json of ${name} as ${name}.json (github.com/google/BIG-bench)`,
  fileNames: [`${name}.json`, `${name}/task.json`, `${publishedFolder(name)}/task.json`],
  // Each file has its own.
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
  version: 2,
  description: "BIG-bench, eighteen multiple-choice tasks; the plain mean of multiple_choice_grade.",
  files: "<task>.json or <task>/task.json of each (github.com/google/BIG-bench)",
  tasks: BIGBENCH_TASKS,
};

/** How a task's file wants its examples written; what it leaves out has BIG-bench's defaults. */
interface Layout {
  taskPrefix: string;
  inputPrefix: string;
  choicePrefix: string;
  outputPrefix: string;
  /** Whether the choices stand in the prompt. */
  appendChoices: boolean;
}

/** The harness's seed, set anew for every example: equally many choices always get the same order. */
const CHOICE_SEED = 42;

/** Examples that occur twice count once, as in the harness. */
async function* read(path: string): AsyncGenerator<LocatedQuestion> {
  const file: SourceRecord = { where: path, row: 0, value: await readTaskFile(path) };
  const { examples } = file.value;
  if (!Array.isArray(examples)) throw recordError(path, "has no field examples that holds an array");
  const layout = layoutOf(file);
  const seen = new Set<string>();
  for (const [index, value] of (examples as unknown[]).entries()) {
    const where = `${path}, row ${index + 1}`;
    if (!isObject(value)) throw recordError(where, "is not a JSON object; each example must be one");
    const text = JSON.stringify(value);
    if (seen.has(text)) continue;
    seen.add(text);
    yield { id: `row-${index + 1}`, where, ...question({ where, row: index + 1, value }, layout) };
  }
}

/** The file's one JSON object; the fields that say how examples are written may stand behind the examples. */
async function readTaskFile(path: string): Promise<Record<string, unknown>> {
  const parts: string[] = [];
  let length = 0;
  for await (const text of readText(path)) {
    length += text.length;
    if (length > MAX_RECORD_BYTES) throw recordError(path, "is too long for a task of BIG-bench");
    parts.push(text);
  }
  return parseObject(parts.join(""), path);
}

function layoutOf(file: SourceRecord): Layout {
  const text = (field: string, byDefault: string) =>
    file.value[field] === undefined ? byDefault : stringField(file, field);
  const { append_choices_to_input: appendChoices = true } = file.value;
  if (typeof appendChoices !== "boolean")
    throw recordError(file.where, "field append_choices_to_input must be true or false");
  return {
    taskPrefix: text("task_prefix", ""),
    inputPrefix: text("example_input_prefix", "\nQ: "),
    choicePrefix: text("choice_prefix", "\n  choice: "),
    outputPrefix: text("example_output_prefix", "\nA: "),
    appendChoices,
  };
}

function question(record: SourceRecord, layout: Layout): Omit<LocatedQuestion, "id" | "where"> {
  const { choices, gold } = targets(record);
  const shown = layout.appendChoices ? numpyPermutation([...choices].sort(), CHOICE_SEED) : [];
  const context = [
    layout.taskPrefix,
    layout.inputPrefix,
    stringField(record, "input"),
    ...shown.map((choice) => layout.choicePrefix + choice),
    layout.outputPrefix,
  ].join("");
  return { context, choices, gold: [gold] };
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
