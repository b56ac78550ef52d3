import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Embedder, type EmbedderOptions } from "../../dist/native/embedder.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { bertGguf, bertHidden, bertWeights, CONTEXT, WIDTH, WORDS } from "./bertGguf.js";
import { EditableGguf, uint32 } from "./ggufEdit.js";
import { maxDifference, rejectsWith, repoFile, temporaryFolder } from "./helpers.js";
import { facts, medtiny, tokenizer } from "./support.js";

const path = await temporaryFolder();
const exact = path("medtiny-f32.gguf");
await quantize({ input: medtiny, output: exact, type: "F32", threads: 1 });

const encode = (text: string) => tokenizer.tokenize(text, { addSpecial: true, parseSpecial: false });

async function vectors(
  options: EmbedderOptions,
  texts: readonly Int32Array[],
  truncate = false,
): Promise<Array<{ values: Float32Array; truncated: boolean }>> {
  await using embedder = await Embedder.open({ threads: 1, ...options });
  const found: Array<{ values: Float32Array; truncated: boolean }> = [];
  await embedder.embed(texts, {
    truncate,
    onResult: ({ index, values, truncated }) => {
      assert.equal(index, found.length);
      assert.equal(values.length, embedder.info.width);
      found.push({ values, truncated });
    },
  });
  assert.equal(found.length, texts.length);
  return found;
}

function unit(values: ArrayLike<number>): Float64Array {
  const norm = Math.hypot(...Array.from(values));
  return Float64Array.from(values, (value) => value / norm);
}

/** Solves a symmetric positive system by Gauss's elimination. */
function solve(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const factor = rows[j]![i]! / rows[i]![i]!;
      for (let k = i; k <= n; k++) rows[j]![k]! -= factor * rows[i]![k]!;
    }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = rows[i]![n]!;
    for (let k = i + 1; k < n; k++) sum -= rows[i]![k]! * x[k]!;
    x[i] = sum / rows[i]![i]!;
  }
  return x;
}

describe("embeddings of a decoder", () => {
  it("are the mean of the hidden states that its logits tell, by least squares over the tied output", async () => {
    const tokens = encode(facts[1]!);
    await using engine = await InferenceEngine.open({ model: exact, contextSize: 256, threads: 1, kvType: "f32" });
    const logits = await engine.logits(tokens);
    const size = engine.info.vocabSize;
    const mean = Float64Array.from({ length: size }, (_, token) => {
      let sum = 0;
      for (let t = 0; t < tokens.length; t++) sum += logits[t * size + token]!;
      return sum / tokens.length;
    });
    // Logits are E h: of the first 2000 rows of E, h = (E^T E)^-1 E^T logits.
    const [width, rows] = [256, 2000];
    const table = new EditableGguf(readFileSync(exact)).floats("token_embd.weight", rows * width);
    const gram = Array.from({ length: width }, () => new Array<number>(width).fill(0));
    const right = new Array<number>(width).fill(0);
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < width; i++) {
        const value = table[row * width + i]!;
        right[i]! += value * mean[row]!;
        for (let j = 0; j < width; j++) gram[i]![j]! += value * table[row * width + j]!;
      }
    const [found] = await vectors({ model: exact }, [tokens]);
    assert.ok(maxDifference(found!.values, unit(solve(gram, right))) < 2e-3);
  });

  it("are of length 1 and the same alone as together, also over several batches", async (t) => {
    const texts = Array.from({ length: 90 }, (_, i) => encode(facts.slice(0, 1 + (i % 5)).join("") + i));
    const together = await vectors({ model: medtiny }, texts);
    assert.ok(texts.reduce((sum, { length }) => sum + length, 0) > 4 * 512);
    let most = 0;
    for (const i of [0, 1, 44, 63, 64, 89]) {
      const [alone] = await vectors({ model: medtiny }, [texts[i]!]);
      most = Math.max(most, maxDifference(alone!.values, together[i]!.values));
    }
    t.diagnostic(`largest difference of a number, alone and together: ${most}`);
    assert.ok(most < 5e-4);
    for (const { values } of together) assert.ok(Math.abs(Math.hypot(...values) - 1) < 1e-5);
    assert.ok(maxDifference(together[0]!.values, together[1]!.values) > 0.01);
  });

  it("of more tokens than fit are refused, or those of the beginning and marked", async () => {
    const [long, short] = [encode(facts.join("")), encode(facts[0]!)];
    const [cut, whole] = await vectors({ model: medtiny, contextSize: 32 }, [long, short], true);
    assert.deepEqual([cut!.truncated, whole!.truncated], [true, false]);
    const [beginning] = await vectors({ model: medtiny }, [long.slice(0, 32)]);
    assert.ok(maxDifference(cut!.values, beginning!.values) < 2e-3);
    await rejectsWith(
      "CONTEXT_EXCEEDED",
      vectors({ model: medtiny, contextSize: 32 }, [short, long]),
      /Text 1 has \d+/,
    );
    await using embedder = await Embedder.open({ model: medtiny, contextSize: 1 << 20, threads: 1 });
    assert.equal(embedder.info.sequenceLimit, 1024);
  });

  it("refuse what has no vector, by code", async () => {
    await rejectsWith("ARGUMENT_INVALID", vectors({ model: medtiny }, [encode("a"), new Int32Array()]), /Text 1/);
    await rejectsWith("TOKEN_OUT_OF_RANGE", vectors({ model: medtiny }, [Int32Array.of(8192)]), /Text 0/);
    await rejectsWith("TOKEN_OUT_OF_RANGE", vectors({ model: medtiny }, [Int32Array.of(-1)]), /Text 0/);
    await rejectsWith("FILE_NOT_FOUND", Embedder.open({ model: `${medtiny}.none` }));
    await rejectsWith("MODEL_INVALID", Embedder.open({ model: repoFile("package.json") }));
    assert.deepEqual(await vectors({ model: medtiny }, []), []);
  });

  it("one call at a time; an abort, a throw and a dispose stop it", async () => {
    const texts = Array.from({ length: 200 }, () => encode(facts.join("")));
    const embedder = await Embedder.open({ model: medtiny, threads: 1 });
    const controller = new AbortController();
    const stopped = embedder.embed(texts, { onResult: () => controller.abort(), signal: controller.signal });
    await rejectsWith("BUSY", embedder.embed(texts, { onResult: () => {} }));
    await rejectsWith("ABORTED", stopped);
    const mine = new Error("mine");
    const throwing = embedder.embed(texts, {
      onResult: () => {
        throw mine;
      },
    });
    await assert.rejects(throwing, (error) => error === mine);
    const disposed = embedder.embed(texts, { onResult: () => {} });
    const ended = rejectsWith("ABORTED", disposed);
    await embedder.dispose();
    await ended;
    await rejectsWith("DISPOSED", embedder.embed(texts, { onResult: () => {} }));
    await embedder.dispose();
  });
});

