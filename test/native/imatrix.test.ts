import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import { copyFile, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import { runJob } from "../../dist/native/call.js";
import { readGguf } from "../../dist/native/gguf.js";
import { native } from "../../dist/native/load.js";
import type { ImatrixCall } from "../../dist/native/measureBinding.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";
import { type ImatrixOptions, makeImatrix } from "../../dist/quantize/imatrix.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { SeededRandom } from "../../dist/util/random.js";
import { gguf } from "./gguf.js";
import { EditableGguf, uint32 } from "./ggufEdit.js";
import { rejectsWith, relativeError, repoFile, temporaryFolder } from "./helpers.js";
import { HuggingFaceModel } from "./huggingFace.js";
import { readFloats } from "./imatrixFile.js";

const temporary = await temporaryFolder();
const medtiny = repoFile("assets/medtiny-f16.gguf");
const deep = repoFile("test/fixtures/gradients/deep-f32.gguf");
const BOS = 1;

const facts =
  "Aspirin lowers the risk of stroke in patients with atrial fibrillation. Insulin moves glucose into muscle cells.\n";
const text = temporary("facts.txt");
await writeFile(text, facts.repeat(30));

const collect = (call: Omit<ImatrixCall, "output" | "partial" | "datasets">, output: string) =>
  runJob(undefined, () =>
    native().imatrix({ threads: 1, ...call, output, partial: `${output}.partial`, datasets: [] }),
  );

const make = (options: Partial<ImatrixOptions>) =>
  makeImatrix({ model: medtiny, data: text, output: temporary("i.gguf"), chunkSize: 64, threads: 1, ...options });

/** Sums of squares by weight and column, of chunks that begin with BOS. */
async function expectedSums(tokens: Int32Array, chunkSize: number): Promise<Map<string, number[]>> {
  const model = await HuggingFaceModel.open(deep);
  const sums = new Map<string, number[]>();
  for (let start = 0; start + chunkSize <= tokens.length; start += chunkSize) {
    const chunk = [BOS, ...tokens.subarray(start + 1, start + chunkSize)];
    model.logits(chunk, new Map(), (weight, x) => {
      const sum = sums.get(weight) ?? new Array<number>(x.length).fill(0);
      sums.set(
        weight,
        sum.map((value, i) => value + x[i]! ** 2),
      );
    });
  }
  return sums;
}

describe("importance matrix", () => {
  it("is the sum of squared inputs of a float64 model, for every weight of 16 layers", async (t) => {
    const tokens = Int32Array.from({ length: 110 }, (_, i) => 3 + ((i * i * 7 + i) % 47));
    const answer = await collect({ model: deep, tokens, chunkSize: 32 }, temporary("deep.gguf"));
    const found = await readFloats(temporary("deep.gguf"));
    const expected = await expectedSums(tokens, 32);
    assert.equal(expected.size, 16 * 7);
    assert.equal(answer.tensors, expected.size);
    let worst = 0;
    for (const [weight, sums] of expected) {
      assert.deepEqual([...found.get(`${weight}.counts`)!], [96], weight);
      worst = Math.max(worst, relativeError(found.get(`${weight}.in_sum2`)!, sums));
    }
    t.diagnostic(`largest relative error ${worst}`);
    // The KV cache is float16.
    assert.ok(worst < 5e-3, String(worst));
    assert.equal(found.size, 2 * expected.size);
  });

  it("counts each expert's own inputs in a mixture of experts", async () => {
    const model = temporary("experts.gguf");
    await writeFile(model, await mixture(2));
    const tokens = Int32Array.from({ length: 96 }, (_, i) => 10 + ((i * 131) % 8000));
    const output = temporary("experts-imatrix.gguf");
    await collect({ model, tokens, chunkSize: 48 }, output);
    const found = await readFloats(output);
    const counts = found.get("blk.0.ffn_gate_exps.weight.counts")!;
    const sums = found.get("blk.0.ffn_gate_exps.weight.in_sum2")!;
    assert.equal(counts.length, 4);
    assert.equal(
      counts.reduce((all, count) => all + count, 0),
      2 * tokens.length,
    );
    assert.ok(counts.every((count) => count > 0 && count <= tokens.length));
    // Every token goes to two experts, and to the router once.
    const router = found.get("blk.0.ffn_gate_inp.weight.in_sum2")!;
    const over = router.map((_, i) => (sums[i]! + sums[32 + i]! + sums[64 + i]! + sums[96 + i]!) / 2);
    assert.ok(relativeError(over, router) < 1e-5);
    assert.deepEqual(found.get("blk.0.ffn_up_exps.weight.in_sum2"), sums);
    const down = found.get("blk.0.ffn_down_exps.weight.in_sum2")!;
    assert.ok(down.length === 4 * 64 && down.every((value) => value > 0));
    const { shape } = (await readGguf(output)).tensors.find(({ name }) => name.endsWith("down_exps.weight.in_sum2"))!;
    assert.deepEqual(shape, [64, 4]);
  });

  it("takes what goes into an expert's last product from the expert's own slot", async () => {
    const model = temporary("all-experts.gguf");
    await writeFile(model, await mixture(4));
    const tokens = Int32Array.from({ length: 48 }, (_, i) => 10 + ((i * 131) % 8000));
    await collect({ model, tokens, chunkSize: 48 }, temporary("all.gguf"));
    const found = await readFloats(temporary("all.gguf"));
    assert.deepEqual([...found.get("blk.0.ffn_down_exps.weight.counts")!], [48, 48, 48, 48]);
    const sums = found.get("blk.0.ffn_down_exps.weight.in_sum2")!;
    const first = sums.subarray(0, 64);
    // All tokens go to all experts, whose up projections are 1, 2, 3 and 4 times the first's.
    for (const expert of [1, 2, 3]) {
      const own = sums.subarray(64 * expert, 64 * expert + 64);
      const error = relativeError(
        own,
        first.map((sum) => sum * (expert + 1) ** 2),
      );
      assert.ok(error < 1e-4, `expert ${expert}: ${error}`);
    }
  });

  it("cuts a text as llama.cpp does: BOS in front, then chunks whose first token gives way to BOS", async () => {
    const result = await make({ output: temporary("text.gguf") });
    await using tokenizer = await openTokenizer(medtiny);
    const body = tokenizer.tokenize(facts.repeat(30), { addSpecial: false, parseSpecial: false });
    const tokens = Int32Array.of(tokenizer.bosToken!, ...body);
    assert.equal(result.chunks, Math.floor(tokens.length / 64));
    assert.equal(result.tensors, 42);
    assert.deepEqual(result.warnings, []);
    // What goes into the first attention is a norm of the embeddings: computed here from the weights themselves.
    const float = temporary("medtiny-f32.gguf");
    await quantize({ input: medtiny, output: float, type: "F32" });
    const weights = await readFloats(float);
    const [embedding, norm] = [weights.get("token_embd.weight")!, weights.get("blk.0.attn_norm.weight")!];
    const expected = new Float64Array(256);
    for (let i = 0; i < result.chunks * 64; i++) {
      const token = i % 64 === 0 ? tokenizer.bosToken! : tokens[i]!;
      const x = embedding.subarray(token * 256, token * 256 + 256);
      const square = x.reduce((all, value) => all + value * value, 0) / 256 + 1e-5;
      for (let j = 0; j < 256; j++) expected[j]! += (x[j]! * norm[j]!) ** 2 / square;
    }
    const found = (await readFloats(temporary("text.gguf"))).get("blk.0.attn_q.weight.in_sum2")!;
    assert.ok(relativeError(found, expected) < 1e-4, String(relativeError(found, expected)));
    const { metadata } = await readGguf(temporary("text.gguf"));
    assert.equal(metadata["general.type"], "imatrix");
    assert.deepEqual(metadata["imatrix.datasets"], ["facts.txt"]);
    assert.equal(metadata["imatrix.chunk_count"], result.chunks);
    assert.equal(metadata["imatrix.chunk_size"], 64);
    assert.equal(statSync(temporary("text.gguf")).mode & 0o777, 0o600);
  });

  it("serves quantize, and does not depend on the number of threads", async () => {
    await make({ output: temporary("two.gguf"), chunks: 2, threads: 2 });
    await make({ output: temporary("one.gguf"), chunks: 2 });
    const [one, two] = await Promise.all([readFloats(temporary("one.gguf")), readFloats(temporary("two.gguf"))]);
    for (const [name, values] of one) assert.ok(relativeError(values, two.get(name)!) < 1e-4, name);
    const output = temporary("small.gguf");
    const { warnings } = await quantize({ input: medtiny, output, type: "Q4_0", imatrix: temporary("two.gguf") });
    assert.deepEqual(warnings, []);
  });

  it("takes training rows as training sees them", async () => {
    const rows = temporary("rows.jsonl");
    const chat = {
      messages: [
        { role: "user", content: facts },
        { role: "assistant", content: facts.repeat(2) },
      ],
    };
    await writeFile(rows, `${JSON.stringify(chat)}\n${JSON.stringify({ text: facts })}\n`);
    await using tokenizer = await openTokenizer(medtiny);
    const plain = (of: string) => tokenizer.tokenize(of, { addSpecial: false, parseSpecial: false });
    const markup = tokenizer.tokenize("<|im_start|><|im_end|>", { addSpecial: false, parseSpecial: true });
    const turn = (role: string, of: string) => [markup[0]!, ...plain(`${role}\n${of}`), markup[1]!, ...plain("\n")];
    const bos = tokenizer.bosToken!;
    const document = [bos, ...plain(facts), tokenizer.eosToken!];
    const all = [bos, ...turn("user", facts), ...turn("assistant", facts.repeat(2)), ...document];
    const tokens = Int32Array.from(all);
    const { chunks } = await make({ data: [rows], chunkSize: 16, output: temporary("rows.gguf") });
    assert.equal(chunks, Math.floor(tokens.length / 16));
    await collect({ model: medtiny, tokens, chunkSize: 16 }, temporary("tokens.gguf"));
    assert.deepEqual(await readFloats(temporary("rows.gguf")), await readFloats(temporary("tokens.gguf")));
  });

  it("goes on from where it was stopped, to the same bytes", async () => {
    const whole = temporary("whole.gguf");
    const output = temporary("stopped.gguf");
    const { chunks } = await make({ output: whole });
    const controller = new AbortController();
    const stop = ({ done }: { done: number }) => {
      if (done === 3) controller.abort();
    };
    await rejectsWith("ABORTED", make({ output, signal: controller.signal, onProgress: stop }));
    assert.equal(existsSync(output), false);
    const { metadata } = await readGguf(`${output}.partial`);
    const done = metadata["imatrix.chunk_count"] as number;
    assert.ok(done >= 3 && done < chunks, String(done));
    await rejectsWith("ARGUMENT_INVALID", make({ output, chunkSize: 32 }), /another run/);
    const seen: number[] = [];
    await make({ output, onProgress: ({ done }) => seen.push(done) });
    assert.equal(seen[0], done);
    assert.equal(seen.at(-1), chunks);
    assert.deepEqual(await readFile(output), await readFile(whole));
    const left = readdirSync(dirname(output)).filter((name) => name.includes("stopped"));
    assert.deepEqual(left, ["stopped.gguf"]);
  });

  it("refuses what it cannot use", async () => {
    const output = temporary("refused.gguf");
    await writeFile(temporary("short.txt"), "Aspirin.");
    await rejectsWith("DATA_EMPTY", make({ output, data: temporary("short.txt") }), /fewer than one chunk of 64/);
    await rejectsWith("ARGUMENT_INVALID", make({ output, data: [] }), /data/);
    await rejectsWith("ARGUMENT_INVALID", make({ output, chunkSize: 15 }), /chunkSize/);
    await rejectsWith("CONTEXT_EXCEEDED", make({ output, chunkSize: 1025, data: [text, text, text] }), /1024 tokens/);
    await rejectsWith("FILE_NOT_FOUND", make({ output, data: temporary("absent.txt") }), /absent/);
    await rejectsWith("ARGUMENT_INVALID", make({ output: text }), /one of the inputs/);
    const latin = temporary("latin.txt");
    await writeFile(latin, Buffer.concat([Buffer.from(facts.repeat(9)), Buffer.of(0xe9)]));
    await rejectsWith("DATA_INVALID", make({ output, data: latin }), /UTF-8/);
    await writeFile(temporary("bad.jsonl"), '{"text": "fine"}\n{"messages": []}\n');
    await rejectsWith("DATA_INVALID", make({ output, data: temporary("bad.jsonl") }), /line 2/);
    await copyFile(text, `${output}.partial`);
    await rejectsWith("ARGUMENT_INVALID", make({ output }), /partial is there and belongs to another run/);
    await rename(`${output}.partial`, temporary("aside"));
    assert.equal(existsSync(output), false);
  });
});

/**
 * A Llama of one layer with four experts of random weights, of which some serve each token, with medtiny's vocabulary.
 * The experts have the same gate and the first's up projection times 1, 2, 3 and 4.
 */
async function mixture(used: number): Promise<Buffer> {
  const random = new SeededRandom(1);
  const tensor = (name: string, ...shape: number[]) => {
    const values = new Float32Array(shape.reduce((all, size) => all * size, 1));
    return { name: `${name}.weight`, shape, values: values.map(() => random.below(2001) / 1000 - 1) };
  };
  const repeated = (of: ReturnType<typeof tensor>, factor: (expert: number) => number) => ({
    ...of,
    values: of.values.map((_, i, all) => all[i % 2048]! * factor(Math.floor(i / 2048))),
  });
  const part = (name: string, ...shape: number[]) => tensor(`blk.0.${name}`, ...shape);
  const tensors = [
    tensor("token_embd", 32, 8192),
    tensor("output_norm", 32),
    ...["attn_norm", "ffn_norm"].map((name) => part(name, 32)),
    ...["attn_q", "attn_k", "attn_v", "attn_output"].map((name) => part(name, 32, 32)),
    part("ffn_gate_inp", 32, 4),
    repeated(part("ffn_gate_exps", 32, 64, 4), () => 1),
    repeated(part("ffn_up_exps", 32, 64, 4), (expert) => expert + 1),
    part("ffn_down_exps", 64, 32, 4),
  ];
  return new EditableGguf(gguf({}, tensors)).with({
    ...Object.fromEntries(new EditableGguf(await readFile(medtiny)).metadata),
    "llama.block_count": uint32(1),
    "llama.embedding_length": uint32(32),
    "llama.feed_forward_length": uint32(64),
    "llama.attention.head_count": uint32(4),
    "llama.attention.head_count_kv": uint32(4),
    "llama.attention.key_length": uint32(8),
    "llama.attention.value_length": uint32(8),
    "llama.rope.dimension_count": uint32(8),
    "llama.expert_count": uint32(4),
    "llama.expert_used_count": uint32(used),
  });
}
