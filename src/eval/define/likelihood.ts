import { recordError } from "../../data/formats/record.js";
import type { LikelihoodMetric, LikelihoodTask, LocatedQuestion } from "../loglikelihood/task.js";
import { letterChoices } from "../tasks/lettered.js";
import { goldIndexes } from "./fields.js";
import { definitionHash, filesText, renderRecords } from "./prompt.js";
import type { ParsedLikelihood } from "./schema.js";

type Metrics = LikelihoodTask["metrics"];

/** The task of a checked definition whose choices are scored. */
export function likelihoodTask(definition: ParsedLikelihood): LikelihoodTask {
  const { name, version, data, shots_file: shotsFile } = definition;
  const metrics = metricsOf(definition);
  return {
    kind: "likelihood",
    name,
    version,
    description: definition.description ?? `${name}, a task of one's own.`,
    files: filesText(definition),
    fileNames: [],
    preamble: definition.preamble,
    delimiter: definition.delimiter,
    metrics,
    definition: definitionHash(definition),
    ...(data !== undefined && { data }),
    ...(shotsFile !== undefined && { shotsFile }),
    read: (path) => read(definition, metrics, path),
  };
}

function metricsOf({ metrics, score }: ParsedLikelihood): Metrics {
  const [first, ...others]: LikelihoodMetric[] = metrics ?? (score === "texts" ? ["acc_norm", "acc"] : ["acc"]);
  return [first!, ...others];
}

async function* read(definition: ParsedLikelihood, metrics: Metrics, path: string): AsyncGenerator<LocatedQuestion> {
  const takesSeveral = metrics.every((metric) => metric === "mc2");
  for await (const { record, id, prompt, choices: texts = [] } of renderRecords(definition, path)) {
    const gold = goldIndexes(record, definition.gold, texts);
    if (gold.length === 0 || (gold.length > 1 && !takesSeveral))
      throw recordError(
        record.where,
        `field ${definition.gold.field} must hold ${takesSeveral ? "at least one right answer" : "one right answer; only mc2 takes several"}`,
      );
    const choices = definition.score === "letters" ? letterChoices(texts.length) : texts;
    yield { id, where: record.where, context: prompt, choices, gold: [...new Set(gold)] };
  }
}
