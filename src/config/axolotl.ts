import { isDeepStrictEqual } from "node:util";
import { WITHOUT_EFFECT } from "./axolotlKeys.js";
import { DATASET_KEYS, UNSUPPORTED, type UnsupportedKeys } from "./axolotlRefused.js";
import { describe, isKeys, type Keys, withoutEmpty } from "./issues.js";

export interface Translated {
  /** The configuration in medilora's keys. */
  written: Keys;
  notes: string[];
  problems: string[];
}

/** Conversations of Axolotl whose rows have another shape. */
const OTHER_SHAPES = /^(sharegpt|alpaca|gpteacher|oasst|reflection|jeopardy|concisechat|pygmalion|load_)/;

/**
 * A configuration of Axolotl in medilora's keys: those that change nothing are taken out with a note, those that would
 * change what is learnt are problems that say what to use instead, and `type: chat_template` becomes `type: chatml`.
 * Keys that neither program knows stay.
 */
export function fromAxolotl(input: Keys): Translated {
  const result: Translated = { written: { ...input }, notes: [], problems: [] };
  const ignored = WITHOUT_EFFECT.flatMap(({ keys }) => keys).filter((key) => Object.hasOwn(input, key));
  for (const key of ignored) delete result.written[key];
  const used = ignored.filter((key) => !isOff(input[key]));
  if (used.length > 0)
    result.notes.push(`Keys of Axolotl that change nothing here: ${used.join(", ")}. docs/configuration.md says why.`);
  refuse(result.written, UNSUPPORTED, { where: "", problems: result.problems });
  translateResume(result);
  if (Array.isArray(input.datasets))
    result.written.datasets = input.datasets.map((dataset: unknown, i) =>
      isKeys(dataset) ? translateDataset(withoutEmpty(dataset), `datasets[${i}].`, { result, input }) : dataset,
    );
  return result;
}

/** Takes the keys out of `written`; one that asks for something else is a problem. */
function refuse(
  written: Keys,
  table: readonly UnsupportedKeys[],
  { where, problems }: { where: string; problems: string[] },
): void {
  for (const { keys, fine = [], answer } of table)
    for (const key of keys) {
      if (!Object.hasOwn(written, key)) continue;
      const value = written[key];
      delete written[key];
      // Where true is what is done here, false asks for something else.
      const off = isOff(value) && !(value === false && fine.includes(true));
      if (off || fine.some((one) => isDeepStrictEqual(one, value))) continue;
      problems.push(`${where}${key}: this key of Axolotl cannot be followed here. ${answer}.`);
    }
}

function isOff(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isKeys(value)) return Object.keys(withoutEmpty(value)).length === 0;
  return value === null || value === undefined || value === false || value === 0 || value === "" || value === "no";
}

function translateResume({ written, problems }: Translated): void {
  const automatic = written.auto_resume_from_checkpoints;
  delete written.auto_resume_from_checkpoints;
  if (automatic === true) written.resume_from_checkpoint ??= "auto";
  else if (automatic !== undefined && automatic !== false)
    problems.push(`auto_resume_from_checkpoints: expected true or false, got ${describe(automatic)}.`);
}

function translateDataset(dataset: Keys, where: string, { result, input }: { result: Translated; input: Keys }): Keys {
  const template = dataset.chat_template ?? input.chat_template;
  refuse(dataset, DATASET_KEYS, { where, problems: result.problems });
  if (typeof dataset.type === "string" && OTHER_SHAPES.test(dataset.type)) {
    result.problems.push(
      `${where}type: rows of this shape are not read by training. Convert them with medilora prepare any, and set type: chatml.`,
    );
    return { ...dataset, type: "chatml" };
  }
  if (dataset.type !== "chat_template") return dataset;
  if (template !== "chatml")
    result.problems.push(
      `${where}chat_template: only ChatML is rendered. Set chat_template: chatml if the model is to learn that.`,
    );
  // Axolotl's template strategies learn what the assistant says and its end, not the header of the turn.
  return { label_span: input.label_span ?? "content", ...dataset, type: "chatml" };
}
