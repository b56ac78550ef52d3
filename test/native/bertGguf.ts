import { type GgufTensor, gguf } from "./gguf.js";
import { EditableGguf, float32, type GgufValue, int32Array, string, stringArray, uint32 } from "./ggufEdit.js";

export const WIDTH = 32;
export const HEADS = 4;
export const FF = 48;
export const LAYERS = 2;
export const CONTEXT = 24;
export const WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁heart", "▁lung", "▁beats", "▁breathes", "▁the", "s"];

export type Weights = Record<string, Float32Array>;

/** Numbers in -1 to 1 of a linear congruence; a seed gives the same everywhere. */
function numbers(count: number, scale: number, offset: number, seed: { value: number }): Float32Array {
  return Float32Array.from({ length: count }, () => {
    seed.value = (Math.imul(seed.value, 1664525) + 1013904223) >>> 0;
    return offset + scale * (seed.value / 2 ** 31 - 1);
  });
}

function shapes(): Array<[name: string, shape: number[], offset: number]> {
  const square = [WIDTH, WIDTH];
  const layer = (i: number): Array<[string, number[], number]> => [
    ...["attn_q", "attn_k", "attn_v", "attn_output"].flatMap(
      (name): Array<[string, number[], number]> => [
        [`blk.${i}.${name}.weight`, square, 0],
        [`blk.${i}.${name}.bias`, [WIDTH], 0],
      ],
    ),
    [`blk.${i}.attn_output_norm.weight`, [WIDTH], 1],
    [`blk.${i}.attn_output_norm.bias`, [WIDTH], 0],
    [`blk.${i}.ffn_up.weight`, [WIDTH, FF], 0],
    [`blk.${i}.ffn_up.bias`, [FF], 0],
    [`blk.${i}.ffn_down.weight`, [FF, WIDTH], 0],
    [`blk.${i}.ffn_down.bias`, [WIDTH], 0],
    [`blk.${i}.layer_output_norm.weight`, [WIDTH], 1],
    [`blk.${i}.layer_output_norm.bias`, [WIDTH], 0],
  ];
  return [
    ["token_embd.weight", [WIDTH, WORDS.length], 0],
    ["token_types.weight", [WIDTH, 2], 0],
    ["position_embd.weight", [WIDTH, CONTEXT], 0],
    ["token_embd_norm.weight", [WIDTH], 1],
    ["token_embd_norm.bias", [WIDTH], 0],
    ...Array.from({ length: LAYERS }, (_, i) => layer(i)).flat(),
  ];
}

export function bertWeights(): Weights {
  const seed = { value: 7 };
  const entries = shapes().map(([name, shape, offset]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return [name, numbers(count, 0.4, offset, seed)] as const;
  });
  return Object.fromEntries(entries);
}

/** A BERT of random weights with WordPiece vocabulary, in GGUF. @param pooling llama.cpp's number: 1 mean, 2 first token */
export function bertGguf(
  weights: Weights,
  pooling: number,
  changes: Record<string, GgufValue | undefined> = {},
): Buffer {
  const tensors = shapes().map(([name, shape]): GgufTensor => ({ name, shape, values: weights[name]! }));
  const plain = gguf({ "general.architecture": "bert" }, tensors);
  return new EditableGguf(plain).with({
    "general.type": string("model"),
    "bert.block_count": uint32(LAYERS),
    "bert.context_length": uint32(CONTEXT),
    "bert.embedding_length": uint32(WIDTH),
    "bert.feed_forward_length": uint32(FF),
    "bert.attention.head_count": uint32(HEADS),
    "bert.attention.layer_norm_epsilon": float32(1e-12),
    "bert.attention.causal": { type: 7, bytes: Buffer.of(0) },
    "bert.pooling_type": uint32(pooling),
    "tokenizer.ggml.model": string("bert"),
    "tokenizer.ggml.pre": string("default"),
    "tokenizer.ggml.tokens": stringArray(WORDS),
    "tokenizer.ggml.token_type": int32Array(WORDS.map((word) => (word.startsWith("[") ? 3 : 1))),
    "tokenizer.ggml.token_type_count": uint32(2),
    "tokenizer.ggml.padding_token_id": uint32(0),
    "tokenizer.ggml.unknown_token_id": uint32(1),
    "tokenizer.ggml.bos_token_id": uint32(2),
    "tokenizer.ggml.cls_token_id": uint32(2),
    "tokenizer.ggml.seperator_token_id": uint32(3),
    "tokenizer.ggml.eos_token_id": uint32(3),
    "tokenizer.ggml.mask_token_id": uint32(1),
    ...changes,
  });
}

/** y = W x + b; W is [rows.length / x.length, x.length]. */
function linear(weights: Weights, name: string, x: number[]): number[] {
  const [w, b] = [weights[`${name}.weight`]!, weights[`${name}.bias`]!];
  return [...b].map((bias, row) => x.reduce((sum, value, i) => sum + w[row * x.length + i]! * value, bias));
}

function norm(weights: Weights, name: string, x: number[]): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const [w, b] = [weights[`${name}.weight`]!, weights[`${name}.bias`]!];
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-12)) * w[i]! + b[i]!);
}

const gelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const add = (a: number[], b: ArrayLike<number>) => a.map((value, i) => value + b[i]!);

/** Hidden states behind the last layer, [tokens][WIDTH], in float64: post-norm BERT as Devlin et al. 2019 describe it. */
export function bertHidden(weights: Weights, tokens: readonly number[]): number[][] {
  const row = (name: string, i: number) => weights[name]!.subarray(i * WIDTH, (i + 1) * WIDTH);
  let states = tokens.map((token, position) =>
    norm(
      weights,
      "token_embd_norm",
      add(
        add([...row("token_embd.weight", token)], row("token_types.weight", 0)),
        row("position_embd.weight", position),
      ),
    ),
  );
  for (let layer = 0; layer < LAYERS; layer++) {
    const at = `blk.${layer}`;
    const attended = attention(weights, at, states);
    states = states.map((state, t) => {
      const middle = norm(
        weights,
        `${at}.attn_output_norm`,
        add(linear(weights, `${at}.attn_output`, attended[t]!), state),
      );
      const up = linear(weights, `${at}.ffn_up`, middle).map(gelu);
      return norm(weights, `${at}.layer_output_norm`, add(linear(weights, `${at}.ffn_down`, up), middle));
    });
  }
  return states;
}

/** Every token sees every other one. */
function attention(weights: Weights, at: string, states: number[][]): number[][] {
  const size = WIDTH / HEADS;
  const [q, k, v] = ["attn_q", "attn_k", "attn_v"].map((name) =>
    states.map((state) => linear(weights, `${at}.${name}`, state)),
  ) as [number[][], number[][], number[][]];
  return states.map((_, t) =>
    Array.from({ length: WIDTH }, (__, i) => {
      const head = Math.floor(i / size) * size;
      const scores = k.map((key) => {
        let sum = 0;
        for (let j = head; j < head + size; j++) sum += q[t]![j]! * key[j]!;
        return Math.exp(sum / Math.sqrt(size));
      });
      const total = scores.reduce((sum, score) => sum + score, 0);
      return scores.reduce((sum, score, s) => sum + (score / total) * v[s]![i]!, 0);
    }),
  );
}
