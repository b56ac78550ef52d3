import { readFile } from "node:fs/promises";
import { readGguf } from "../../dist/native/gguf.js";

/** A matrix [rows, columns] or a vector, row-major. */
type Matrix = Float64Array<ArrayBuffer>;

type OnInput = (weight: string, x: Matrix) => void;

/** s B A of one module, in Hugging Face's layout: A [rank, in], B [out, rank]. */
export interface Branch {
  scale: number;
  rank: number;
  a: ArrayLike<number>;
  b: ArrayLike<number>;
}

/**
 * A plain forward pass as Hugging Face's transformers computes it, in float64: row i of a head is rotated with row
 * i + d/2. Reads a small F32 GGUF; q and k of the Llama architecture are brought back into Hugging Face's order by the
 * inverse of llama.cpp's conversion (reshape [heads, 2, d/2], swap the inner two).
 */
export class HuggingFaceModel {
  private constructor(
    private readonly tensors: Map<string, Matrix>,
    private readonly meta: (key: string) => number,
    private readonly layers: number,
  ) {}

  static async open(path: string): Promise<HuggingFaceModel> {
    const { metadata, tensors } = await readGguf(path);
    const bytes = await readFile(path);
    const architecture = String(metadata["general.architecture"]);
    const meta = (key: string) => Number(metadata[`${architecture}.${key}`]);
    const read = new Map<string, Matrix>();
    for (const { name, offset, bytes: size } of tensors) {
      const values = Float64Array.from({ length: size / 4 }, (_, i) => bytes.readFloatLE(offset + 4 * i));
      const heads = { attn_q: meta("attention.head_count"), attn_k: meta("attention.head_count_kv") }[
        name.split(".")[2] as "attn_q"
      ];
      const permuted = architecture === "llama" && heads !== undefined && name.endsWith(".weight");
      read.set(name, permuted ? halvesInOrder(values, heads, meta("embedding_length")) : values);
    }
    return new HuggingFaceModel(read, meta, meta("block_count"));
  }

  /**
   * Logits [tokens, vocabulary]. `branches` by module, such as "model.layers.0.self_attn.q_proj".
   * @param onInput gets what goes into each weight of the layers, by its name in the file, token by token
   */
  logits(
    tokens: readonly number[],
    branches: ReadonlyMap<string, Branch> = new Map(),
    onInput: OnInput = () => {},
  ): Float64Array {
    const width = this.meta("embedding_length");
    const embedding = this.tensors.get("token_embd.weight")!;
    let hidden = tokens.map((token) => embedding.slice(token * width, (token + 1) * width));
    for (let i = 0; i < this.layers; i++) hidden = this.block(hidden, i, branches, onInput);
    const output = this.tensors.get("output.weight") ?? embedding;
    const rows = hidden.map((x) =>
      adapted(this.norm(x, this.tensors.get("output_norm.weight")!), output, branches.get("lm_head")),
    );
    return Float64Array.from(rows.flatMap((row) => Array.from(row)));
  }

