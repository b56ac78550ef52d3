import assert from "node:assert/strict";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { before, describe, it } from "node:test";
import { mergeAdapter } from "../../dist/adapter/merge.js";
import { readGguf } from "../../dist/native/gguf.js";
import { NativeTrainer } from "../../dist/native/trainer.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { sha256File } from "../../dist/util/hash.js";
import { packageVersion } from "../../dist/util/version.js";
import { runCli } from "../unit/helpers/cli.js";
import { gguf } from "./gguf.js";
import { EditableGguf, type GgufValue, string, uint32 } from "./ggufEdit.js";
import { maxDifference, plainBatch, rejectsWith, repoFile, temporaryFolder } from "./helpers.js";

const temporary = await temporaryFolder();
const fixture = (name: string) => repoFile(`test/fixtures/gradients/${name}`);
const medtiny = repoFile("assets/medtiny-f16.gguf");
const base = fixture("qwen2-f32.gguf");
const adapter = fixture("qwen2-all.gguf");

/** The float32 values of every tensor, by name. */
async function tensorsOf(path: string): Promise<Map<string, { shape: number[]; values: Float32Array }>> {
  const [bytes, { tensors }] = [await readFile(path), await readGguf(path)];
  return new Map(
    tensors.map(({ name, shape, offset, bytes: size }) => [
      name,
      { shape, values: Float32Array.from({ length: size / 4 }, (_, i) => bytes.readFloatLE(offset + 4 * i)) },
    ]),
  );
}

/** An adapter of q in the first block: alpha 3, rank 2, small numbers of its own. */
async function smallAdapter(name: string, seed: number): Promise<string> {
  const values = (count: number) => Float32Array.from({ length: count }, (_, i) => ((i * seed) % 7) / 8 - 0.375);
  const metadata = { "general.type": "adapter", "general.architecture": "qwen2", "adapter.type": "lora" };
  const own = {
    "medilora.config_sha256": `config-${seed}`,
    "medilora.version": "0",
    // Whoever made the file may have written this.
    "medilora.adapter.7.sha256": "of an adapter that is not there",
  };
  const path = temporary(name);
  const file = gguf({ ...metadata, "adapter.lora.alpha": 3, ...own }, [
    { name: "blk.0.attn_q.weight.lora_a", shape: [32, 2], values: values(64) },
    { name: "blk.0.attn_q.weight.lora_b", shape: [2, 32], values: values(64).reverse() },
  ]);
  await writeFile(path, file);
  return path;
}

