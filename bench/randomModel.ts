import { closeSync, openSync, writeSync } from "node:fs";

/** Shape of a Llama whose weights do not matter. */
export interface ModelShape {
  layers: number;
  embedding: number;
  heads: number;
  kvHeads: number;
  feedForward: number;
  vocab: number;
  context: number;
}

/** 250 million parameters. */
export const SHAPE_250M: ModelShape = {
  layers: 16,
  embedding: 1024,
  heads: 16,
  kvHeads: 8,
  feedForward: 2816,
  vocab: 32_000,
  context: 4096,
};

/** Mistral-7B. */
export const SHAPE_7B: ModelShape = {
  layers: 32,
  embedding: 4096,
  heads: 32,
  kvHeads: 8,
  feedForward: 14_336,
  vocab: 32_000,
  context: 4096,
};

/** 1.1 billion parameters, 2.2 GB in F16. */
export const SHAPE_1B: ModelShape = {
  layers: 16,
  embedding: 2048,
  heads: 32,
  kvHeads: 8,
  feedForward: 8192,
  vocab: 32_000,
  context: 4096,
};

/** ggml's numbers of the types in which the matrices can be written. */
const MATRIX_TYPES = { F16: 1, Q4_K: 12 } as const;
const FILE_TYPES = { F16: 1, Q4_K: 15 } as const;
export type MatrixType = keyof typeof MATRIX_TYPES;

const F32 = 0;
const ALIGNMENT = 32;
/** Elements and bytes of a block of random weights; F16 has none, and takes so many at once. */
const BLOCKS = { F16: { elements: 256, bytes: 512 }, Q4_K: { elements: 256, bytes: 144 } } as const;

interface Tensor {
  name: string;
  /** ne: row length first. */
  shape: number[];
  type: number;
}

/** Parameters of all matrices, the embedding included. */
export function parameterCount(shape: ModelShape): number {
  return tensorsOf(shape)
    .filter(({ type }) => type !== F32)
    .reduce((sum, tensor) => sum + tensor.shape.reduce((a, b) => a * b, 1), 0);
}

/** Writes a GGUF of this shape with random matrices, streaming: the 7B one takes 4 GB of disk and little memory. */
export function writeRandomModel(path: string, shape: ModelShape, matrices: MatrixType = "Q4_K"): void {
  const file = openSync(path, "w", 0o600);
  const tensors = tensorsOf(shape, matrices);
  let position = writeSync(file, header(shape, tensors, matrices));
  const random = matrices === "F16" ? randomHalves(4096) : randomBlocks(4096);
  for (const tensor of tensors) {
    position += writeSync(file, Buffer.alloc(-position & (ALIGNMENT - 1)));
    let left = bytesOf(tensor, matrices);
    while (left > 0) {
      const chunk = tensor.type === F32 ? ones(left / 4) : random.subarray(0, Math.min(left, random.length));
      position += writeSync(file, chunk);
      left -= chunk.length;
    }
  }
  closeSync(file);
}

function tensorsOf(shape: ModelShape, matrices: MatrixType = "Q4_K"): Tensor[] {
  const { layers, embedding, heads, kvHeads, feedForward, vocab } = shape;
  const kv = (embedding / heads) * kvHeads;
  const type = MATRIX_TYPES[matrices];
  const matrix = (name: string, input: number, output: number) => ({ name, shape: [input, output], type });
  const norm = (name: string) => ({ name, shape: [embedding], type: F32 });
  const blocks = Array.from({ length: layers }, (_, i) => [
    norm(`blk.${i}.attn_norm.weight`),
    matrix(`blk.${i}.attn_q.weight`, embedding, embedding),
    matrix(`blk.${i}.attn_k.weight`, embedding, kv),
    matrix(`blk.${i}.attn_v.weight`, embedding, kv),
    matrix(`blk.${i}.attn_output.weight`, embedding, embedding),
    norm(`blk.${i}.ffn_norm.weight`),
    matrix(`blk.${i}.ffn_gate.weight`, embedding, feedForward),
    matrix(`blk.${i}.ffn_up.weight`, embedding, feedForward),
    matrix(`blk.${i}.ffn_down.weight`, feedForward, embedding),
  ]).flat();
  const outer = [matrix("token_embd.weight", embedding, vocab), matrix("output.weight", embedding, vocab)];
  return [...outer, norm("output_norm.weight"), ...blocks];
}

