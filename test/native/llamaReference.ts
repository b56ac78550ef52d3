import { readGguf } from "../../dist/native/gguf.js";
import { readFloats } from "./imatrixFile.js";

type Rows = number[][];

/** A Llama model of float32 weights, computed in float64 by plain loops, without any code of ggml. */
export class LlamaReference {
  private constructor(
    private readonly weights: Map<string, Float32Array>,
    private readonly shape: { layers: number; heads: number; kvHeads: number; head: number; base: number; eps: number },
  ) {}

  static async open(path: string): Promise<LlamaReference> {
    const { metadata } = await readGguf(path);
    const number = (key: string) => Number(metadata[`llama.${key}`]);
    return new LlamaReference(await readFloats(path), {
      layers: number("block_count"),
      heads: number("attention.head_count"),
      kvHeads: number("attention.head_count_kv"),
      head: number("attention.key_length"),
      base: number("rope.freq_base"),
      eps: number("attention.layer_norm_rms_epsilon"),
    });
  }

  /**
   * Logits of one sequence, [tokens][vocab].
   * @param onInput gets what goes into each weight of the layers, [tokens][columns]
   */
  logits(tokens: ArrayLike<number>, onInput: (weight: string, rows: Rows) => void = () => {}): Rows {
    const columns = this.#weight("output_norm.weight").length;
    const embedding = this.#weight("token_embd.weight");
    const product = (name: string, rows: Rows) => {
      onInput(name, rows);
      return multiply(this.#weight(name), rows);
    };
    let x: Rows = Array.from(tokens, (token) => [...embedding.subarray(token * columns, (token + 1) * columns)]);
    for (let layer = 0; layer < this.shape.layers; layer++) {
      const name = (part: string) => `blk.${layer}.${part}.weight`;
      const h = this.#norm(x, name("attn_norm"));
      const [q, k, v] = ["attn_q", "attn_k", "attn_v"].map((part) => product(name(part), h)) as [Rows, Rows, Rows];
      x = sum(x, product(name("attn_output"), this.#attention(this.#rotate(q), this.#rotate(k), v)));
      const f = this.#norm(x, name("ffn_norm"));
      const [gate, up] = ["ffn_gate", "ffn_up"].map((part) => product(name(part), f)) as [Rows, Rows];
      const gated = gate.map((row, t) => row.map((value, i) => (value / (1 + Math.exp(-value))) * up[t]![i]!));
      x = sum(x, product(name("ffn_down"), gated));
    }
    return multiply(embedding, this.#norm(x, "output_norm.weight"));
  }

  #weight(name: string): Float32Array {
    return this.weights.get(name)!;
  }

  #norm(rows: Rows, name: string): Rows {
    const weight = this.#weight(name);
    return rows.map((row) => {
      const square = row.reduce((all, value) => all + value * value, 0) / row.length;
      return row.map((value, i) => (value * weight[i]!) / Math.sqrt(square + this.shape.eps));
    });
  }

  /** Neighbouring pairs of each head turn by position * base^(-2 i / head). */
  #rotate(rows: Rows): Rows {
    const { head, base } = this.shape;
    return rows.map((row, position) =>
      row.map((value, i) => {
        const angle = position * base ** -((2 * Math.floor((i % head) / 2)) / head);
        const other = i % 2 === 0 ? -row[i + 1]! : row[i - 1]!;
        return value * Math.cos(angle) + other * Math.sin(angle);
      }),
    );
  }

  #attention(q: Rows, k: Rows, v: Rows): Rows {
    const { heads, kvHeads, head } = this.shape;
    return q.map((row, t) =>
      row.map((_, i) => {
        const at = Math.floor(i / head) * head;
        const kvAt = Math.floor(Math.floor(i / head) / (heads / kvHeads)) * head;
        const scores = Array.from({ length: t + 1 }, (_, s) => {
          let dot = 0;
          for (let j = 0; j < head; j++) dot += row[at + j]! * k[s]![kvAt + j]!;
          return Math.exp(dot / Math.sqrt(head));
        });
        const total = scores.reduce((all, score) => all + score, 0);
        return scores.reduce((all, score, s) => all + (score / total) * v[s]![kvAt + (i % head)]!, 0);
      }),
    );
  }
}

function multiply(weight: Float32Array, rows: Rows): Rows {
  return rows.map((row) =>
    Array.from({ length: weight.length / row.length }, (_, output) => {
      let dot = 0;
      for (let i = 0; i < row.length; i++) dot += weight[output * row.length + i]! * row[i]!;
      return dot;
    }),
  );
}

function sum(a: Rows, b: Rows): Rows {
  return a.map((row, t) => row.map((value, i) => value + b[t]![i]!));
}