describe("embeddings of an encoder", () => {
  const weights = bertWeights();
  const file = (name: string, bytes: Buffer) => {
    writeFileSync(path(name), bytes);
    return path(name);
  };
  const mean = file("bert-mean.gguf", bertGguf(weights, 1));
  const first = file("bert-cls.gguf", bertGguf(weights, 2));

  it("are those of the formula in float64, by mean and by first token, several texts together", async () => {
    await using words = await openTokenizer(mean);
    const texts = ["the heart beats", "lungs", "the lung breathes the heart beats"].map((text) =>
      words.tokenize(text, { addSpecial: true, parseSpecial: false }),
    );
    assert.deepEqual(
      [...texts[0]!].map((token) => WORDS[token]),
      ["[CLS]", "▁the", "▁heart", "▁beats", "[SEP]"],
    );
    for (const [model, pool] of [
      [mean, (states: number[][]) => states[0]!.map((_, i) => states.reduce((sum, state) => sum + state[i]!, 0))],
      [first, (states: number[][]) => states[0]!],
    ] as const) {
      const found = await vectors({ model }, texts);
      found.forEach(({ values }, i) => {
        const wanted = unit(pool(bertHidden(weights, [...texts[i]!])));
        assert.equal(values.length, WIDTH);
        assert.ok(maxDifference(values, wanted) < 2e-3, `${model}: ${maxDifference(values, wanted)}`);
      });
      assert.ok(maxDifference(found[0]!.values, found[2]!.values) > 0.01);
    }
  });

  it("see no position beyond those that the model has", async () => {
    const long = new Int32Array(CONTEXT + 6).fill(4);
    await rejectsWith("CONTEXT_EXCEEDED", vectors({ model: mean }, [long]), /takes 24/);
    const [cut] = await vectors({ model: mean }, [long], true);
    const [whole] = await vectors({ model: mean }, [long.slice(0, CONTEXT)]);
    assert.deepEqual([cut!.truncated, maxDifference(cut!.values, whole!.values)], [true, 0]);
  });

  it("are all that it gives: it generates nothing, and ends no process by its metadata", async () => {
    await rejectsWith("ARCHITECTURE_UNSUPPORTED", InferenceEngine.open({ model: mean }), /later tokens/);
    const cases: Array<[string, number, "MODEL_INVALID" | "ARCHITECTURE_UNSUPPORTED"]> = [
      ["bert.pooling_type", 77, "MODEL_INVALID"],
      ["bert.pooling_type", 4, "ARCHITECTURE_UNSUPPORTED"],
      ["bert.attention.head_count", 0, "MODEL_INVALID"],
      ["bert.attention.head_count", 5, "MODEL_INVALID"],
      ["bert.attention.head_count_kv", 0, "MODEL_INVALID"],
      ["bert.attention.key_length", 4, "MODEL_INVALID"],
      ["bert.embedding_length", 0, "MODEL_INVALID"],
      ["bert.context_length", 0, "MODEL_INVALID"],
      ["bert.context_length", 23, "MODEL_INVALID"],
      ["tokenizer.ggml.token_type_count", 0, "MODEL_INVALID"],
    ];
    for (const [key, value, code] of cases) {
      const model = file("changed.gguf", bertGguf(weights, 1, { [key]: uint32(value) }));
      await rejectsWith(code, Embedder.open({ model, threads: 1 }));
    }
  });

  it("that are not finite are refused", async () => {
    const broken = { ...weights, "token_embd_norm.bias": new Float32Array(WIDTH).fill(Number.NaN) };
    const model = file("nan.gguf", bertGguf(broken, 1));
    await rejectsWith("MODEL_INVALID", vectors({ model }, [Int32Array.of(2, 4, 3)]), /not finite/);
  });
});
