import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { costOf, readPrice } from "../../dist/data/synthesize/cost.js";
import { cutPassages, readPassages } from "../../dist/data/synthesize/passages.js";
import { parsePairs } from "../../dist/data/synthesize/prompt.js";
import { collect, jsonLines, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();

test("pairs are read from the forms that models write, and from nothing else", () => {
  const read = (text: string, complete = true, most = 9) => parsePairs(text, { complete, most });
  const ab = [{ question: "a?", answer: "b" }];
  for (const text of [
    "Q: a?\nA: b",
    "Sure!\n\nQ: a?\n\nA: b\n",
    "**Q1:** a?\r\n**A1:** b",
    "1. Question: a?\n Answer: b",
    "Question 1: a?\nAnswer 1: b",
    "Question #1: a?\nAnswer #1: b",
    "**Q:** a?\n**A:** b",
    "**Q: a?**\nA: b",
    "**Question 1**: a?\n**Answer 1**: b",
    "Q1. a?\nA1. b",
    "Q1) a?\nA1) b",
    "- **Q1.** a?\n- **A1.** b",
    "* Q: a?\n* A: b",
    "### Question 1\na?\n### Answer 1\nb",
    "**Question**\na?\n\n**Answer**\nb",
    "__Question 1:__ a?\n__Answer 1:__ b",
    "Question 1: a? Answer 1: b",
    "Q: a? A: b",
    "**Q1: a?** **A1:** b",
  ])
    assert.deepEqual(read(text), ab, text);
  assert.deepEqual(read("Q: a\nmore?\nA: b\nA. baumannii\n\n- c\nQ: d?\nA: e"), [
    { question: "a\nmore?", answer: "b\nA. baumannii\n\n- c" },
    { question: "d?", answer: "e" },
  ]);
  assert.deepEqual(read("Q1. a? A1. b. Q2. c? A2. **d**"), [
    { question: "a?", answer: "b." },
    { question: "c?", answer: "**d**" },
  ]);
  // What only looks like a label.
  assert.deepEqual(
    read("Q: What is vitamin A: a need?\nA: Yes. A. baumannii: no.\nAnswering is\nQT 1. long\nA 12 mg dose"),
    [
      {
        question: "What is vitamin A: a need?",
        answer: "Yes. A. baumannii: no.\nAnswering is\nQT 1. long\nA 12 mg dose",
      },
    ],
  );
  for (const unit of ["Q: a? A: b. ", "Q1. ", "**", "? ", "Question 1", "#", "A\n"])
    read(unit.repeat(1_000_000 / unit.length));
  for (const text of ["", "no form", "A: b", "Q: a?", "Q: a?\nA: ", "Q: \nA: b", "Q: a?\nA: <|im_end|>"])
    assert.deepEqual(read(text), [], text);
  assert.deepEqual(read("Q: a?\nA: b\nQ: c?\nA: half a sen", false), ab);
  assert.deepEqual(read("Q: a?\nA: b\nQ: c?\nA: d", true, 1), ab);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.boolean(), (text, complete) => {
      for (const { question, answer } of read(text, complete)) assert.ok(question.trim() && answer.trim());
    }),
  );
});

test("passages cover the whole text within the length, cut where it reads best", () => {
  assert.deepEqual(cutPassages("  short ", 10), ["short"]);
  assert.deepEqual(cutPassages(" \n", 10), []);
  assert.deepEqual(cutPassages("First line.\n\nSecond one. Third", 16), ["First line.", "Second one.", "Third"]);
  // The sentence ends in the first half of what fits, which would make a small part.
  assert.deepEqual(cutPassages("One. Two three", 12), ["One. Two", "three"]);
  assert.deepEqual(cutPassages("abcdefgh ijkl", 9), ["abcdefgh", "ijkl"]);
  assert.deepEqual(cutPassages("a😀😀😀", 4), ["a😀", "😀😀"]);
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.integer({ min: 2, max: 40 }), (text, length) => {
      const parts = cutPassages(text, length);
      for (const part of parts) assert.ok(part.length > 0 && part.length <= length);
      const bare = (value: string) => value.replace(/\s+/g, "");
      assert.equal(bare(parts.join("")), bare(text));
    }),
  );
});

test("documents must be texts with ids of their own", async () => {
  const chat = { id: "c", messages: [{ role: "user", content: "secret" }] };
  const path = await folder.write("chat.jsonl", jsonLines([chat]));
  await assert.rejects(collect(readPassages(path, 200)), {
    code: "DATA_INVALID",
    message: /chat\.jsonl, line 1: is a conversation/,
  });
  const twice = await folder.write(
    "twice.jsonl",
    jsonLines([
      { id: "a", text: "x" },
      { id: "a", text: "y" },
    ]),
  );
  await assert.rejects(collect(readPassages(twice, 200)), {
    code: "DATA_INVALID",
    message: /line 2: has the id of line 1/,
  });
});

test("prices come from a table that is checked", async () => {
  const price = { currency: "EUR", prompt_per_million: 0.5, completion_per_million: 1.5 };
  const table = await folder.write("prices.json", JSON.stringify({ m: price }));
  assert.deepEqual(await readPrice(table, "m"), price);
  assert.equal(costOf(price, 2_000_000, 1_000_000), 2.5);
  assert.equal(costOf(undefined, 5, 5), 0);
  await assert.rejects(readPrice(table, "toString"), { code: "ARGUMENT_INVALID", message: /no price/ });
  await assert.rejects(readPrice(folder.path("none.json"), "m"), { code: "FILE_NOT_FOUND" });
  for (const bad of ["x", "[]", { m: { ...price, currency: "Euro" } }, { m: { ...price, prompt_per_million: -1 } }]) {
    const path = await folder.write("bad.json", typeof bad === "string" ? bad : JSON.stringify(bad));
    await assert.rejects(readPrice(path, "m"), { code: "DATA_INVALID", message: /bad\.json/ });
  }
});
