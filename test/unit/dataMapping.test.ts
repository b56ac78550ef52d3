import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkMapping,
  type FieldMapping,
  mapRecord,
  parseMapping,
  recogniseMapping,
} from "../../dist/data/formats/mapping.js";
import { prepareAny } from "../../dist/data/qaSources.js";
import { type ChatRow, readRows } from "../../dist/data/rows.js";
import { collect, fixture, jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const record = (value: Record<string, unknown>) => ({ where: "f.jsonl, line 7", row: 7, value });
const user = (content: string) => ({ role: "user" as const, content });
const assistant = (content: string) => ({ role: "assistant" as const, content });

test("known shapes are recognised, the more specific one first", () => {
  const cases: Array<[Record<string, unknown>, FieldMapping]> = [
    [{ messages: [], text: "x" }, { messages: "messages" }],
    [
      { conversations: [], system: "s", id: 3 },
      { messages: "conversations", system: "system", id: "id" },
    ],
    [
      { text: "x", label: "l" },
      { text: "text", label: "label" },
    ],
    [
      { instruction: "", input: "", output: "" },
      { instruction: "instruction", question: "input", answer: "output" },
    ],
    [
      { instruction: "", output: "" },
      { instruction: "instruction", question: "input", answer: "output" },
    ],
    [
      { question: "q", answer: "a" },
      { question: "question", context: "context", answer: "answer" },
    ],
    [
      { question: "q", answer: "a", context: "c" },
      { question: "question", answer: "answer", context: "context" },
    ],
    [
      { prompt: "q", completion: "a", id: { no: 1 } },
      { question: "prompt", answer: "completion" },
    ],
  ];
  for (const [value, mapping] of cases) assert.deepEqual(recogniseMapping(record(value)), mapping);
  assert.throws(() => recogniseMapping(record({ "John Doe": "x" })), {
    code: "DATA_INVALID",
    message: /^f\.jsonl, line 7: the fields have no known shape; [^J]*$/,
  });
});

test("a record becomes the row that its mapping says", () => {
  const value = {
    id: 5,
    q: "Why?",
    parts: ["One.", "Two."],
    meta: { answers: [{ text: "So." }] },
    verdict: "yes",
    "with.dot": "sys",
  };
  const mapping = {
    id: "id",
    question: "q",
    context: "parts",
    answer: "meta.answers.0.text",
    label: "verdict",
    system: "with.dot",
  };
  assert.deepEqual(mapRecord(record(value), mapping, { id: "row-7" }), {
    id: "5",
    row: {
      id: "5",
      messages: [{ role: "system", content: "sys" }, user("Context: One. Two. Question: Why?"), assistant("So.")],
      label: "yes",
    },
  });
  assert.deepEqual(mapRecord(record({ t: "x" }), { text: "t" }, { id: "row-7" }), {
    id: "row-7",
    row: { id: "row-7", text: "x" },
  });
});

test("the system turn of the fallback stands only where there is none", () => {
  const fallback = { id: "f", system: "default" };
  const mapping = { messages: "m" };
  const roles = (turns: unknown[]) => {
    const item = mapRecord(record({ m: turns }), mapping, fallback);
    return "row" in item ? (item.row as ChatRow).messages.map(({ content }) => content) : item.skipped;
  };
  assert.deepEqual(roles([user("q"), assistant("a")]), ["default", "q", "a"]);
  assert.deepEqual(roles([{ role: "system", content: "own" }, user("q"), assistant("a")]), ["own", "q", "a"]);
});

test("Alpaca: without an input, the instruction is what the user asks", () => {
  const mapping = recogniseMapping(record({ instruction: "Say why.", output: "So." }));
  const messages = (value: Record<string, unknown>, system?: string) => {
    const item = mapRecord(record(value), mapping, { id: "f", system });
    return "row" in item ? (item.row as ChatRow).messages : item.skipped;
  };
  const asked = [user("Say why."), assistant("So.")];
  for (const input of [undefined, "", " \n", null])
    assert.deepEqual(messages({ instruction: "Say why.", input, output: "So." }), asked);
  assert.deepEqual(messages({ instruction: "Say why.", output: "So." }, "default"), [
    { role: "system", content: "default" },
    ...asked,
  ]);
  assert.deepEqual(messages({ instruction: "Say why.", input: "It rains.", output: "So." }, "default"), [
    { role: "system", content: "Say why." },
    user("It rains."),
    assistant("So."),
  ]);
  assert.equal(messages({ instruction: " ", input: "", output: "So." }), "blank");
  assert.throws(() => messages({ instruction: "Say why.", input: "It rains." }), { message: /field output/ });
});

test("whole numbers beyond 2^53 are refused, since their last digits are lost", () => {
  const idOf = (json: string) => mapRecord(record(JSON.parse(json)), { id: "i", text: "t" }, { id: "f" }).id;
  assert.equal(idOf('{"i": 9007199254740991, "t": "x"}'), "9007199254740991");
  assert.equal(idOf('{"i": -5, "t": "x"}'), "-5");
  assert.equal(idOf('{"i": 1.5, "t": "x"}'), "1.5");
  assert.equal(idOf('{"i": "9007199254740993", "t": "x"}'), "9007199254740993");
  for (const id of ["9007199254740993", "-9007199254740992", "1e21", "1e400"])
    assert.throws(() => idOf(`{"i": ${id}, "t": "x"}`), {
      code: "DATA_INVALID",
      message: /^f\.jsonl, line 7: field i is a number beyond 2\^53[^\d]*$/,
    });
});

test("records without a row say why", () => {
  const messages = { messages: "m" };
  const cases: Array<[Record<string, unknown>, FieldMapping, string]> = [
    [{ t: " \n" }, { text: "t" }, "blank"],
    [{ t: null }, { text: "t" }, "blank"],
    [{ q: "a", a: "" }, { question: "q", answer: "a" }, "blank"],
    [{ q: "a", a: "x <|im_start|>" }, { question: "q", answer: "a" }, "chat-marker"],
    [{ m: [user("q")] }, messages, "no-answer"],
    [{ m: [user("q"), { role: "tool", content: "x" }] }, messages, "other-role"],
    [{ m: [user("q"), { role: "assistant", content: null }] }, messages, "other-role"],
    [{ m: [{ from: "toString", value: "x" }] }, messages, "other-role"],
  ];
  for (const [value, mapping, skipped] of cases)
    assert.deepEqual(mapRecord(record(value), mapping, { id: "i" }), { id: "i", skipped });
});

test("fields of the wrong form are named, with the place and without the text", () => {
  const cases: Array<[Record<string, unknown>, FieldMapping, RegExp]> = [
    [{}, { text: "t" }, /field t of the mapping is missing/],
    [{ t: { a: "Secret" } }, { text: "t" }, /field t must be text/],
    [{ t: ["a", { b: "Secret" }] }, { text: "t" }, /field t must be text/],
    [{ m: "Secret" }, { messages: "m" }, /field m must be an array/],
    [{ m: [] }, { messages: "m" }, /field m must be an array/],
    [{ m: ["Secret"] }, { messages: "m" }, /field m\[0\] must be an object/],
    [{ m: [{ role: 1 }] }, { messages: "m" }, /field m\[0\]\.role/],
    [{ m: [{ from: "human", value: 5 }] }, { messages: "m" }, /field m\[0\]\.value/],
    [{ m: [{ role: "user", content: [{ type: "image", url: "Secret" }] }] }, { messages: "m" }, /m\[0\]\.content/],
  ];
  for (const [value, mapping, message] of cases)
    assert.throws(
      () => mapRecord(record(value), mapping, { id: "i" }),
      (error: Error) => {
        assert.match(error.message, message);
        assert.match(error.message, /^f\.jsonl, line 7: /);
        assert.ok(!error.message.includes("Secret"));
        return true;
      },
    );
});

test("mappings that do not say what is learnt are refused", () => {
  const bad: FieldMapping[] = [
    {},
    { id: "i" },
    { question: "q" },
    { answer: "a" },
    { context: "c" },
    { text: "t", messages: "m" },
    { text: "t", question: "q", answer: "a" },
    { text: "t", system: "s" },
    { text: "t", instruction: "i" },
    { messages: "m", instruction: "i" },
    { question: "q", answer: "a", instruction: "i", system: "s" },
  ];
  for (const mapping of bad) assert.throws(() => checkMapping(mapping), { code: "ARGUMENT_INVALID" });
  for (const mapping of [
    { text: "t", id: "i" },
    { messages: "m", system: "s" },
    { question: "q", answer: "a" },
  ])
    checkMapping(mapping);
  assert.deepEqual(parseMapping(["question=q", "answer=a=b"]), { question: "q", answer: "a=b" });
  for (const entries of [["question"], ["=x"], ["question="], ["quest=x"], ["text=a", "text=b"]])
    assert.throws(() => parseMapping(entries), { code: "ARGUMENT_INVALID" });
});

test("ShareGPT and OpenAI files need no mapping", async () => {
  const output = folder.path("any.jsonl");
  const manifest = await prepareAny({ inputs: [fixture("sharegpt.json"), fixture("messages.jsonl")], output });
  const rows = await collect(readRows(output));
  assert.deepEqual(rows, [
    { id: "s1", messages: [{ role: "system", content: "Be brief." }, user("Is rest good?"), assistant("Yes.")] },
    {
      id: "row-1",
      messages: [{ role: "system", content: "Be brief." }, user("Is rest\ngood?"), assistant("Yes.")],
      label: "yes",
    },
  ]);
  assert.deepEqual(manifest.counts, { read: 5, used: 2, skipped: { "other-role": 2, "no-answer": 1 } });
  assert.deepEqual(await readJsonLines(`${output}.dropped.jsonl`), [
    { id: "s2", input: fixture("sharegpt.json"), reason: "other-role" },
    { id: "s3", input: fixture("sharegpt.json"), reason: "no-answer" },
    { id: "row-2", input: fixture("messages.jsonl"), reason: "other-role" },
  ]);
});

test("the filter judges single exchanges and lets documents pass", async () => {
  const good = "The ankle should be rested, cooled and kept raised until the swelling is gone.";
  const question = "What should I do about a swollen ankle?";
  const input = await folder.write(
    "filter.jsonl",
    jsonLines([
      { messages: [user(question), assistant(good)] },
      { messages: [user(question), assistant("Rest.")] },
      { messages: [user(question), assistant("Rest."), user("And then?"), assistant("Ice.")] },
    ]),
  );
  const output = folder.path("filtered.jsonl");
  const manifest = await prepareAny({ inputs: [input], output, filter: true });
  assert.deepEqual(manifest.counts, { read: 3, used: 2, skipped: { "too-short": 1 } });
});