describe("several adapters", () => {
  it("are added with their weights: W + sum of scale weight alpha / r B A", async () => {
    const paths = [await smallAdapter("one.gguf", 3), await smallAdapter("two.gguf", 5)];
    const output = temporary("sum.gguf");
    const weights = [0.7, -0.25];
    const adapters = paths.map((path, i) => ({ path, scale: weights[i]! }));
    const { mergedTensors } = await mergeAdapter({ base, adapter: adapters, scale: 2, output });
    assert.equal(mergedTensors, 1);
    const [before, after] = [await tensorsOf(base), await tensorsOf(output)];
    const expected = Float64Array.from(before.get("blk.0.attn_q.weight")!.values);
    for (const [i, path] of paths.entries()) {
      const own = await tensorsOf(path);
      const [a, b] = ["a", "b"].map((half) => own.get(`blk.0.attn_q.weight.lora_${half}`)!.values) as [
        Float32Array,
        Float32Array,
      ];
      for (let row = 0; row < 32; row++)
        for (let column = 0; column < 32; column++)
          for (let k = 0; k < 2; k++)
            expected[row * 32 + column]! += 2 * weights[i]! * (3 / 2) * b[row * 2 + k]! * a[k * 32 + column]!;
    }
    const merged = after.get("blk.0.attn_q.weight")!.values;
    assert.ok(maxDifference(merged, expected) < 1e-6);
    assert.ok(maxDifference(merged, before.get("blk.0.attn_q.weight")!.values) > 0.1);
    for (const [name, { values }] of before)
      if (name !== "blk.0.attn_q.weight") assert.deepEqual(after.get(name)!.values, values, name);
  });

  it("leave their origin in the metadata", async () => {
    const [one, two] = [await smallAdapter("one.gguf", 3), await smallAdapter("two.gguf", 5)];
    const output = temporary("origin.gguf");
    await mergeAdapter({ base, adapter: one, output, type: "BF16", scale: 0.5 });
    const single = (await readGguf(output)).metadata;
    assert.deepEqual(ownKeys(single), {
      "medilora.config_sha256": "config-3",
      "medilora.adapter.0.sha256": await sha256File(one),
      "medilora.adapter.0.weight": "0.5",
      "medilora.version": packageVersion(),
      "medilora.base_sha256": await sha256File(base),
    });
    assert.equal(single["general.file_type"], 32);
    // The merged model as a base: what it says of its own origin does not mix with the new one.
    const again = temporary("origin-again.gguf");
    await mergeAdapter({ base: output, adapter: [{ path: one }, { path: two, scale: 3 }], output: again, type: "F32" });
    const both = (await readGguf(again)).metadata;
    assert.deepEqual(ownKeys(both), {
      "medilora.adapter.0.config_sha256": "config-3",
      "medilora.adapter.0.version": "0",
      "medilora.adapter.0.sha256": await sha256File(one),
      "medilora.adapter.0.weight": "1",
      "medilora.adapter.1.config_sha256": "config-5",
      "medilora.adapter.1.version": "0",
      "medilora.adapter.1.sha256": await sha256File(two),
      "medilora.adapter.1.weight": "3",
      "medilora.version": packageVersion(),
      "medilora.base_sha256": await sha256File(output),
    });
    assert.equal(both["general.file_type"], 0);
  });

  it("must be there, fit the base, and not be the output", async () => {
    const output = temporary("none.gguf");
    const one = await smallAdapter("one.gguf", 3);
    await rejectsWith("ARGUMENT_INVALID", mergeAdapter({ base, adapter: [], output }), /at least one/);
    await rejectsWith(
      "ARGUMENT_INVALID",
      mergeAdapter({ base, adapter: [{}] as never, output }),
      /adapter\[0\] needs path/,
    );
    const infinite = [{ path: one, scale: Number.POSITIVE_INFINITY }];
    await rejectsWith("ARGUMENT_INVALID", mergeAdapter({ base, adapter: infinite, output }), /scale/);
    await rejectsWith(
      "ARGUMENT_INVALID",
      mergeAdapter({ base, adapter: [{ path: adapter }, { path: one }], output: one }),
    );
    const other = [{ path: one }, { path: fixture("deep-all.gguf") }];
    await rejectsWith("ADAPTER_MISMATCH", mergeAdapter({ base, adapter: other, output }), /deep-all/);
  });

  it("are given on the command line as file:weight", async () => {
    const [one, two] = [await smallAdapter("one.gguf", 3), await smallAdapter("two.gguf", 5)];
    const [expected, output] = [temporary("api.gguf"), temporary("cli.gguf")];
    await mergeAdapter({ base, adapter: [{ path: one, scale: 0.5 }, { path: two }], output: expected });
    const adapters = ["--adapter", `${one}:0.5`, "--adapter", two];
    const { code, stdout, stderr } = await runCli(["merge", "--base", base, ...adapters, "--output", output]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /1 tensors merged, F32\n$/);
    assert.equal(await sha256File(output), await sha256File(expected));
  });
});

it("a base whose tensors are aligned to 64 bytes merges like one aligned to 32", async () => {
  const editable = new EditableGguf(await readFile(base));
  const last = (await readGguf(base)).tensors.at(-1)!;
  const dataBytes = last.offset + last.bytes - (await readGguf(base)).tensors[0]!.offset;
  const padded = (length: number) =>
    editable.with({ "general.alignment": uint32(64), pad: string("x".repeat(length)) });
  const length = [0, 32].find((extra) => (padded(extra).length - dataBytes) % 64 === 0)!;
  const [aligned, output] = [temporary("aligned.gguf"), temporary("aligned-merged.gguf")];
  await writeFile(aligned, padded(length));
  await mergeAdapter({ base: aligned, adapter, output });
  assert.equal((await readGguf(output)).metadata["general.alignment"], undefined);
  await mergeAdapter({ base, adapter, output: temporary("plain-merged.gguf") });
  assert.deepEqual(await tensorsOf(output), await tensorsOf(temporary("plain-merged.gguf")));
});