function bytesOf({ shape, type }: Tensor, matrices: MatrixType): number {
  const elements = shape.reduce((a, b) => a * b, 1);
  const block = BLOCKS[matrices];
  return type === F32 ? 4 * elements : (elements / block.elements) * block.bytes;
}

function ones(count: number): Buffer {
  return Buffer.from(new Float32Array(count).fill(1).buffer);
}

function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** F16 weights of 2^-6 to 2^-4, of either sign. */
function randomHalves(count: number): Buffer {
  const bytes = randomBytes(count * BLOCKS.F16.bytes);
  for (let i = 1; i < bytes.length; i += 2) bytes[i] = (bytes[i]! & 0x87) | 0x28;
  return bytes;
}

/** Q4_K blocks of weights in about +-0.05: f16 scales d and dmin, then 12 bytes of 6-bit scales and 128 of nibbles. */
function randomBlocks(count: number): Buffer {
  const block = BLOCKS.Q4_K;
  const bytes = randomBytes(count * block.bytes);
  for (let i = 0; i < count; i++) {
    // Sub-block scale ~32 times quant 0..15 times d, minus sub-block min ~32 times dmin: centred for dmin = 7.5 d.
    bytes.writeUInt16LE(0x0690, i * block.bytes); // 1.0e-4
    bytes.writeUInt16LE(0x1230, i * block.bytes + 2); // 7.5e-4
  }
  return bytes;
}

function header(shape: ModelShape, tensors: Tensor[], matrices: MatrixType): Buffer {
  const metadata = metadataOf(shape, FILE_TYPES[matrices]);
  const infos: Buffer[] = [];
  let offset = 0;
  for (const tensor of tensors) {
    infos.push(text(tensor.name), u32(tensor.shape.length), ...tensor.shape.map(u64), u32(tensor.type), u64(offset));
    offset += Math.ceil(bytesOf(tensor, matrices) / ALIGNMENT) * ALIGNMENT;
  }
  const start = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(metadata.length)];
  return Buffer.concat([...start, ...metadata, ...infos]);
}

function metadataOf(shape: ModelShape, fileType: number): Buffer[] {
  const count = (key: string, value: number) => Buffer.concat([text(key), u32(4), u32(value)]);
  const real = (key: string, value: number) => Buffer.concat([text(key), u32(6), f32(value)]);
  const string = (key: string, value: string) => Buffer.concat([text(key), u32(8), text(value)]);
  const array = (key: string, type: number, items: Buffer[]) =>
    Buffer.concat([text(key), u32(9), u32(type), u64(items.length), ...items]);
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  const tokens = ["<unk>", "<s>", "</s>", ...bytes];
  while (tokens.length < shape.vocab) tokens.push(`\u2581w${tokens.length}`);
  const types = tokens.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1));
  return [
    string("general.architecture", "llama"),
    count("general.file_type", fileType),
    count("llama.context_length", shape.context),
    count("llama.embedding_length", shape.embedding),
    count("llama.block_count", shape.layers),
    count("llama.feed_forward_length", shape.feedForward),
    count("llama.attention.head_count", shape.heads),
    count("llama.attention.head_count_kv", shape.kvHeads),
    count("llama.rope.dimension_count", shape.embedding / shape.heads),
    count("llama.vocab_size", shape.vocab),
    real("llama.attention.layer_norm_rms_epsilon", 1e-5),
    string("tokenizer.ggml.model", "llama"),
    array("tokenizer.ggml.tokens", 8, tokens.map(text)),
    array(
      "tokenizer.ggml.scores",
      6,
      tokens.map(() => f32(0)),
    ),
    array("tokenizer.ggml.token_type", 5, types.map(u32)),
    count("tokenizer.ggml.bos_token_id", 1),
    count("tokenizer.ggml.eos_token_id", 2),
  ];
}

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const f32 = (value: number) => Buffer.from(Float32Array.of(value).buffer);
const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
