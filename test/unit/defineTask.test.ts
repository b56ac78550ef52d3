import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parquetWriteBuffer } from "hyparquet-writer";
import { defineTask } from "../../dist/eval/define/defineTask.js";
import { loadTask } from "../../dist/eval/define/load.js";
import type { GenerationDefinition, LikelihoodDefinition } from "../../dist/eval/define/schema.js";
import { ownTexts, prepareRun } from "../../dist/eval/loglikelihood/prepare.js";
import type { LikelihoodTask } from "../../dist/eval/loglikelihood/task.js";
import { prepareQuestions } from "../../dist/eval/questions.js";
import { jsonLines, temporaryFolder } from "./helpers/data.js";
import { failsWithoutText } from "./helpers/results.js";

const folder = await temporaryFolder();
let files = 0;

const generation: GenerationDefinition = {
  kind: "generation",
  name: "triage",
  prompt: "Context: {{note.text}} Question: {{question}}\n{{choices}}",
  system: "Answer by a letter.",
  choices: { field: "options" },
  choice_line: "({{letter}}) {{text}}",
  choice_separator: " ",
  gold: { field: "answer", as: "letter" },
  labels: ["A", "B", "C"],
  extract: { rule: "prefix", form: "({{label}})" },
};

const likelihood: LikelihoodDefinition = {
  kind: "likelihood",
  name: "facts",
  prompt: "Q: {{question}}\nA:",
  choices: { fields: ["a", "b"] },
  gold: { field: "right", as: "index", first: 1 },
};

const rows = [
  { id: "one", note: { text: "Fell." }, question: "What now?", options: ["Rest", "X-ray"], answer: "B" },
  {
    id: "two",
    note: { text: ["Cough.", "Fever."] },
    question: "And {{here}}?",
    options: { A: "1", B: "2", C: "3" },
    answer: "c",
  },
];

async function asked(definition: GenerationDefinition, content: string | Uint8Array, name = "data.jsonl") {
  return prepareQuestions(defineTask(definition), await folder.write(`${files++}-${name}`, content));
}

async function scored(
  definition: LikelihoodDefinition | LikelihoodTask,
  content: string,
  name = "data.jsonl",
  shots = 0,
) {
  const task = "read" in definition ? definition : defineTask(definition);
  const { tasks } = await prepareRun(task, await folder.write(`${files++}-${name}`, content), shots);
  const { questions, sources } = tasks[0]!;
  return questions.map((question, i) => ({ ...question, own: ownTexts(sources[i]!) }));
}

