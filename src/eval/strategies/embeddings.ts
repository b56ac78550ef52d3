import { z } from "zod";
import { MediloraError } from "../../errors.js";
import { sha256Text } from "../../util/hash.js";
import { AnswersFile } from "../answersFile.js";
import type { AdapterIdentity, FileIdentity } from "../evaluationResult.js";
import type { EvaluationRuntime } from "../runtime.js";

/** Most tokens of a text: as many as the usual embedding models were trained for. */
const MOST_TOKENS = 512;

export interface EmbedTextsOptions {
  model: string;
  adapters?: ReadonlyArray<{ path: string; scale?: number }>;
  /** Of the model and its adapters, for the keys of the cache. */
  identity: { model: FileIdentity; adapters: readonly AdapterIdentity[] };
  threads?: number;
  cache?: string;
  /** After each text; `total` is the number of those that are computed. */
  onProgress?: (progress: EmbeddingProgress) => void;
  signal?: AbortSignal;
}

/** Texts with an embedding, of those that needed one. */
export interface EmbeddingProgress {
  done: number;
  total: number;
}

export interface EmbeddedTexts {
  /** One a text, of length 1; equal texts share theirs. */
  vectors: Float32Array[];
  /** Texts whose end was cut off. */
  truncated: number;
}

const embeddingSchema = z.object({
  /** `<hash of model, adapters and llama.cpp>/<hash of the text>`. */
  id: z.string(),
  /** The float32 numbers, little-endian, in Base64. */
  values: z.base64(),
  truncated: z.boolean(),
});

type StoredEmbedding = z.infer<typeof embeddingSchema>;

/**
 * The embeddings of texts, from the cache where it has them. No model is loaded when it has all. A text is read up to 512
 * tokens, special tokens of the vocabulary around it and none read in it.
 * @throws MediloraError what opening the model and the cache throws; `ABORTED`; what onProgress threw
 */
export async function embedTexts(
  runtime: Pick<EvaluationRuntime<unknown>, "llamaCpp" | "openTokenizer" | "openEmbedder">,
  texts: readonly string[],
  options: EmbedTextsOptions,
): Promise<EmbeddedTexts> {
  const space = embeddingSpace(options.identity, runtime.llamaCpp());
  const ids = texts.map((text) => `${space}/${sha256Text(text)}`);
  const file = await openCache(options.cache);
  try {
    const known = new Map<string, StoredEmbedding>((file?.stored ?? []).map((one) => [one.id, one]));
    const missing = new Map(ids.flatMap((id, i) => (known.has(id) ? [] : [[id, texts[i]!] as const])));
    if (missing.size > 0)
      await compute(runtime, [...missing], options, (one) => {
        file?.append(one);
        known.set(one.id, one);
      });
    return {
      vectors: shared(ids, known),
      truncated: ids.filter((id) => known.get(id)!.truncated).length,
    };
  } finally {
    await file?.close();
  }
}

function embeddingSpace({ model, adapters }: EmbedTextsOptions["identity"], llamaCpp: string): string {
  const parts = [model.sha256, adapters.map(({ sha256, scale }) => [sha256, scale]), llamaCpp, MOST_TOKENS];
  return sha256Text(JSON.stringify(parts));
}

async function openCache(path: string | undefined): Promise<AnswersFile<StoredEmbedding> | undefined> {
  if (path === undefined) return undefined;
  return AnswersFile.open(path, {}, { schema: embeddingSchema, overwrite: false, what: "embeddings" });
}

async function compute(
  runtime: Pick<EvaluationRuntime<unknown>, "openTokenizer" | "openEmbedder">,
  texts: ReadonlyArray<readonly [id: string, text: string]>,
  { model, adapters, threads, onProgress, signal }: EmbedTextsOptions,
  onEmbedding: (embedding: StoredEmbedding) => void,
): Promise<void> {
  if (runtime.openEmbedder === undefined)
    throw new MediloraError("ARGUMENT_INVALID", "This runtime computes no embeddings, which nearest shots need.");
  const tokens = await tokenizeTexts(runtime, model, texts);
  await using embedder = await runtime.openEmbedder(
    { model, contextSize: MOST_TOKENS, ...(adapters && { adapters }), ...(threads !== undefined && { threads }) },
    { signal },
  );
  let done = 0;
  await embedder.embed(tokens, {
    truncate: true,
    signal,
    onResult: ({ index, values, truncated }) => {
      onEmbedding({ id: texts[index]![0], values: Buffer.from(toBytes(values)).toString("base64"), truncated });
      done += 1;
      onProgress?.({ done, total: texts.length });
    },
  });
}

async function tokenizeTexts(
  runtime: Pick<EvaluationRuntime<unknown>, "openTokenizer">,
  model: string,
  texts: ReadonlyArray<readonly [id: string, text: string]>,
): Promise<Int32Array[]> {
  await using tokenizer = await runtime.openTokenizer(model);
  return texts.map(([, text]) => tokenizer.tokenize(text, { addSpecial: true, parseSpecial: false }));
}

function shared(ids: readonly string[], known: ReadonlyMap<string, StoredEmbedding>): Float32Array[] {
  const vectors = new Map<string, Float32Array>();
  return ids.map((id) => {
    const vector = vectors.get(id) ?? fromBytes(Buffer.from(known.get(id)!.values, "base64"));
    vectors.set(id, vector);
    return vector;
  });
}

function toBytes(values: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => {
    view.setFloat32(4 * i, value, true);
  });
  return new Uint8Array(view.buffer);
}

function fromBytes(bytes: Buffer): Float32Array {
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}
