import { extname } from "node:path";
import { withBos } from "../chat/tokenizePrompt.js";
import { tokenizeChatRow, tokenizeCompletionRow } from "../chat/tokenizeRow.js";
import { errorAtLine } from "../data/formats/record.js";
import { readText } from "../data/formats/text.js";
import { checkNotEmpty, isChatRow, readRowLines, type TrainingRow } from "../data/rows.js";
import { MediloraError } from "../errors.js";
import { checkInteger } from "../eval/evaluateOptions.js";
import type { FileIdentity } from "../eval/evaluationResult.js";
import { identifyFile } from "../eval/runIdentity.js";
import { describeModel } from "../modelInfo.js";
import { readGguf } from "../native/gguf.js";
import { type NativeTokenizer, openTokenizer } from "../native/tokenizer.js";
import { requireTexts } from "../util/arguments.js";

export interface TextOptions {
  /** Path of a GGUF model. */
  model: string;
  /** Paths of UTF-8 texts, and of training rows as JSON lines (names ending in .jsonl or .ndjson). */
  data: string | readonly string[];
  /** Tokens of a chunk, 16 to 2^20 and at most what the model was trained for; default 512, as llama.cpp's tools. */
  chunkSize?: number;
  /** Takes the first so many chunks only. */
  chunks?: number;
  /** Default: all cores that this process may use. */
  threads?: number;
  signal?: AbortSignal;
}

/** A text ready for the addon, and what it came from. */
export interface ChunkedText {
  tokens: Int32Array;
  chunkSize: number;
  chunks: number;
  paths: string[];
  data: FileIdentity[];
}

const DEFAULT_CHUNK = 512;
const LARGEST_CHUNK = 2 ** 20;
/** A string of JavaScript holds little more. */
const MOST_TEXT_BYTES = 400e6;

/**
 * Tokenises texts and rows one behind the other.
 *
 * A text stands as it is, BOS in front where the vocabulary wants it, as llama.cpp's tools have it. Rows stand as training
 * sees them: conversations as ChatML, documents with BOS and EOS.
 * @throws MediloraError `ARGUMENT_INVALID`, `CONTEXT_EXCEEDED`, `DATA_INVALID` with file and line, `DATA_EMPTY`, `FILE_NOT_FOUND`,
 *   `FILE_READ`, `MODEL_INVALID`, `ABORTED`
 */
export async function loadChunkedText(call: string, options: TextOptions): Promise<ChunkedText> {
  requireTexts(call, options, ["model"]);
  const { chunkSize = DEFAULT_CHUNK, chunks: most, signal } = options;
  const paths = typeof options.data === "string" ? [options.data] : [...(options.data ?? [])];
  if (paths.length === 0 || paths.some((path) => typeof path !== "string" || path === ""))
    throw new MediloraError("ARGUMENT_INVALID", `${call} needs data: the path of a text, or several.`);
  checkInteger("chunkSize", chunkSize, 16, LARGEST_CHUNK);
  if (most !== undefined) checkInteger("chunks", most, 1, Number.MAX_SAFE_INTEGER);
  await checkContext(options.model, chunkSize);
  await using tokenizer = await openTokenizer(options.model);
  const parts: Int32Array[] = [];
  const data: FileIdentity[] = [];
  for (const path of paths) {
    const file = await identifyFile(path, signal);
    data.push(file);
    if (isRowsFile(path)) await tokenizeRows(tokenizer, path, parts);
    else parts.push(await tokenizeText(tokenizer, path, file.bytes));
  }
  const all = join(parts, new Int32Array(parts.reduce((sum, { length }) => sum + length, 0)));
  const chunks = Math.min(most ?? Number.MAX_SAFE_INTEGER, Math.floor(all.length / chunkSize));
  if (chunks === 0)
    throw new MediloraError(
      "DATA_EMPTY",
      `The data has ${all.length} tokens, fewer than one chunk of ${chunkSize}. Give more data or a smaller chunkSize.`,
    );
  return { tokens: all.slice(0, chunks * chunkSize), chunkSize, chunks, paths, data };
}

/** Before a cache of that size is made for it. */
async function checkContext(model: string, chunkSize: number): Promise<void> {
  const { contextLength } = describeModel(await readGguf(model));
  if (contextLength === null || chunkSize <= contextLength) return;
  throw new MediloraError(
    "CONTEXT_EXCEEDED",
    `${model} was trained for ${contextLength} tokens, a chunk has ${chunkSize}. Use a smaller chunkSize.`,
  );
}

function isRowsFile(path: string): boolean {
  return [".jsonl", ".ndjson"].includes(extname(path).toLowerCase());
}

async function tokenizeText(tokenizer: NativeTokenizer, path: string, bytes: number): Promise<Int32Array> {
  if (bytes > MOST_TEXT_BYTES)
    throw new MediloraError("ARGUMENT_INVALID", `${path} is larger than 400 MB. Give a part of it.`);
  let text = "";
  for await (const piece of readText(path)) text += piece;
  return withBos(tokenizer, await tokenizer.tokenizeLong(text));
}

async function tokenizeRows(tokenizer: NativeTokenizer, path: string, parts: Int32Array[]): Promise<void> {
  const before = parts.length;
  for await (const { row, number } of readRowLines(path)) {
    try {
      parts.push(rowTokens(tokenizer, row));
    } catch (error) {
      throw errorAtLine(error, path, number);
    }
  }
  checkNotEmpty(path, parts.length - before);
}

function rowTokens(tokenizer: NativeTokenizer, row: TrainingRow): Int32Array {
  if (isChatRow(row)) return tokenizeChatRow(tokenizer, row, { labelSpan: "turn" }).tokens;
  const [whole] = tokenizeCompletionRow(tokenizer, row, { sequenceLen: Number.MAX_SAFE_INTEGER });
  return whole?.tokens ?? new Int32Array(0);
}

/** Copies the parts into `all`, one behind the other. */
export function join<T extends Int32Array | Float64Array | Uint8Array>(parts: readonly T[], all: T): T {
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