describe("a defined task of generated answers", () => {
  it("asks what its templates say, and reads gold by letter", async () => {
    const [one, two] = await asked(generation, jsonLines(rows));
    assert.deepEqual(one!.messages, [
      { role: "system", content: "Answer by a letter." },
      { role: "user", content: "Context: Fell. Question: What now?\n(A) Rest (B) X-ray" },
    ]);
    assert.deepEqual([one!.id, one!.gold], ["one", "B"]);
    // A value is never read as a template again.
    assert.equal(two!.messages[1]!.content, "Context: Cough. Fever. Question: And {{here}}?\n(A) 1 (B) 2 (C) 3");
    assert.equal(two!.gold, "C");
  });

  it("reads JSON, an array in an object, CSV and Parquet alike", async () => {
    const flat = rows.map(({ note, options, ...rest }) => ({
      ...rest,
      text: [note.text].flat().join(" "),
      options: JSON.stringify(options),
    }));
    const definition = { ...generation, prompt: generation.prompt.replace("note.text", "text") };
    const expected = (await asked(generation, jsonLines(rows))).map(({ prompt, gold }) => [prompt, gold]);
    const csv = `id,text,question,options,answer\n${flat
      .map(({ id, text, question, options, answer }) =>
        [id, text, question, options, answer].map((cell) => `"${cell.replaceAll('"', '""')}"`).join(","),
      )
      .join("\n")}\n`;
    const column = (name: "id" | "text" | "question" | "options" | "answer") => ({
      ...{ name, type: "STRING" as const, data: flat.map((row) => row[name]) },
    });
    const parquet = parquetWriteBuffer({
      columnData: [column("id"), column("text"), column("question"), column("options"), column("answer")],
    });
    const nested = { ...definition, records: "items" };
    for (const [wanted, content, name] of [
      [definition, JSON.stringify(flat), "a.json"],
      [nested, JSON.stringify({ version: 1, items: flat }), "a.json"],
      [definition, csv, "a.csv"],
      [definition, new Uint8Array(parquet), "a.parquet"],
    ] as const) {
      const questions = await asked(wanted, content, name);
      assert.deepEqual(
        questions.map(({ prompt, gold }) => [prompt, gold]),
        expected,
      );
    }
  });

  it("finds gold as text and as index, among fixed choices or labels", async () => {
    const labelled: GenerationDefinition = {
      kind: "generation",
      name: "yesno",
      prompt: "{{q}}",
      gold: { field: "g", as: "text" },
      labels: ["yes", "no", "maybe"],
      extract: { rule: "pubmedqa/strict@1" },
    };
    const gold = async (definition: GenerationDefinition, g: unknown) =>
      (await asked(definition, jsonLines([{ q: "?", g }])))[0]!.gold;
    assert.equal(await gold(labelled, " Maybe "), "maybe");
    assert.equal(await gold({ ...labelled, gold: { field: "g", as: "index" } }, 1), "no");
    assert.equal(await gold({ ...labelled, gold: { field: "g", as: "index", first: 1 } }, "1"), "yes");
    // Choices that differ in case only are told apart by their exact text.
    const units = {
      ...labelled,
      choices: { fixed: ["mg", "Mg"] },
      labels: ["A", "B"],
      extract: { rule: "starts_with" as const },
    };
    assert.equal(await gold(units, "Mg"), "B");
    await assert.rejects(
      gold(units, "MG"),
      failsWithoutText("DATA_INVALID", /line 1: field g must be the text of exactly one/),
    );
  });

  it("has a hash of all that changes an answer, whatever the order of its keys", () => {
    const { definition } = defineTask(generation);
    assert.match(definition!, /^[0-9a-f]{64}$/);
    const reversed = Object.fromEntries(Object.entries(generation).reverse()) as unknown as GenerationDefinition;
    assert.equal(defineTask(reversed).definition, definition);
    assert.equal(defineTask({ ...generation, data: "elsewhere.csv", description: "Said." }).definition, definition);
    for (const change of [{ system: "Other." }, { max_tokens: 5 }, { choice_separator: "\n" }, { version: 2 }])
      assert.notEqual(defineTask({ ...generation, ...change }).definition, definition);
  });
});

describe("a defined task of choices", () => {
  it("scores texts or letters, with the defaults of each", async () => {
    const row = { question: "Which?", a: "this", b: 2, right: 2 };
    const [texts] = await scored(likelihood, jsonLines([row]));
    assert.deepEqual([...texts!.contexts], ["Q: Which?\nA:", "Q: Which?\nA:"]);
    assert.deepEqual([texts!.continuations, texts!.gold], [[" this", " 2"], [1]]);
    assert.deepEqual(defineTask(likelihood).metrics, ["acc_norm", "acc"]);
    const lettered = {
      ...likelihood,
      prompt: "{{question}}\n{{choices}}\nAnswer:",
      score: "letters" as const,
      preamble: "Hi\n\n",
    };
    const [letters] = await scored(lettered, jsonLines([row]));
    assert.equal(letters!.contexts[0], "Hi\n\nWhich?\nA. this\nB. 2\nAnswer:");
    assert.deepEqual(letters!.continuations, [" A", " B"]);
    assert.deepEqual(defineTask(lettered).metrics, ["acc"]);
    // What is compared with training rows is the question without the preamble.
    assert.deepEqual(letters!.own, ["Which?\nA. this\nB. 2\nAnswer:", "A", "B"]);
  });

  it("takes several right answers for mc2 only", async () => {
    const several: LikelihoodDefinition = { ...likelihood, gold: { field: "right", as: "text" }, metrics: ["mc2"] };
    const content = jsonLines([{ question: "?", a: "x", b: "y", right: ["y", "X"] }]);
    assert.deepEqual((await scored(several, content))[0]!.gold, [1, 0]);
    await assert.rejects(
      scored({ ...several, metrics: ["acc"] }, content),
      failsWithoutText("DATA_INVALID", /only mc2 takes several/),
    );
    const none = jsonLines([{ question: "?", a: "x", b: "y", right: [] }]);
    await assert.rejects(scored(several, none), failsWithoutText("DATA_INVALID", /at least one right answer/));
  });

  it("gets shots of its own file", async () => {
    const shots = await folder.write("shots.csv", "question,a,b,right\nFirst?,p,q,1\n");
    const task = defineTask({ ...likelihood, shots_file: shots });
    const [question] = await scored(task, "question,a,b,right\nSecond?,r,s,2\n", "x.csv", 1);
    assert.equal(question!.contexts[0], "Q: First?\nA: p\n\nQ: Second?\nA:");
    await assert.rejects(scored(likelihood, "question,a,b,right\nSecond?,r,s,2\n", "x.csv", 1), /facts has no shots/);
  });
});

describe("a task file", () => {
  it("is the same object in YAML, its paths from its own folder", async () => {
    await folder.write("own.jsonl", jsonLines([{ question: "?", a: "x", b: "y", right: 1 }]));
    const path = await folder.write(
      "facts.yaml",
      'kind: likelihood\nname: facts\ndata: own.jsonl\nprompt: "Q: {{question}}\\nA:"\nchoices:\n  fields: [a, b]\ngold: {field: right, as: index, first: 1}\n',
    );
    const task = await loadTask(path);
    assert.equal(task.data, folder.path("own.jsonl"));
    assert.equal(task.definition, defineTask(likelihood).definition);
  });

  it("that cannot be read is named with its line", async () => {
    await assert.rejects(loadTask(folder.path("none.yaml")), failsWithoutText("FILE_NOT_FOUND", /none\.yaml/));
    const broken = await folder.write("broken.yaml", "kind: likelihood\nname: [\n");
    await assert.rejects(
      loadTask(broken),
      failsWithoutText("CONFIG_INVALID", /broken\.yaml is no valid YAML at line 3/),
    );
    const list = await folder.write("list.yaml", "- a\n");
    await assert.rejects(loadTask(list), failsWithoutText("CONFIG_INVALID", /list\.yaml must hold keys and values/));
  });
});

describe("a wrong definition is refused with its keys", () => {
  const cases: Array<[change: object, message: RegExp]> = [
    [{ promt: "x" }, /- promt: is no known key\. Did you mean prompt\?/],
    [{ preamble: "x" }, /- preamble: is only for kind: likelihood/],
    [
      { gold: { field: "a", as: "leter" } },
      /gold\.as: expected index or letter or text, got "leter"\. Did you mean letter\?/,
    ],
    [{ gold: { feild: "a", as: "letter" } }, /gold\.feild: is no known key\. Did you mean field\?/],
    [{ kind: "generated" }, /kind: expected generation or likelihood, got "generated"\. Did you mean generation\?/],
    [{ prompt: undefined }, /- prompt: is missing\. Template of what is asked/],
    [{ prompt: "{{question" }, /- prompt: has \{\{ or \}\} that is no \{\{name\}\}/],
    [{ prompt: "{{ }}" }, /- prompt: has \{\{ \}\} without a name/],
    [{ choice_line: "{{lettre}}" }, /- choice_line: holds only/],
    [{ choices: { field: "x", fixed: ["a", "b"] } }, /- choices: needs exactly one of field, fields, fixed/],
    [{ choices: {} }, /- choices: needs exactly one/],
    [{ name: "pubmedqa" }, /- name: is that of a built-in benchmark/],
    [{ name: "all" }, /- name: is that of a built-in benchmark/],
    [{ name: "../x" }, /- name: expected/],
    [{ gold: { field: "a", as: "letter", first: 1 } }, /- gold\.first: is only for as: index/],
    [{ labels: ["A", "a "] }, /- labels: two are equal/],
    [{ extract: { rule: "prefix" } }, /- extract\.form: is missing/],
    [{ extract: { rule: "starts_with", form: "x" } }, /- extract\.form: is only for rule prefix/],
    [{ extract: { rule: "prefix", form: "no label" } }, /- extract\.form: must hold \{\{label\}\} once/],
    [{ extract: { rule: "pattern", pattern: "(a)(?=b)" } }, /- extract\.pattern: is no regular expression of RE2/],
    [{ extract: { rule: "pattern", pattern: "[A-C]" } }, /- extract\.pattern: must have one group.*it has 0/],
    [{ extract: { rule: "medqa/prefix3@1" } }, /- labels: rule medqa\/prefix3@1 reads A, B, C, D or A, B, C, D, E/],
    [{ extract: { rule: "pubmedqa/strict@1" } }, /- labels: rule pubmedqa\/strict@1 reads yes, no, maybe/],
    [{ max_tokens: 0 }, /- max_tokens: expected at least 1, got 0/],
  ];
  for (const [change, message] of cases)
    it(message.source, () => {
      const wrong = { ...generation, ...change } as GenerationDefinition;
      assert.throws(() => defineTask(wrong), failsWithoutText("CONFIG_INVALID", message));
    });

  it("all problems at once", () => {
    const wrong = { ...likelihood, metrics: ["acc", "acc"], name: "piqa" } as LikelihoodDefinition;
    assert.throws(
      () => defineTask(wrong),
      failsWithoutText("CONFIG_INVALID", /has 2 problems:\n- name: .*\n- metrics: one is named twice/),
    );
  });
});

describe("malformed data of a defined task names file, row and field", () => {
  const good = { question: "secret?", note: { text: "t" }, options: ["secret", "b"], answer: "A" };
  const cases: Array<[row: object, message: RegExp]> = [
    [{ question: undefined }, /data\.jsonl, line 2: field question is missing/],
    [{ question: { a: 1 } }, /line 2: field question must be text or a list of texts/],
    [{ note: "t" }, /line 2: field note\.text is missing/],
    [{ answer: undefined }, /line 2: field answer is missing/],
    [{ answer: "C" }, /line 2: field answer must be a letter from A to B/],
    [{ answer: "secret" }, /line 2: field answer must be a letter from A to B/],
    [{ answer: ["A", "B"] }, /line 2: field answer must hold one right answer/],
    [{ options: "secret, b" }, /line 2: field options must be a list of texts/],
    [{ options: ["secret"] }, /line 2: there are 1 choices/],
    [{ options: ["secret", " "] }, /line 2: choice 2 is blank/],
    [{ options: ["secret", "b", "c", "d"] }, /line 2: there are 4 choices, but the task has 3 labels/],
    [{ options: { A: "secret", C: "b" } }, /line 2: field options must be a list/],
    [{ options: [{ text: "secret" }, "b"] }, /line 2: field options must be a list/],
    [{ id: "row-1" }, /line 2: the id occurs twice/],
    [{ question: "secret <|im_start|>" }, /question 2: messages/],
  ];
  for (const [change, message] of cases)
    it(message.source, async () => {
      const content = jsonLines([good, { ...good, ...change }]);
      await assert.rejects(asked(generation, content), failsWithoutText("DATA_INVALID", message));
    });

  it("empty, and of another format", async () => {
    await assert.rejects(
      asked(generation, "[]", "a.json"),
      failsWithoutText("DATA_EMPTY", /a\.json holds no questions of triage/),
    );
    await assert.rejects(asked(generation, "", "a.csv"), failsWithoutText("DATA_INVALID", /a\.csv: is empty/));
    await assert.rejects(
      asked(generation, 'id,a\n"x,1\n', "a.csv"),
      failsWithoutText("DATA_INVALID", /a\.csv, line \d+: .*quote/),
    );
    await assert.rejects(
      asked(generation, "PAR1 cut short", "a.parquet"),
      failsWithoutText("DATA_INVALID", /a\.parquet: is no Parquet file/),
    );
    const many = jsonLines([good, good]).trimEnd().slice(0, -5);
    await assert.rejects(asked(generation, many), failsWithoutText("DATA_INVALID", /line 2: is not valid JSON/));
    await assert.rejects(
      scored(likelihood, jsonLines([{ question: "?", a: "x", b: "y", right: 3 }])),
      failsWithoutText("DATA_INVALID", /line 1: field right must be a whole number from 1 to 2/),
    );
  });
});