describe("merge --quantize", () => {
  const trained = temporary("trained.gguf");
  before(async () => {
    const lora = { rank: 2, alpha: 4, modules: ["attn_q", "ffn_down"] as const, seed: 1 };
    await using trainer = await NativeTrainer.open({ model: medtiny, lora, threads: 1 });
    await trainer.saveWeights(trained);
  });

  function folder(name: string): (file: string) => string {
    mkdirSync(temporary(name));
    return (file) => `${temporary(name)}/${file}`;
  }

  it("writes what merging, then quantising writes, and nothing else", async () => {
    const at = folder("quantised");
    const merged = temporary("float.gguf");
    await mergeAdapter({ base: medtiny, adapter: trained, output: merged });
    await quantize({ input: merged, output: temporary("two-steps.gguf"), type: "Q3_K_L" });
    const shares: number[] = [];
    const during = new Set<string>();
    const result = await mergeAdapter({
      base: medtiny,
      adapter: trained,
      output: at("out.gguf"),
      quantize: "Q3_K_L",
      onProgress: ({ done, total }) => {
        shares.push(done / total);
        for (const name of readdirSync(at("."))) during.add(`${name} ${statSync(at(name)).mode & 0o777}`);
      },
    });
    assert.equal(await sha256File(at("out.gguf")), await sha256File(temporary("two-steps.gguf")));
    assert.equal(result.bytes, statSync(at("out.gguf")).size);
    assert.equal(result.type, "F16");
    assert.deepEqual(readdirSync(at(".")), ["out.gguf"]);
    assert.ok(
      during.size > 0 && [...during].every((file) => file.startsWith("out.gguf.tmp-") && file.endsWith(` ${0o600}`)),
    );
    assert.ok(shares.every((share, i) => share >= (shares[i - 1] ?? 0) && share <= 1) && shares.length > 20);
  });

  it("leaves nothing when it fails or is stopped, in either half", async () => {
    const at = folder("failed");
    const call = { base: medtiny, adapter: trained, output: at("out.gguf") };
    await rejectsWith("TYPE_UNSUPPORTED", mergeAdapter({ ...call, quantize: "Q9" }), /--type list/);
    await rejectsWith("QUANTIZE_FAILED", mergeAdapter({ ...call, quantize: "IQ1_S" }), /importance matrix/);
    for (const share of [0, 0.6]) {
      const controller = new AbortController();
      const { signal } = controller;
      const onProgress = ({ done, total }: { done: number; total: number }) => {
        if (done / total >= share) controller.abort();
      };
      await rejectsWith("ABORTED", mergeAdapter({ ...call, quantize: "Q3_K_L", signal, onProgress }));
    }
    assert.deepEqual(readdirSync(at(".")), []);
  });

  it("leaves nothing when it is interrupted", async () => {
    const at = folder("interrupted");
    const args = [
      "merge",
      "--base",
      medtiny,
      "--adapter",
      trained,
      "--output",
      at("out.gguf"),
      "--quantize",
      "IQ3_S",
      "--threads",
      "1",
    ];
    const { code } = await runCli(args, {
      onStart: (child) =>
        child.stderr!.on("data", (text: string) => /merge +[5-9]\d%/.test(text) && child.kill("SIGINT")),
    });
    assert.equal(code, 130);
    assert.deepEqual(readdirSync(at(".")), []);
  });
});

