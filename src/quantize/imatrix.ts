import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { modelParts } from "../adapter/provenance.js";
import { checkReportFile } from "../data/manifest.js";
import { MediloraError } from "../errors.js";
import { identifyFile } from "../eval/runIdentity.js";
import { runJob } from "../native/call.js";
import { readGguf } from "../native/gguf.js";
import { native } from "../native/load.js";
import type { CountProgress } from "../native/trainingBinding.js";
import { requireTexts } from "../util/arguments.js";
import { sha256Bytes, sha256Text } from "../util/hash.js";
import { lockFile } from "../util/lock.js";
import { type ChunkedText, loadChunkedText, type TextOptions } from "./textTokens.js";

/** What {@link makeImatrix} reads and writes. */
export interface ImatrixOptions extends TextOptions {
  /** The importance matrix, GGUF. What a stopped run has done stays in `<output>.partial`. */
  output: string;
  /** Chunks finished so far, and in all. */
  onProgress?: (progress: CountProgress) => void;
}

/** What {@link makeImatrix} wrote: `chunks` of `chunkSize` tokens each, in a file of `bytes`. */
export interface ImatrixResult {
  bytes: number;
  /** Tensors that the matrix speaks of. */
  tensors: number;
  chunks: number;
  chunkSize: number;
  warnings: string[];
}

/** Metadata key of what a run depends on. */
const RUN_KEY = "medilora.imatrix.run";

/**
 * Makes the importance matrix of a model from calibration text: for every layer's weights, the mean of the squared inputs
 * by column. Same numbers as llama-imatrix of the pinned llama.cpp up to the rounding of sums, in its GGUF format.
 *
 * A run that was stopped or killed goes on from `<output>.partial` when it is called again with the same model, data and
 * sizes.
 * @throws MediloraError `ARGUMENT_INVALID` (also for a partial file of another run), `CONTEXT_EXCEEDED`, `DATA_EMPTY`,
 *   `DATA_INVALID`, `FILE_NOT_FOUND`, `FILE_READ`, `MODEL_INVALID`, `OUT_OF_MEMORY`, `BUSY`, `DISK_FULL`, `FILE_WRITE`,
 *   `ABORTED`
 */
export async function makeImatrix(options: ImatrixOptions): Promise<ImatrixResult> {
  requireTexts("makeImatrix()", options, ["model", "output"]);
  const { model, output, threads, signal, onProgress } = options;
  const text = await loadChunkedText("makeImatrix()", options);
  checkReportFile([...modelParts(model, await readGguf(model)), ...text.paths], output);
  const run = await runHash(options, text);
  await using _lock = await lockFile(`${output}.lock`, `${output} is being made by another run`, "Wait for it");
  const partial = `${output}.partial`;
  const resume = await isPartOf(partial, run);
  const { idleExperts, ...answer } = await runJob(signal, (cancel, listen) =>
    native().imatrix({
      ...{ model, tokens: text.tokens, chunkSize: text.chunkSize, threads, output, partial, resume, cancel },
      datasets: text.paths.map((path) => basename(path)),
      metadata: { [RUN_KEY]: run },
      ...(onProgress && { onProgress: listen(onProgress) }),
    }),
  );
  await rm(partial, { force: true });
  const warnings = idleExperts === 0 ? [] : [idleWarning(idleExperts)];
  return { ...answer, chunks: text.chunks, chunkSize: text.chunkSize, warnings };
}

function idleWarning(experts: number): string {
  return `no token was routed to ${experts} experts, whose weights will count as equally important. Use more data.`;
}

async function runHash({ model, signal }: ImatrixOptions, { tokens, chunkSize }: ChunkedText): Promise<string> {
  const { sha256 } = await identifyFile(model, signal);
  return sha256Text([sha256, sha256Bytes(tokens), chunkSize, native().systemInfo().llamaCpp].join(" "));
}

/** False where there is no such file. @throws MediloraError `ARGUMENT_INVALID` for one of another run */
async function isPartOf(path: string, run: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  const found = await readGguf(path).then(
    ({ metadata }) => metadata[RUN_KEY],
    () => undefined,
  );
  if (found === run) return true;
  throw new MediloraError(
    "ARGUMENT_INVALID",
    `${path} is there and belongs to another run (another model, data or size). Remove it, or name another output.`,
  );
}
