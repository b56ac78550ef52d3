import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import fc from "fast-check";
import { DuplicateFinder, dedupRows } from "../../dist/data/dedup.js";
import { estimateSimilarity, minHashSignature, NearDuplicateIndex } from "../../dist/data/minhash.js";
import { words } from "../../dist/data/words.js";
import { SeededRandom } from "../../dist/util/random.js";
import { jsonLines, readJsonLines, shared, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const text = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `word${from + i}`).join(" ");
const signature = (value: string) => minHashSignature(value) as Uint32Array;

/** The Jaccard similarity over sets of word 5-grams, as it is defined. */
function jaccard(a: string, b: string): number {
  const grams = (value: string) => {
    const all = words(value);
    return new Set(all.slice(0, Math.max(1, all.length - 4)).map((_, i) => all.slice(i, i + 5).join(" ")));
  };
  const [first, second] = [grams(a), grams(b)];
  const common = [...first].filter((gram) => second.has(gram)).length;
  return common / (first.size + second.size - common);
}

test("words are compared without case, punctuation and compatibility forms", () => {
  assert.deepEqual(words("The ﬁrst, 5\u00a0mg (q.d.)—naïve ÉTÉ!"), [
    "the",
    "first",
    "5",
    "mg",
    "q",
    "d",
    "naïve",
    "été",
  ]);
  assert.deepEqual(words(" ... "), []);
});

test("long runs of combining marks are cut at 30, also marks that only normalisation makes", () => {
  // U+FF9E becomes the mark U+3099; ordering half a million alternating marks would take minutes.
  for (const [pair, marks] of [
    ["\u0316\u0301", "\u0316".repeat(15) + "\u0301".repeat(15)],
    ["\uff9e\u0301", "\u3099".repeat(15) + "\u0301".repeat(15)],
  ] as const)
    assert.deepEqual(words(`b${pair.repeat(250_000)} c`), [`b${marks}`, "c"]);
});

test("a bucket is searched for its 64 newest documents", () => {
  // All share the first band of four minima and nothing else; of equals the first one seen by number is found.
  const find = (count: number) => {
    const index = new NearDuplicateIndex(4 / 128);
    for (let i = 0; i < count; i++)
      index.add(Uint32Array.from({ length: 128 }, (_, at) => (at < 4 ? at : i * 200 + at)));
    return index.find(Uint32Array.from({ length: 128 }, (_, at) => (at < 4 ? at : 1_000_000 + at)));
  };
  assert.deepEqual(find(64), { document: 0, similarity: 4 / 128 });
  assert.deepEqual(find(65), { document: 1, similarity: 4 / 128 });
});

test("the estimate is within 4.5 standard errors of the similarity, and without a bias", () => {
  let sum = 0;
  let count = 0;
  for (let shared = 0; shared <= 500; shared += 20) {
    const a = text(0, 500);
    const b = text(500 - shared, 1000 - shared);
    const exact = jaccard(a, b);
    const estimate = estimateSimilarity(signature(a), signature(b));
    const error = Math.sqrt((exact * (1 - exact)) / 128);
    assert.ok(Math.abs(estimate - exact) <= 4.5 * error + 1e-12, `${estimate} for ${exact}`);
    sum += estimate - exact;
    count += 1;
  }
  // The mean of 26 estimates has a standard error of at most 0.044 / sqrt(26) = 0.009, were they independent.
  assert.ok(Math.abs(sum / count) < 0.03, String(sum / count));
});

test("a text without words has no signature, and a short one is a single shingle", () => {
  assert.equal(minHashSignature("... !"), undefined);
  assert.equal(estimateSimilarity(signature("One two."), signature("one, TWO")), 1);
  assert.ok(estimateSimilarity(signature("one two"), signature("one three")) < 0.1);
  assert.ok(estimateSimilarity(signature("one two three"), signature("two one three")) < 0.1);
});

test("signatures are the same on every machine", () => {
  // From a separate implementation in arbitrary-precision integers; other numbers need another version.
  assert.deepEqual(
    [...signature("the patient was given five milligrams")].slice(0, 3),
    [98083388, 1636897221, 119059936],
  );
});

test("the index finds what a search through all finds", () => {
  const random = new SeededRandom(3);
  const index = new NearDuplicateIndex(0.7);
  const added: Uint32Array[] = [];
  for (let i = 0; i < 400; i++) {
    const start = random.below(40) * 100;
    const length = 80 + random.below(40);
    const value = signature(text(start + random.below(20), start + length));
    const all = added.map((other) => estimateSimilarity(value, other));
    const best = Math.max(0, ...all);
    const found = index.find(value);
    if (best < 0.7) assert.equal(found, undefined);
    else assert.deepEqual(found, { document: all.indexOf(best), similarity: best });
    assert.equal(index.add(value), i);
    added.push(value);
  }
  assert.equal(index.size, 400);
});

const chat = (id: string, user: string, assistant: string) => ({
  id,
  messages: [
    { role: "system", content: "The same everywhere, and much longer than what is asked or said." },
    { role: "user", content: user },
    { role: "assistant", content: assistant },
  ],
});

