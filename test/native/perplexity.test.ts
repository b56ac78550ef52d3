import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { runJob } from "../../dist/native/call.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { native } from "../../dist/native/load.js";
import type { ChunkScores } from "../../dist/native/measureBinding.js";
import { openTokenizer } from "../../dist/native/tokenizer.js";
import { measurePerplexity, type PerplexityOptions } from "../../dist/quantize/perplexity.js";
import { quantize } from "../../dist/quantize/quantize.js";
import { perplexityTable } from "../../dist/report/perplexityTable.js";
import { EditableGguf, stringArray } from "./ggufEdit.js";
import { rejectsWith, repoFile, temporaryFolder } from "./helpers.js";
import { HuggingFaceModel } from "./huggingFace.js";

const temporary = await temporaryFolder();
const medtiny = repoFile("assets/medtiny-f16.gguf");
const quantised = temporary("q2.gguf");
const text = temporary("text.txt");
const facts =
  "Aspirin lowers the risk of stroke in patients with atrial fibrillation. Insulin moves glucose into muscle and fat " +
  "cells. The heart has four chambers and four valves. Antibiotics do not help against viruses.\n";

before(async () => {
  await writeFile(text, facts.repeat(8));
  await quantize({ input: medtiny, output: quantised, type: "Q2_K" });
});

const measure = (options: Partial<PerplexityOptions> = {}) =>
  measurePerplexity({ model: quantised, data: text, chunkSize: 64, threads: 1, ...options });

/** ln softmax of one row, in float64. */
function logSoftmax(logits: ArrayLike<number>): number[] {
  const row = Array.from(logits);
  const most = Math.max(...row);
  const total = most + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  return row.map((logit) => logit - total);
}

/** The text's whole chunks, BOS in front of each. */
async function chunksOf(chunkSize: number): Promise<Int32Array[]> {
  await using tokenizer = await openTokenizer(medtiny);
  const body = tokenizer.tokenize(await readFile(text, "utf8"), { addSpecial: false, parseSpecial: false });
  const tokens = Int32Array.of(tokenizer.bosToken!, ...body);
  return Array.from({ length: Math.floor(tokens.length / chunkSize) }, (_, i) => {
    const chunk = tokens.slice(i * chunkSize, (i + 1) * chunkSize);
    chunk[0] = tokenizer.bosToken!;
    return chunk;
  });
}

/** Log-probabilities over the vocabulary that speak of the second half of each chunk, from the engine's plain logits. */
async function rowsOf(model: string, chunks: Int32Array[]): Promise<Array<{ target: number; logp: number[] }>> {
  await using engine = await InferenceEngine.open({ model, contextSize: 64, sequences: 1, threads: 1 });
  const size = engine.info.vocabSize;
  const rows: Array<{ target: number; logp: number[] }> = [];
  for (const chunk of chunks) {
    const logits = await engine.logits(chunk);
    for (let i = chunk.length / 2; i < chunk.length - 1; i++)
      rows.push({ target: chunk[i + 1]!, logp: logSoftmax(logits.subarray(i * size, (i + 1) * size)) });
  }
  return rows;
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const close = (a: number, b: number, tolerance: number) =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.abs(b), `${a} is not ${b} within ${tolerance}`);

