import { basename } from "node:path";
import { FileHashes } from "../util/fileHashes.js";
import { regularFile } from "../util/regularFile.js";
import { stopIfAborted } from "../util/turn.js";
import { packageVersion } from "../util/version.js";
import type { RunKey } from "./answersFile.js";
import type { EvaluateOptions, EvaluateSettings } from "./evaluateOptions.js";
import type { AdapterIdentity, EvaluationResult, FileIdentity } from "./evaluationResult.js";
import { type StrategyDescription, strategyKey } from "./strategies/strategy.js";
import { type GenerationTask, taskId } from "./task.js";

/** What a run works on, as its result tells it. */
export type RunIdentity = Pick<EvaluationResult, "model" | "adapters" | "task" | "data" | "extraction" | "versions">;

/**
 * Reads model and adapters once, for their SHA-256.
 * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`, `ABORTED`
 */
export async function identify(
  options: Pick<EvaluateOptions, "model" | "adapters" | "signal">,
  data: FileIdentity,
  task: Pick<GenerationTask, "name" | "version" | "labels" | "definition" | "extraction">,
  llamaCpp: string,
): Promise<RunIdentity> {
  const { name, version, labels, definition } = task;
  return {
    ...(await identifyModel(options)),
    task: { name, version, labels: [...labels], ...(definition !== undefined && { definition }) },
    data,
    extraction: task.extraction.id,
    versions: runVersions(llamaCpp),
  };
}

/** The model and its adapters. @throws MediloraError as {@link identify} */
export async function identifyModel({
  model,
  adapters = [],
  signal,
}: Pick<EvaluateOptions, "model" | "adapters" | "signal">): Promise<Pick<RunIdentity, "model" | "adapters">> {
  const identified: AdapterIdentity[] = [];
  for (const { path, scale = 1 } of adapters) identified.push({ ...(await identifyFile(path, signal)), scale });
  return { model: await identifyFile(model, signal), adapters: identified };
}

/** One command asks about a model once for each benchmark and strategy: gigabytes are read again only when they changed. */
const hashes = new FileHashes();

/** @throws MediloraError as {@link identify} */
export async function identifyFile(path: string, signal: AbortSignal | undefined): Promise<FileIdentity> {
  stopIfAborted(signal);
  const { size } = await regularFile(path);
  return { file: basename(path), bytes: size, sha256: await hashes.file(path, signal) };
}

export function runVersions(llamaCpp: string): EvaluationResult["versions"] {
  return { medilora: packageVersion(), llamaCpp, node: process.versions.node };
}

/** What of a run's settings decides an answer, beside the files. */
type AnswerSettings = Pick<EvaluateSettings, "sampler" | "seed" | "maxTokens" | "truncateLeft"> & {
  /** As the caller gave it. */
  contextSize: number | undefined;
  strategy: StrategyDescription | undefined;
};

export function runKey(run: RunIdentity, settings: AnswerSettings): RunKey {
  const { contextSize, strategy } = settings;
  return {
    model: run.model.sha256,
    adapters: run.adapters.map(({ sha256, scale }) => ({ sha256, scale })),
    task: taskId(run.task),
    ...(run.task.definition !== undefined && { definition: run.task.definition }),
    data: run.data.sha256,
    sampler: settings.sampler,
    seed: settings.seed,
    maxTokens: settings.maxTokens,
    ...(settings.truncateLeft && { truncateLeft: contextSize ?? "model" }),
    extraction: run.extraction,
    ...(strategy && { strategy: strategyKey(strategy) }),
    medilora: run.versions.medilora,
    llamaCpp: run.versions.llamaCpp,
  };
}