describe("a base in several parts", () => {
  const uint16 = (value: number): GgufValue => ({ type: 2, bytes: Buffer.from(Uint16Array.of(value).buffer) });
  const int32 = (value: number): GgufValue => ({ type: 5, bytes: Buffer.from(Int32Array.of(value).buffer) });
  const part = (i: number, count = 3) => temporary(`split-0000${i}-of-0000${count}.gguf`);

  before(async () => {
    const { metadata } = new EditableGguf(await readFile(base));
    const tensors = [...(await tensorsOf(base))].map(([name, tensor]) => ({ name, ...tensor }));
    const cuts = [0, 4, 11, tensors.length];
    for (let i = 0; i < 3; i++) {
      const own = new EditableGguf(gguf({ x: 0 }, tensors.slice(cuts[i], cuts[i + 1])));
      const split = { "split.no": uint16(i), "split.count": uint16(3), "split.tensors.count": int32(tensors.length) };
      const rest = i === 0 ? Object.fromEntries(metadata) : {};
      await writeFile(part(i + 1), own.with({ x: undefined, ...rest, ...split }));
    }
  });

  it("is merged into one file", async () => {
    const [whole, output] = [temporary("whole-merged.gguf"), temporary("split-merged.gguf")];
    await mergeAdapter({ base, adapter, output: whole });
    await mergeAdapter({ base: part(1), adapter, output });
    assert.deepEqual(await tensorsOf(output), await tensorsOf(whole));
    const [{ metadata: a }, { metadata: b }] = [await readGguf(output), await readGguf(whole)];
    const hashes = await Promise.all([1, 2, 3].map((i) => sha256File(part(i))));
    assert.deepEqual(a, { ...b, "medilora.base_sha256": hashes.join(",") });
  });

  it("is quantised and trained on", async () => {
    await quantize({ input: base, output: temporary("whole-q8.gguf"), type: "Q8_0" });
    await quantize({ input: part(1), output: temporary("split-q8.gguf"), type: "Q8_0" });
    assert.equal(await sha256File(temporary("split-q8.gguf")), await sha256File(temporary("whole-q8.gguf")));
    const batch = plainBatch([3, 9, 27, 14]);
    await using whole = await NativeTrainer.open({ model: base, adapter, threads: 1 });
    await using split = await NativeTrainer.open({ model: part(1), adapter, threads: 1 });
    assert.deepEqual(await split.logits(batch), await whole.logits(batch));
    await using full = await NativeTrainer.open({ model: part(1), threads: 1 });
    await full.saveWeights(temporary("full.gguf"));
    assert.equal((await readGguf(temporary("full.gguf"))).metadata["split.count"], undefined);
  });

  it("is described as a whole", async () => {
    const [whole, split] = [await readGguf(base), await readGguf(part(1))];
    const described = (file: typeof whole) =>
      file.tensors.map(({ name, type, shape, bytes }) => ({ name, type, shape, bytes }));
    assert.deepEqual(described(split), described(whole));
    assert.equal(
      split.bytes,
      [1, 2, 3].reduce((sum, i) => sum + statSync(part(i)).size, 0),
    );
  });

  it("is refused by a later part, with a part that is missing or foreign, and as its own output", async () => {
    const output = temporary("refused.gguf");
    await rejectsWith("MODEL_INVALID", mergeAdapter({ base: part(2), adapter, output }), /first part/);
    await rejectsWith("ARGUMENT_INVALID", mergeAdapter({ base: part(1), adapter, output: part(3) }));
    const copy = (i: number) => temporary(`copy-0000${i}-of-00003.gguf`);
    for (const i of [1, 2]) await writeFile(copy(i), await readFile(part(i)));
    await rejectsWith(
      "FILE_NOT_FOUND",
      mergeAdapter({ base: copy(1), adapter, output }),
      new RegExp(basename(copy(3))),
    );
    await writeFile(copy(3), await readFile(part(2)));
    await rejectsWith("MODEL_INVALID", mergeAdapter({ base: copy(1), adapter, output }), /no part 3 of 3/);
    const doubled = new EditableGguf(await readFile(part(2))).with({ "split.no": uint16(2) });
    await writeFile(copy(3), doubled);
    await rejectsWith("MODEL_INVALID", mergeAdapter({ base: copy(1), adapter, output }), /another part too/);
  });
});

function ownKeys(metadata: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => key.startsWith("medilora.")));
}
