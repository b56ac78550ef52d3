import { readFile } from "node:fs/promises";
import { z } from "zod";
import { fileError, MediloraError } from "../errors.js";
import { NativeTrainer } from "../native/trainer.js";
import type { BatchArrays, NamedTensors } from "../native/trainingBinding.js";
import { writeFileAtomic } from "../util/atomicFile.js";
import { IGNORE_LABEL } from "./packing.js";

const int32 = z.array(
  z
    .int()
    .min(-(2 ** 31))
    .max(2 ** 31 - 1),
);
const batchSchema = z.object({ tokens: int32, positions: int32, sequences: int32, labels: int32 });

export interface DebugGradientsOptions {
  model: string;
  adapter: string;
  /** JSON {tokens, positions, sequences, labels}, [n] each; labels already shifted, -100 for none. */
  batch: string;
  /** JSON {lossSum, labelTokens, gradients: {name: {shape, data}}, logits: {position: first 8 values}}. */
  output: string;
  checkpointing?: boolean;
  threads?: number;
  signal?: AbortSignal;
}

export interface DebugGradientsResult {
  lossSum: number;
  labelTokens: number;
}

/**
 * Writes the loss of one micro-batch and the gradient of its sum by every LoRA tensor, for comparison with a reference.
 * @throws MediloraError what opening the model and reading the batch throw
 */
export async function debugGradients(options: DebugGradientsOptions): Promise<DebugGradientsResult> {
  const batch = await readBatch(options.batch);
  const { model, adapter, checkpointing = false, threads, signal } = options;
  await using trainer = await NativeTrainer.open(
    { model, adapter, checkpointing, ...(threads !== undefined && { threads }) },
    signal,
  );
  const logits = await trainer.logits(batch, signal);
  const lossSum = await trainer.accumulate(batch, { ...(signal && { signal }) });
  const labelTokens = batch.labels.filter((label) => label !== IGNORE_LABEL).length;
  const result = {
    lossSum,
    labelTokens,
    gradients: plainTensors(await trainer.tensors({ gradients: true })),
    logits: sampleLogits(logits, batch.tokens.length, trainer.info.vocabSize),
  };
  await writeFileAtomic(options.output, JSON.stringify(result));
  return { lossSum, labelTokens };
}

async function readBatch(path: string): Promise<BatchArrays> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw fileError(error, path, "read");
  });
  const parsed = batchSchema.safeParse(parseJson(text));
  if (!parsed.success)
    throw new MediloraError(
      "BATCH_INVALID",
      `${path} must be JSON with tokens, positions, sequences and labels, each a list of integers.`,
    );
  const { tokens, positions, sequences, labels } = parsed.data;
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from(positions),
    sequences: Int32Array.from(sequences),
    labels: Int32Array.from(labels),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function plainTensors(tensors: NamedTensors): Record<string, { shape: number[]; data: number[] }> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data: Array.from(data) }]),
  );
}

/** The first 8 logits of about 8 positions. */
function sampleLogits(logits: Float32Array, positions: number, vocabSize: number): Record<string, number[]> {
  const sample: Record<string, number[]> = {};
  for (let i = 0; i < positions; i += Math.max(1, Math.floor(positions / 8)))
    sample[i] = Array.from(logits.subarray(i * vocabSize, i * vocabSize + Math.min(8, vocabSize)));
  return sample;
}
