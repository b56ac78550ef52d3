import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readBenchmark } from "../../dist/data/benchmarkText.js";
import { checkContamination } from "../../dist/data/contamination.js";
import { GramIndex } from "../../dist/data/gramIndex.js";
import { scanIdentifiers } from "../../dist/data/identifiers.js";
import { words } from "../../dist/data/words.js";
import { collect, fixture, jsonLines, shared, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const run = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `w${from + i}`).join(" ");

test("a run of 13 words overlaps, one of 12 does not, and grams do not span texts", async () => {
  const benchmark = await folder.write(
    "bench.jsonl",
    jsonLines([
      { id: "q1", question: `${run(0, 20)}?`, options: ["a", "b"] },
      { id: "q2", question: `${run(100, 112)}`, options: [run(112, 120)] },
      { question: `${run(200, 230)}` },
      { id: "q4", question: `${run(200, 213)}` },
    ]),
  );
  const training = await folder.write(
    "train.jsonl",
    jsonLines([
      { id: "t1", text: `Before. ${run(5, 17).toUpperCase()} after` },
      { id: "t2", text: `x ${run(0, 13).replaceAll(" ", " ,\n")} y` },
      { id: "t3", text: run(100, 120) },
      {
        id: "t4",
        messages: [
          { role: "user", content: run(200, 206) },
          { role: "assistant", content: run(206, 215) },
        ],
      },
      { id: "t5", messages: [{ role: "assistant", content: `"${run(200, 215)}"` }] },
      { id: "t6", text: run(200, 230) },
    ]),
  );
  const report = await checkContamination({ training: [training], benchmarks: [benchmark] });
  assert.equal(report.rule, "13-gram@1");
  assert.equal(report.rows, 6);
  const [result] = report.benchmarks;
  assert.deepEqual([result?.questions, result?.tooShort], [4, 1]);
  // q1: only the gram w0..w12 (t1 has 12 of its words in a row); row-3: all 18, first seen in t5; q4: its only one.
  assert.deepEqual(result?.overlaps, [
    { id: "q1", matched: 1, grams: 8, row: { file: training, id: "t2" } },
    { id: "row-3", matched: 18, grams: 18, row: { file: training, id: "t5" } },
    { id: "q4", matched: 1, grams: 1, row: { file: training, id: "t5" } },
  ]);
});

test("the index finds the grams that a plain search finds", () => {
  const sentence = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 60 }).map((list) => list.join(" "));
  const grams = (text: string) => {
    const all = words(text);
    return all.length < 13 ? [] : all.slice(0, all.length - 12).map((_, i) => all.slice(i, i + 13).join(" "));
  };
  fc.assert(
    fc.property(fc.array(sentence, { maxLength: 5 }), sentence, (questions, text) => {
      const index = new GramIndex();
      questions.forEach((question, number) => {
        assert.equal(index.add(number, question).length, new Set(grams(question)).size);
      });
      assert.equal(index.size, new Set(questions.flatMap(grams)).size);
      const expected = grams(text)
        .map((gram) => questions.flatMap((question, number) => (grams(question).includes(gram) ? [number] : [])))
        .filter((owners) => owners.length > 0);
      const found: number[][] = [];
      index.match(`${text}`, (_, owners) => found.push([...owners]));
      assert.deepEqual(found, expected);
    }),
  );
});

test("benchmarks are read in their published files, with their ids", async () => {
  const ids = async (name: string, at?: string) =>
    (await collect(readBenchmark(fixture(name), at))).map(({ id }) => id);
  assert.deepEqual(await ids("pqau.json"), ["101", "102"]);
  assert.deepEqual(await ids("medqa.jsonl"), ["row-1", "row-2", "row-4", "row-5", "row-6", "row-7"]);
  assert.deepEqual(await ids("medmcqa.json"), ["q-1", "q-2", "q-3"]);
  assert.deepEqual(await ids("mmlu.csv"), ["row-1", "row-2"]);
  assert.deepEqual(await ids("bioasq.json", "questions"), ["b1", "b2", "b3", "b4", "b5"]);
  const [first] = await collect(readBenchmark(fixture("pqau.json")));
  assert.deepEqual(first?.texts, ["Does rest help?", "Part one.", "Part two.", "Rest helped."]);
  // PubMedQA on one line has the form of JSON lines, and is none.
  const line = await folder.write("one.json", JSON.stringify({ 7: { QUESTION: "Q?", CONTEXTS: ["C."] } }));
  assert.deepEqual(await collect(readBenchmark(line)), [{ id: "7", texts: ["Q?", "C."] }]);
});