describe("perplexity", () => {
  it("and distance from the float model are those of the engine's logits", async () => {
    // In float32 again: products of quantised weights round activations, and differently in batches of another shape.
    const [coarse, float] = [temporary("coarse.gguf"), temporary("float.gguf")];
    await quantize({ input: quantised, output: coarse, type: "F32", allowRequantize: true });
    await quantize({ input: medtiny, output: float, type: "F32" });
    const result = await measure({ model: coarse, against: float });
    const chunks = await chunksOf(64);
    const ours = await rowsOf(coarse, chunks);
    const theirs = await rowsOf(float, chunks);
    assert.ok(chunks.length > 2);
    assert.equal(result.chunks, chunks.length);
    assert.equal(result.scoredTokens, 31 * chunks.length);
    close(result.perplexity.value, Math.exp(-mean(ours.map(({ target, logp }) => logp[target]!))), 1e-5);
    const { referencePerplexity, divergence, topAgreement, probabilityChange } = result.difference!;
    close(referencePerplexity.value, Math.exp(-mean(theirs.map(({ target, logp }) => logp[target]!))), 1e-5);
    const kl = theirs.map(({ logp }, i) =>
      logp.reduce((sum, q, token) => sum + Math.exp(q) * (q - ours[i]!.logp[token]!), 0),
    );
    close(divergence.mean.value, mean(kl), 1e-3);
    close(divergence.max, Math.max(...kl), 1e-3);
    const top = (logp: number[]) => logp.indexOf(Math.max(...logp));
    const same = mean(theirs.map(({ logp }, i) => Number(top(logp) === top(ours[i]!.logp))));
    assert.ok(same > 0.3 && same < 1);
    close(topAgreement.value, same, 0.03);
    const changes = ours.map(({ target, logp }, i) => Math.exp(logp[target]!) - Math.exp(theirs[i]!.logp[target]!));
    close(probabilityChange.mean.value, mean(changes), 1e-2);
    close(probabilityChange.rms.value, Math.sqrt(mean(changes.map((change) => change ** 2))), 1e-3);
  });

  it("is that of a float64 model", async () => {
    const model = repoFile("test/fixtures/gradients/deep-f32.gguf");
    const tokens = Int32Array.from({ length: 96 }, (_, i) => 3 + ((i * i * 7 + i) % 47));
    const scores: ChunkScores[] = [];
    await runJob(undefined, (cancel, listen) =>
      native().perplexity({
        ...{ model, tokens, chunkSize: 32, threads: 1, cancel },
        onProgress: listen((one: ChunkScores) => scores.push(one)),
      }),
    );
    const reference = await HuggingFaceModel.open(model);
    assert.equal(scores.length, 3);
    for (const { chunk, logprobs } of scores) {
      const all = [1, ...tokens.subarray(chunk * 32 + 1, chunk * 32 + 32)];
      const logits = reference.logits(all);
      const size = logits.length / all.length;
      assert.equal(logprobs.length, 15);
      logprobs.forEach((logprob, i) => {
        const expected = logSoftmax(logits.subarray((16 + i) * size, (17 + i) * size))[all[17 + i]!]!;
        assert.ok(Math.abs(logprob - expected) < 1e-2, `${logprob} ${expected}`);
      });
    }
  });

  it("is no distance at all from the very same model", async () => {
    const { perplexity, difference } = await measure({ model: medtiny, against: medtiny });
    assert.deepEqual(difference!.referencePerplexity, perplexity);
    assert.deepEqual(difference!.ratio, { value: 1, error: 0 });
    assert.deepEqual(difference!.topAgreement, { value: 1, error: 0 });
    assert.deepEqual(difference!.probabilityChange.rms, { value: 0, error: 0 });
    assert.equal(difference!.divergence.max, 0);
    const alone = await measure({ model: medtiny });
    assert.deepEqual(alone.perplexity, perplexity);
    assert.equal(alone.difference, null);
    assert.equal(alone.against, null);
  });

  it("takes the first chunks, odd sizes, and says so in a table with one notice", async () => {
    const result = await measure({ chunks: 2, chunkSize: 33, against: medtiny });
    assert.equal(result.scoredTokens, 2 * (33 - 1 - 16));
    const table = perplexityTable(result);
    assert.match(table, /2 chunks of 33 tokens, the second half of each scored: 32 tokens/);
    assert.match(table, /q2\.gguf \(\d\.\d MB\) against medtiny-f16\.gguf \(13\.\d MB\), text\.txt\./);
    assert.equal(table.split("Not medical advice").length, 2);
  });

  it("goes on from its scores file, to the same result", async () => {
    const scoresFile = temporary("scores.jsonl");
    const whole = await measure({ against: medtiny });
    const controller = new AbortController();
    const onProgress = ({ done }: { done: number }) => {
      if (done === 2) controller.abort();
    };
    await rejectsWith("ABORTED", measure({ against: medtiny, scoresFile, signal: controller.signal, onProgress }));
    const lines = (await readFile(scoresFile, "utf8")).trim().split("\n").length - 1;
    assert.ok(lines >= 2 && lines < whole.chunks, String(lines));
    const seen: Array<{ done: number; perplexity: number }> = [];
    const resumed = await measure({ against: medtiny, scoresFile, onProgress: (one) => seen.push(one) });
    assert.equal(seen[0]!.done, lines + 1);
    close(seen.at(-1)!.perplexity, whole.perplexity.value, 1e-9);
    assert.deepEqual(resumed, whole);
    assert.deepEqual(await measure({ against: medtiny, scoresFile, onProgress: () => assert.fail() }), whole);
    await rejectsWith("ARGUMENT_INVALID", measure({ scoresFile }), /another run: against differs/);
    await rejectsWith("ARGUMENT_INVALID", measure({ scoresFile: text }), /one of the inputs/);
  });

  it("refuses a reference of another vocabulary", async () => {
    const bytes = new EditableGguf(await readFile(medtiny));
    const other = temporary("other.gguf");
    const tokens = Array.from({ length: 8192 }, (_, i) => `token ${i}`);
    await writeFile(other, bytes.with({ "tokenizer.ggml.tokens": stringArray(tokens) }));
    await rejectsWith("ARGUMENT_INVALID", measure({ against: other }), /different vocabularies/);
    const small = repoFile("test/fixtures/gradients/deep-f32.gguf");
    await rejectsWith("ARGUMENT_INVALID", measure({ against: small }), /different vocabularies/);
    await rejectsWith("FILE_NOT_FOUND", measure({ against: temporary("absent.gguf") }));
  });
});
