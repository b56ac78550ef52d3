import { MediloraError } from "../../errors.js";
import type { EvaluateOptions } from "../evaluateOptions.js";
import { identifyModel } from "../runIdentity.js";
import type { EvaluationRuntime } from "../runtime.js";
import { type EmbedTextsOptions, embedTexts } from "./embeddings.js";
import { nearestRows } from "./neighbours.js";
import type { NeighbourOptions, StrategyDescription } from "./strategy.js";

/** A question's id and own words. */
export interface OwnText {
  id: string;
  text: string;
}

export interface NearestOptions extends Pick<EvaluateOptions, "adapters" | "threads" | "signal"> {
  /** Undefined where none is evaluated, as for a dump of requests: then the embeddings need a model of their own. */
  model: string | undefined;
  onEmbedProgress?: EmbedTextsOptions["onProgress"];
}

/**
 * The nearest rows of each question, by texts: embeds all, then compares.
 * @throws MediloraError `ARGUMENT_INVALID` without a model for the embeddings, or for too few rows; what {@link embedTexts}
 *   throws
 */
export async function nearestTexts(
  runtime: EvaluationRuntime<unknown>,
  search: { questions: readonly OwnText[]; rows: readonly OwnText[]; neighbours: NeighbourOptions },
  options: NearestOptions,
): Promise<{
  nearest: number[][];
  embedding: NonNullable<StrategyDescription["neighbours"]>["embedding"];
  notes: string[];
}> {
  const { questions, rows, neighbours } = search;
  const model = neighbours.model ?? options.model;
  if (model === undefined)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      "Nearest shots without an evaluated model need strategy.neighbours.model, for the embeddings.",
    );
  const adapters = neighbours.model === undefined ? options.adapters : undefined;
  const { threads, signal, onEmbedProgress: onProgress } = options;
  const identity = await identifyModel({ model, adapters, signal });
  const texts = [...rows, ...questions].map(({ text }) => text);
  const { vectors, truncated } = await embedTexts(runtime, texts, {
    ...{ model, adapters, identity, threads, onProgress, signal },
    cache: neighbours.cache,
  });
  const embedded = [...rows, ...questions].map((one, i) => ({ ...one, vector: vectors[i]! }));
  const nearest = await nearestRows(
    embedded.slice(rows.length),
    embedded.slice(0, rows.length),
    neighbours.shots,
    signal,
  );
  const notes =
    truncated === 0 ? [] : [`${truncated} of ${texts.length} texts were cut to their beginning for their embedding.`];
  return { nearest, embedding: identity, notes };
}