test("records nested without end are refused, with their place", async () => {
  const nested = (depth: number) =>
    `{"question": "Q?"}\n{"question": ${"[".repeat(depth)}"deep"${"]".repeat(depth)}}\n`;
  const shallow = await folder.write("shallow.jsonl", nested(50));
  assert.deepEqual((await collect(readBenchmark(shallow)))[1]?.texts, ["deep"]);
  for (const depth of [500, 100_000]) {
    const path = await folder.write("deep.jsonl", nested(depth));
    await assert.rejects(collect(readBenchmark(path)), {
      code: "DATA_INVALID",
      message: /line 2: is nested more than/,
    });
  }
});

test("what cannot be compared is refused", async () => {
  const training = await folder.write("t.jsonl", jsonLines([{ text: "a" }]));
  const benchmarks = [fixture("mmlu.csv")];
  await assert.rejects(checkContamination({ training: [], benchmarks }), { code: "ARGUMENT_INVALID" });
  await assert.rejects(checkContamination({ training: [training], benchmarks: [] }), { code: "ARGUMENT_INVALID" });
  for (const twice of [
    { training: [training, training], benchmarks },
    { training: [training], benchmarks: [...benchmarks, ...benchmarks] },
  ])
    await assert.rejects(checkContamination(twice), { code: "ARGUMENT_INVALID", message: /named twice/ });
  const empty = await folder.write("empty.json", "[]");
  await assert.rejects(checkContamination({ training: [training], benchmarks: [empty] }), { code: "DATA_EMPTY" });
  await assert.rejects(checkContamination({ training: [training], benchmarks: [folder.path("none.json")] }), {
    code: "FILE_NOT_FOUND",
  });
  const signal = AbortSignal.abort();
  await assert.rejects(checkContamination({ training: [training], benchmarks, signal }), { code: "ABORTED" });
});

const medqa = shared("medqa/dev_4options.jsonl");
test("MedQA against itself: every question is found whole", { skip: medqa.skip }, async () => {
  const questions = await collect(readBenchmark(medqa.path));
  const training = await folder.write(
    "medqa.jsonl",
    jsonLines(questions.flatMap(({ texts }) => texts.map((text) => ({ text })))),
  );
  const report = await checkContamination({ training: [training], benchmarks: [medqa.path] });
  const [result] = report.benchmarks;
  assert.equal(result?.questions, 1272);
  assert.equal(result.overlaps.length + result.tooShort, 1272);
  for (const { id, matched, grams } of result.overlaps) assert.equal(matched, grams, id);
});

test("a CSV's header is no question, and a file without rows proves nothing", async () => {
  const long = "one two three four five six seven eight nine ten eleven twelve thirteen";
  const training = await folder.write("headed.jsonl", jsonLines([{ id: "t", text: long }]));
  const headed = await folder.write("headed.csv", `Type,Question,Answer\nx,${long},y\n`);
  const bare = await folder.write("bare.csv", `x,${long},y\n`);
  const { benchmarks } = await checkContamination({ training: [training], benchmarks: [headed, bare] });
  assert.deepEqual(
    benchmarks.map(({ questions, overlaps }) => [questions, overlaps.map(({ id }) => id)]),
    [
      [1, ["row-2"]],
      [1, ["row-1"]],
    ],
  );
  const empty = await folder.write("empty.jsonl", "\n");
  const nothing = { code: "DATA_EMPTY", message: /empty\.jsonl/ };
  await assert.rejects(checkContamination({ training: [training, empty], benchmarks: [bare] }), nothing);
  await assert.rejects(checkContamination({ training: [training], benchmarks: [empty] }), nothing);
  await assert.rejects(scanIdentifiers({ inputs: [training, empty] }), nothing);
});
