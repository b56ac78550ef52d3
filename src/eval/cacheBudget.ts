import type { GgufDescription } from "../native/binding.js";

/** llama.cpp pads a context to this. */
const CONTEXT_STEP = 256;

/** Cells of a context as llama.cpp makes it: a multiple of 256. */
export function paddedContext(cells: number): number {
  return Math.ceil(cells / CONTEXT_STEP) * CONTEXT_STEP;
}

/** Of the memory that is free beside the model; the rest is for batches, logits and other programs. */
const SHARE = 0.5;

/**
 * Bytes that one token takes in the key-value cache.
 * @param elementBytes of a number in the cache: 2 or 4
 * @returns null where the metadata does not say
 */
export function cacheBytesPerToken({ metadata }: GgufDescription, elementBytes: number): number | null {
  const read = (key: string) => metadata[`${String(metadata["general.architecture"])}.${key}`];
  const [layers, heads, embedding] = ["block_count", "attention.head_count", "embedding_length"].map((key) =>
    Number(read(key)),
  );
  const headLength = embedding! / heads!;
  const kvHeads = read("attention.head_count_kv") ?? heads;
  const headsOfLayers = Array.isArray(kvHeads)
    ? kvHeads.reduce<number>((sum, count) => sum + Number(count), 0)
    : layers! * Number(kvHeads);
  const length = (key: string) => Number(read(`attention.${key}_length`) ?? headLength);
  const bytes = headsOfLayers * (length("key") + length("value")) * elementBytes;
  return Number.isFinite(bytes) && bytes > 0 ? bytes : null;
}

/** What a cache may take. */
export interface CacheMemory {
  /** Null: not known, nothing is limited. */
  bytesPerToken: number | null;
  modelBytes: number;
  /** That this process may still take, the model not yet loaded. */
  freeBytes: number;
}

/**
 * Cells of the key-value cache: as many as are wanted, as long as they take at most half of the memory that is free
 * beside the model; fewer sequences then run at once. Never fewer than the longest sequence needs.
 * @param sizes.wanted cells with which all sequences can run at once
 * @param sizes.least  cells of the longest sequence
 * @param sizes.memory undefined: nothing is limited
 */
export function cacheCells(sizes: { wanted: number; least: number; memory: CacheMemory | undefined }): number {
  const { wanted, least, memory } = sizes;
  return paddedContext(Math.max(least, Math.min(wanted, affordable(memory))));
}

function affordable(memory: CacheMemory | undefined): number {
  if (memory === undefined || memory.bytesPerToken === null) return Number.POSITIVE_INFINITY;
  return Math.floor((Math.max(0, memory.freeBytes - memory.modelBytes) * SHARE) / memory.bytesPerToken);
}
