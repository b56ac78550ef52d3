import { checkReportFile } from "../data/manifest.js";
import { describeMachine, type EvaluationResult, type FileIdentity, MEDICAL_NOTICE } from "../eval/evaluationResult.js";
import { identifyFile, runVersions } from "../eval/runIdentity.js";
import { runJob } from "../native/call.js";
import { native } from "../native/load.js";
import type { ChunkScores } from "../native/measureBinding.js";
import { sha256Bytes } from "../util/hash.js";
import { ChunkScoresFile } from "./chunkScoresFile.js";
import {
  type ComparedScores,
  compareScores,
  type Estimate,
  type ModelDifference,
  perplexityOf,
} from "./perplexityStatistics.js";
import { type ChunkedText, join, loadChunkedText, type TextOptions } from "./textTokens.js";

/** What {@link measurePerplexity} reads. */
export interface PerplexityOptions extends TextOptions {
  /** Path of a model of the same vocabulary to compare with: the float model that this one was quantised from. */
  against?: string;
  /** JSON lines file that gets the scores of every chunk as they come, mode 0600; the same call goes on from it. */
  scoresFile?: string;
  /** Begins a scores file anew, also one of another run. Default false. */
  overwrite?: boolean;
  /** Called after each chunk. */
  onProgress?: (progress: PerplexityProgress) => void;
}

/** How far a measurement of perplexity is. */
export interface PerplexityProgress {
  /** Chunks finished so far, and in all. */
  done: number;
  total: number;
  /** Of the chunks so far. */
  perplexity: number;
}

/** Plain data: JSON keeps all of it. */
export interface PerplexityResult {
  notice: string;
  model: FileIdentity;
  against: FileIdentity | null;
  data: FileIdentity[];
  /** Tokens. */
  chunkSize: number;
  chunks: number;
  /** The second half of every chunk, less one token: positions chunkSize / 2 + 1 (from 0) to its end. */
  scoredTokens: number;
  perplexity: Estimate;
  /** Null without `against`. */
  difference: ModelDifference | null;
  versions: EvaluationResult["versions"];
  machine: EvaluationResult["machine"];
}

/**
 * Perplexity of a model over a text by llama.cpp's definition: the text in chunks, each begun with BOS where the vocabulary
 * wants it, the second half of each scored. With `against`, both models score every chunk, and every scored token is compared
 * over the whole vocabulary: what quantisation lost is then a number.
 *
 * Logits of some tens of megabytes are held at a time, of both models; nothing of vocabulary size leaves native code.
 * @throws MediloraError `ARGUMENT_INVALID` (also for models of different vocabularies, and a scores file of another run),
 *   `CONTEXT_EXCEEDED`, `DATA_EMPTY`, `DATA_INVALID`, `FILE_NOT_FOUND`, `FILE_READ`, `MODEL_INVALID`, `OUT_OF_MEMORY`,
 *   `BUSY`, `DISK_FULL`, `FILE_WRITE`, `ABORTED`
 */
export async function measurePerplexity(options: PerplexityOptions): Promise<PerplexityResult> {
  const text = await loadChunkedText("measurePerplexity()", options);
  const identity = await identify(options);
  const file = await openScores(options, text, identity);
  try {
    return buildResult(options, text, identity, await scoreChunks(options, text, file));
  } finally {
    await file?.close();
  }
}

type Identity = Pick<PerplexityResult, "model" | "against" | "versions">;

async function identify({ model, against, signal }: PerplexityOptions): Promise<Identity> {
  return {
    model: await identifyFile(model, signal),
    against: against === undefined ? null : await identifyFile(against, signal),
    versions: runVersions(native().systemInfo().llamaCpp),
  };
}

async function openScores(
  { model, against, scoresFile, overwrite = false }: PerplexityOptions,
  { tokens, chunkSize, paths }: ChunkedText,
  identity: Identity,
): Promise<ChunkScoresFile | undefined> {
  if (scoresFile === undefined) return undefined;
  checkReportFile([model, ...(against === undefined ? [] : [against]), ...paths], scoresFile);
  const key = {
    model: identity.model.sha256,
    against: identity.against?.sha256 ?? null,
    tokens: sha256Bytes(tokens),
    chunkSize,
    medilora: identity.versions.medilora,
    llamaCpp: identity.versions.llamaCpp,
  };
  return ChunkScoresFile.open(scoresFile, key, overwrite);
}

/** All chunks in the order of the text: those stored already, then those that are computed now. */
async function scoreChunks(
  { model, against, threads, signal, onProgress }: PerplexityOptions,
  { tokens, chunkSize, chunks: total }: ChunkedText,
  file: ChunkScoresFile | undefined,
): Promise<ChunkScores[]> {
  const chunks = [...(file?.stored ?? [])];
  let sum = chunks.reduce((all, { logprobs }) => all + sumOf(logprobs), 0);
  const add = (scores: ChunkScores): void => {
    file?.append(scores);
    chunks.push(scores);
    sum += sumOf(scores.logprobs);
    const scored = chunks.length * scores.logprobs.length;
    onProgress?.({ done: chunks.length, total, perplexity: Math.exp(-sum / scored) });
  };
  const firstChunk = chunks.length;
  if (firstChunk < total)
    await runJob(signal, (cancel, listen) =>
      native().perplexity({
        ...{ model, reference: against, tokens, chunkSize, threads, firstChunk },
        cancel,
        onProgress: listen(add),
      }),
    );
  return chunks;
}

function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function buildResult(
  { threads }: PerplexityOptions,
  { data, chunkSize, chunks: count }: ChunkedText,
  identity: Identity,
  chunks: readonly ChunkScores[],
): PerplexityResult {
  const scoredTokens = chunks.reduce((sum, { logprobs }) => sum + logprobs.length, 0);
  const all = (name: "logprobs" | "referenceLogprobs" | "divergences") =>
    join(
      chunks.map((chunk) => chunk[name]),
      new Float64Array(scoredTokens),
    );
  const scores: ComparedScores = {
    logprobs: all("logprobs"),
    referenceLogprobs: all("referenceLogprobs"),
    divergences: all("divergences"),
    sameTop: join(
      chunks.map(({ sameTop }) => sameTop),
      new Uint8Array(scoredTokens),
    ),
  };
  return {
    notice: MEDICAL_NOTICE,
    ...identity,
    ...{ data, chunkSize, chunks: count, scoredTokens },
    perplexity: perplexityOf(scores.logprobs),
    difference: identity.against === null ? null : compareScores(scores),
    machine: describeMachine(threads),
  };
}
