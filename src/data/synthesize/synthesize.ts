import { MediloraError } from "../../errors.js";
import { questionSeed } from "../../eval/samplers.js";
import { lockFile } from "../../util/lock.js";
import { checkDistinctFiles, type FileSource, fileSource } from "../manifest.js";
import { droppedPath } from "../prepareRows.js";
import type { SynthesisBackend } from "./backend.js";
import { costOf, type ModelPrice } from "./cost.js";
import { Journal } from "./journal.js";
import { readPassages } from "./passages.js";
import { makePlan, type SynthesisPlan } from "./plan.js";
import { parsePairs, SYNTHESIS_PROMPT, synthesisMessages } from "./prompt.js";
import { Recorder } from "./recorder.js";
import { type SynthesisManifest, type SynthesisUsage, writeSyntheticRows } from "./writeRows.js";

export interface SynthesizeOptions {
  /** Documents: completion rows, JSON lines. */
  from: string;
  /** Training rows; beside it `<output>.journal.jsonl`, `<output>.dropped.jsonl` and the manifest. */
  output: string;
  /** Most tokens of prompts and answers of all runs on this output together. */
  tokenBudget: number;
  /** Pairs to ask for a passage, 1 to 20; default 3. */
  pairs?: number;
  /** Most tokens of an answer; default 200 a pair. */
  maxTokens?: number;
  /** Most UTF-16 units of a passage, 200 or more; default 3000. */
  passageCharacters?: number;
  /** Default 0. */
  seed?: number;
  /** For a model that is paid by the token. */
  price?: ModelPrice;
  /** Asks again about passages that were refused in earlier runs. Default false. */
  retryRefused?: boolean;
  /** Stops after the plan. */
  dryRun?: boolean;
  signal?: AbortSignal;
  /** Called before anything is generated or sent. What it throws stops the run. */
  onPlan?: (plan: SynthesisPlan) => void;
  onProgress?: (progress: { done: number; total: number; tokens: number }) => void;
}

type Settings = Required<Pick<SynthesizeOptions, "pairs" | "maxTokens" | "passageCharacters" | "seed">>;

/** Where the answers of a synthesis are kept as they come. */
export function journalPath(output: string): string {
  return `${output}.journal.jsonl`;
}

/**
 * Has a model write question-answer pairs about documents, and makes chat rows of them, each marked
 * `synthetic: true` with the id of its document.
 *
 * A run states its plan, stops before the token budget could be exceeded, and goes on where an earlier one with the same
 * settings stopped. A passage that is refused ({@link REFUSALS}) is counted and not asked again. Duplicates, exact and near, are removed. Synthetic text may be wrong: it is training material for
 * study, not medical knowledge.
 * @param backend used and not disposed of; only {@link EndpointBackend} sends anything anywhere
 * @returns undefined after a dry run
 * @throws MediloraError `ARGUMENT_INVALID`, `DATA_INVALID`, `DATA_EMPTY` when no pair can be read or the budget covers
 *   none, `BUSY` when another run works on this output, `CONTEXT_EXCEEDED`, `ABORTED`, `DISK_FULL`, `FILE_WRITE`, and what the backend throws
 */
export async function synthesizeRows(
  backend: SynthesisBackend,
  options: SynthesizeOptions,
): Promise<SynthesisManifest | undefined> {
  const settings = checkOptions(options, backend.files);
  const source = await fileSource(options.from);
  if (options.dryRun) {
    options.onPlan?.((await makePlan(backend, { ...options, ...settings }, undefined)).plan);
    return undefined;
  }
  // Two runs on one journal would ask, and pay, for each passage twice.
  await using _ = await lockFile(
    `${journalPath(options.output)}.lock`,
    `${options.output} is in use by another synthesis`,
    "Wait for it or name another output",
  );
  const journal = await Journal.open(journalPath(options.output), journalKey(backend, source, settings));
  try {
    if (options.retryRefused) journal.reopenRefused();
    const { plan, longest } = await makePlan(backend, { ...options, ...settings }, journal);
    options.onPlan?.(plan);
    if (plan.passages > plan.passagesDone) await generate(backend, options, settings, { journal, plan, longest });
    const { promptTokens, completionTokens, done } = journal;
    const cost = costOf(options.price, promptTokens, completionTokens);
    const passagesDone = done.size;
    const usage = { passages: plan.passages, passagesDone, ...refusals(journal), promptTokens, completionTokens, cost };
    return await writeSyntheticRows(options.output, journal.path, {
      source,
      backend,
      rules: { prompt: SYNTHESIS_PROMPT, passages: `${settings.passageCharacters} characters@1` },
      seed: settings.seed,
      usage: options.price === undefined ? usage : { ...usage, currency: options.price.currency },
    });
  } finally {
    journal.close();
  }
}

function refusals({ refused }: Journal): Pick<SynthesisUsage, "passagesRefused"> {
  if (refused.size === 0) return {};
  const counts: SynthesisUsage["passagesRefused"] = {};
  for (const reason of refused.values()) counts[reason] = (counts[reason] ?? 0) + 1;
  return { passagesRefused: counts };
}

function checkOptions(options: SynthesizeOptions, backendFiles: readonly string[]): Settings {
  const { pairs = 3, passageCharacters = 3000, seed = 0, tokenBudget } = options;
  const { maxTokens = 200 * pairs } = options;
  checkWhole("tokenBudget", tokenBudget, 1, Number.MAX_SAFE_INTEGER);
  checkWhole("pairs", pairs, 1, 20);
  checkWhole("maxTokens", maxTokens, 1, 2 ** 20);
  checkWhole("passageCharacters", passageCharacters, 200, 2 ** 20);
  checkWhole("seed", seed, 0, 2 ** 32 - 1);
  const { from, output } = options;
  checkDistinctFiles([from, ...backendFiles], [output, journalPath(output), droppedPath(output)]);
  return { pairs, maxTokens, passageCharacters, seed };
}

function checkWhole(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new MediloraError("ARGUMENT_INVALID", `${name} must be a whole number from ${min} to ${max}.`);
}

function journalKey(backend: SynthesisBackend, source: FileSource, settings: Settings): Record<string, unknown> {
  return { documents: source.sha256, backend: backend.id, prompt: SYNTHESIS_PROMPT, ...settings };
}

async function generate(
  backend: SynthesisBackend,
  options: SynthesizeOptions,
  settings: Settings,
  run: { journal: Journal; plan: SynthesisPlan; longest: number },
): Promise<void> {
  const { journal, plan, longest } = run;
  const { pairs: most, maxTokens } = settings;
  const recorder = new Recorder(journal);
  let started = false;
  for await (const { key, document, text } of readPassages(options.from, settings.passageCharacters)) {
    if (journal.done.has(key)) continue;
    if (options.signal?.aborted)
      throw new MediloraError("ABORTED", "Writing questions was aborted; what is done is kept.");
    const messages = synthesisMessages(text, most);
    if (recorder.tokens + backend.countTokens(messages) + maxTokens > options.tokenBudget) break;
    if (!started) await backend.start(longest, options.signal);
    started = true;
    const seed = questionSeed(settings.seed, key);
    const completion = await backend.complete({ messages, maxTokens, seed, signal: options.signal });
    const { promptTokens, completionTokens, refused, complete } = completion;
    const pairs = refused === undefined ? parsePairs(completion.text, { complete, most }) : [];
    recorder.add({ key, document, pairs, promptTokens, completionTokens, refused });
    options.onProgress?.({ done: recorder.done, total: plan.passages, tokens: recorder.tokens });
  }
  recorder.flush();
}