test("duplicates are removed within a file and across files, the first one stays", async () => {
  const changed = text(0, 100).replace("word50", "other");
  const rows = [
    { id: "a", text: text(0, 100), extra: { kept: true } },
    { id: "b", text: `  ${text(0, 100).replaceAll(" ", "\n\n")} ` },
    // 96 shingles each, of which 5 hold the changed word: 91 / 101 = 0.90.
    { id: "c", text: changed },
    { id: "d", text: text(200, 300) },
    // Half of it is new: 46 / 146 = 0.32.
    { id: "e", text: text(250, 350) },
    { id: "f", text: text(400, 500) },
    chat("g", "Is rest good?", "Yes."),
    chat("h", "Is ice good?", "Yes."),
    chat("i", "Is rest good?", "yes"),
  ];
  const input = await folder.write("in.jsonl", `\n${jsonLines(rows)}`);
  const held = await folder.write("held.jsonl", jsonLines([{ id: "h1", text: text(400, 500) }]));
  const output = folder.path("out.jsonl");
  const manifest = await dedupRows({ input, output, against: [held] });
  assert.deepEqual(await readJsonLines(output), [rows[0], rows[3], rows[4], rows[6], rows[7]]);
  assert.deepEqual(manifest.counts, { read: 9, used: 5, skipped: { exact: 2, near: 2 } });
  const dropped = await readJsonLines<{ id: string; similarity: number }>(`${output}.dropped.jsonl`);
  assert.deepEqual(
    dropped.map(({ similarity: _, ...rest }) => rest),
    [
      { id: "b", kind: "exact", of: "a", file: input },
      { id: "c", kind: "near", of: "a", file: input },
      { id: "f", kind: "exact", of: "h1", file: held },
      // The same words, another case.
      { id: "i", kind: "near", of: "g", file: input },
    ],
  );
  const similarity = dropped[1]?.similarity ?? 0;
  assert.ok(similarity >= 0.8 && similarity < 1, String(similarity));
  assert.deepEqual(JSON.parse(await readFile(`${output}.manifest.json`, "utf8")), manifest);
});

test("exact duplicates need the same turns, not only the same words", () => {
  const finder = new DuplicateFinder(1);
  const row = (...turns: string[]) => ({
    id: turns.join("|"),
    messages: turns.map((content, i) => ({ role: i % 2 === 0 ? ("user" as const) : ("assistant" as const), content })),
  });
  assert.equal(finder.check(row("...", "?"), "f"), undefined);
  assert.equal(finder.check(row("... ?"), "f"), undefined);
  assert.equal(finder.check(row("?", "..."), "f"), undefined);
  assert.equal(finder.check(row(" ...", "? "), "g")?.of, "...|?");
});

test("the threshold decides, and one that makes no sense is refused", async () => {
  const rows = [
    { id: "a", text: text(0, 100) },
    { id: "c", text: text(0, 100).replace("word50", "other") },
  ];
  const input = await folder.write("threshold.jsonl", jsonLines(rows));
  const used = async (threshold: number) =>
    (await dedupRows({ input, output: folder.path("t.jsonl"), threshold })).counts.used;
  assert.equal(await used(0.7), 1);
  assert.equal(await used(1), 2);
  for (const threshold of [0, -1, 1.1, Number.NaN])
    await assert.rejects(used(threshold), { code: "ARGUMENT_INVALID", message: /threshold/ });
  await assert.rejects(dedupRows({ input, output: folder.path("n.jsonl"), against: [input, folder.path("none")] }), {
    code: "FILE_NOT_FOUND",
  });
  const copy = await folder.write("copy.jsonl", await readFile(input));
  await assert.rejects(dedupRows({ input, output: folder.path("n.jsonl"), against: [copy] }), { code: "DATA_EMPTY" });
});

test("a second pass removes nothing, whatever the rows", async () => {
  const short = fc.array(fc.constantFrom("a", "b", "c", " ", "\n", "."), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(fc.array(short, { minLength: 1, maxLength: 20 }), async (texts) => {
      const rows = texts.map((parts, i) => ({ id: String(i), text: `x${parts.join("")}` }));
      const input = await folder.write("p.jsonl", jsonLines(rows));
      await dedupRows({ input, output: folder.path("p1.jsonl") });
      const again = await dedupRows({ input: folder.path("p1.jsonl"), output: folder.path("p2.jsonl") });
      assert.deepEqual(again.counts.skipped, { exact: 0, near: 0 });
      assert.equal(await readFile(folder.path("p1.jsonl"), "utf8"), await readFile(folder.path("p2.jsonl"), "utf8"));
    }),
    { numRuns: 30 },
  );
});

const notes = shared("clinical_notes/mtsamples.jsonl");
test("MTSamples: 4966 transcriptions hold about 2350 distinct ones", { skip: notes.skip }, async () => {
  const rows = await readJsonLines<{ note_id: number; transcription: string | null }>(notes.path);
  const kept = rows.filter(({ transcription }) => transcription?.trim());
  const documents = kept.map(({ note_id, transcription }) => ({ id: String(note_id), text: transcription }));
  const input = await folder.write("notes.jsonl", jsonLines(documents));
  const { counts } = await dedupRows({ input, output: folder.path("notes.out.jsonl") });
  const collapsed = new Set(documents.map(({ text: note }) => note?.trim().split(/\s+/).join(" ")));
  // A copy of a row that went as a near duplicate counts as near as well, so only the sum can be told beforehand.
  const near = collapsed.size - counts.used;
  assert.ok(near >= 0 && near < 30, `${counts.used} stay of ${collapsed.size}`);
});