  private block(hidden: Matrix[], layer: number, branches: ReadonlyMap<string, Branch>, onInput: OnInput): Matrix[] {
    const tensor = (name: string) => this.tensors.get(`blk.${layer}.${name}`);
    const linear = (x: Matrix, gguf: string, module: string) => {
      onInput(`blk.${layer}.${gguf}.weight`, x);
      const y = adapted(x, tensor(`${gguf}.weight`)!, branches.get(`model.layers.${layer}.${module}`));
      const bias = tensor(`${gguf}.bias`);
      return bias === undefined ? y : y.map((value, i) => value + bias[i]!);
    };
    const normed = hidden.map((x) => this.norm(x, tensor("attn_norm.weight")!));
    const heads = (gguf: "attn_q" | "attn_k" | "attn_v", module: string) =>
      normed.map((x, position) => this.heads(linear(x, gguf, module), tensor(`${gguf}_norm.weight`), gguf, position));
    const attended = this.attention(
      heads("attn_q", "self_attn.q_proj"),
      heads("attn_k", "self_attn.k_proj"),
      heads("attn_v", "self_attn.v_proj"),
    );
    const middle = hidden.map((x, t) => add(x, linear(attended[t]!, "attn_output", "self_attn.o_proj")));
    return middle.map((x) => {
      const y = this.norm(x, tensor("ffn_norm.weight")!);
      const gate = linear(y, "ffn_gate", "mlp.gate_proj");
      const up = linear(y, "ffn_up", "mlp.up_proj");
      const inner = gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!);
      return add(x, linear(inner, "ffn_down", "mlp.down_proj"));
    });
  }

  private heads(x: Matrix, norm: Matrix | undefined, kind: string, position: number): Matrix[] {
    const count = this.meta(kind === "attn_q" ? "attention.head_count" : "attention.head_count_kv");
    const d = x.length / count;
    return Array.from({ length: count }, (_, h) => {
      const head = x.slice(h * d, (h + 1) * d);
      const normed = norm === undefined ? head : this.norm(head, norm);
      return kind === "attn_v" ? normed : this.rotateHalf(normed, position);
    });
  }

  private rotateHalf(head: Matrix, position: number): Matrix {
    const half = head.length / 2;
    return head.map((value, i) => {
      const angle = position * this.meta("rope.freq_base") ** (-(i % half) / half);
      const other = i < half ? -head[i + half]! : head[i - half]!;
      return value * Math.cos(angle) + other * Math.sin(angle);
    });
  }

  private attention(q: Matrix[][], k: Matrix[][], v: Matrix[][]): Matrix[] {
    return q.map((heads, t) => {
      const group = heads.length / k[0]!.length;
      const out = heads.map((query, h) => {
        const kv = Math.floor(h / group);
        const scores = k.slice(0, t + 1).map((keys) => Math.exp(dot(query, keys[kv]!) / Math.sqrt(query.length)));
        const sum = scores.reduce((a, b) => a + b, 0);
        return query.map((_, i) => scores.reduce((total, score, s) => total + (score / sum) * v[s]![kv]![i]!, 0));
      });
      return Float64Array.from(out.flatMap((head) => Array.from(head)));
    });
  }

  private norm(x: Matrix, weight: Matrix): Matrix {
    const scale = 1 / Math.sqrt(dot(x, x) / x.length + this.meta("attention.layer_norm_rms_epsilon"));
    return x.map((value, i) => value * scale * weight[i]!);
  }
}

/** W x + s B (A x) */
function adapted(x: Matrix, weight: Matrix, branch: Branch | undefined): Matrix {
  const y = multiply(weight, x);
  if (branch === undefined) return y;
  const inner = multiply(branch.a, x);
  return y.map((value, row) => {
    let sum = 0;
    for (let k = 0; k < branch.rank; k++) sum += branch.b[row * branch.rank + k]! * inner[k]!;
    return value + branch.scale * sum;
  });
}

function multiply(matrix: ArrayLike<number>, x: Matrix): Matrix {
  return Float64Array.from({ length: matrix.length / x.length }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += matrix[row * x.length + i]! * x[i]!;
    return sum;
  });
}

function halvesInOrder(values: Matrix, heads: number, columns: number): Matrix {
  const half = values.length / columns / heads / 2;
  const out = new Float64Array(values.length);
  for (let h = 0; h < heads; h++)
    for (let s = 0; s < 2; s++)
      for (let i = 0; i < half; i++) {
        const from = (h * 2 * half + 2 * i + s) * columns;
        out.set(values.subarray(from, from + columns), (h * 2 * half + s * half + i) * columns);
      }
  return out;
}

const dot = (a: Matrix, b: Matrix) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const add = (a: Matrix, b: Matrix) => a.map((value, i) => value + b[i]!);
