import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { describe, it } from "node:test";
import { isMediloraError } from "../../dist/errors.js";
import { type DumpedRequest, dumpRequests } from "../../dist/eval/dumpRequests.js";
import { LIKELIHOOD_TASKS } from "../../dist/eval/tasks/index.js";
import { fixture, jsonLines, readJsonLines, shared, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
let files = 0;

async function dumped(task: string, data: string, options: { shots?: number; limit?: number } = {}) {
  const output = folder.path(`dump-${files++}.jsonl`);
  const lines = await dumpRequests({ task, data, output, ...options });
  const requests = await readJsonLines<DumpedRequest>(output);
  assert.equal(requests.length, lines);
  if (process.platform !== "win32") assert.equal((await stat(output)).mode & 0o777, 0o600);
  return requests;
}

async function dumpedOf(task: string, content: string, name = "data.jsonl") {
  return dumped(task, await folder.write(`${files++}-${name}`, content));
}

function summary(requests: readonly DumpedRequest[]) {
  return {
    contexts: [...new Set(requests.map(({ context }) => context))],
    continuations: requests.map(({ continuation }) => continuation),
    gold: requests[0]!.gold,
  };
}

const LETTERS = [" A", " B", " C", " D"];

describe("prompts, by hand", () => {
  const mmlu = '"  Which is\nthe heart? ",An organ,"A bone, of sorts",A nerve,"He said ""no""",A\nTwo?,1,2,3,4,B\n';
  const text = 'Which is\nthe heart?\nA. An organ\nB. A bone, of sorts\nC. A nerve\nD. He said "no"\nAnswer:';
  const preamble = "The following are multiple choice questions (with answers) about college biology.\n\n";

  it("MMLU: description, stripped question, options, letters; shots are the first dev rows", async () => {
    const requests = await dumpedOf("mmlu_college_biology", mmlu, "college_biology_test.csv");
    assert.deepEqual(summary(requests.slice(0, 4)), { contexts: [preamble + text], continuations: LETTERS, gold: [0] });
    assert.deepEqual(
      requests.slice(4).map(({ docId, gold }) => [docId, gold]),
      Array.from({ length: 4 }, () => ["row-2", [1]]),
    );
    await folder.write("college_biology_test.csv", mmlu);
    await folder.write("college_biology_dev.csv", "One?,p,q,r,s,D\nTwo?,t,u,v,w,A\n");
    const shot = "One?\nA. p\nB. q\nC. r\nD. s\nAnswer: D\n\n";
    const second = "Two?\nA. t\nB. u\nC. v\nD. w\nAnswer: A\n\n";
    const root = folder.path(".");
    const [one] = await dumped("mmlu_college_biology", root, { shots: 1 });
    assert.equal(one!.context, preamble + shot + text);
    const [two] = await dumped("mmlu_college_biology", root, { shots: 2 });
    assert.equal(two!.context, preamble + shot + second + text);
    await assert.rejects(dumped("mmlu_college_biology", root, { shots: 3 }), /holds 2 shots; 3 are asked for/);
  });

  it("MMLU: label style, a header with answers 0 to 3, and the group", async () => {
    const [first] = await dumpedOf("mmlu_college_biology_parentheses", mmlu, "x.csv");
    assert.equal(first!.context, preamble + text.replace(/^([A-D])\. /gm, "($1) "));
    const header = `question,A,B,C,D,answer\n${mmlu.replaceAll(",A\n", ",0\n").replaceAll(",B\n", ",1\n")}`;
    const numbered = await dumpedOf("mmlu_college_biology", header, "x.csv");
    assert.deepEqual(summary(numbered.slice(0, 4)).contexts, [preamble + text]);
    assert.deepEqual(numbered[4]!.gold, [1]);
    const group = await dumped("mmlu_medical", folder.path("."), { limit: 1 });
    assert.deepEqual(
      group.map(({ task }) => task),
      Array.from({ length: 4 }, () => "mmlu_college_biology"),
    );
  });

  it("PubMedQA: abstract, question, yes no maybe", async () => {
    const record = { QUESTION: "Does it?", CONTEXTS: ["One.", "Two."], final_decision: "maybe" };
    const requests = await dumpedOf("pubmedqa_likelihood", JSON.stringify({ 7: record }), "pubmedqa.json");
    assert.deepEqual(summary(requests), {
      contexts: ["Abstract: One.\nTwo.\nQuestion: Does it?\nAnswer:"],
      continuations: [" yes", " no", " maybe"],
      gold: [2],
    });
    assert.equal(requests[0]!.docId, "7");
  });

  it("MedQA: both kinds, four and five options", async () => {
    const four = { question: "Why?", options: { A: "a", B: "b", C: "c", D: "d" }, answer: "c", answer_idx: "C" };
    const requests = await dumpedOf("medqa_4options_likelihood", jsonLines([four]));
    assert.deepEqual(summary(requests), {
      contexts: ["Question: Why?\nA. a\nB. b\nC. c\nD. d\nAnswer:"],
      continuations: LETTERS,
      gold: [2],
    });
    const five = { ...four, options: { ...four.options, E: "e" }, answer: "e", answer_idx: "E" };
    const fifth = await dumpedOf("medqa_5options_likelihood", jsonLines([five]));
    assert.deepEqual([fifth.length, fifth[4]!.continuation, fifth[0]!.gold], [5, " E", [4]]);
    await assert.rejects(dumpedOf("medqa_5options_likelihood", jsonLines([four])), /4 options; the task has 5/);
    const [asked] = await dumpedOf("medqa_4options", jsonLines([four]));
    assert.match(asked!.context, /^<\|im_start\|>system\nYou are a medical doctor .* from A to D\. /);
    assert.ok(asked!.context.endsWith("Why? (A) a (B) b (C) c (D) d<|im_end|>\n<|im_start|>assistant\n"));
    assert.deepEqual([asked!.continuation, asked!.gold], [null, "C"]);
    const [answer] = await dumpedOf("medqa_5options", jsonLines([five]));
    assert.match(answer!.context, /from A to E\. /);
    await assert.rejects(dumpedOf("medqa_4options", jsonLines([five])), /5 options; the task has 4/);
  });

  it("MedMCQA: question, choices, letters", async () => {
    const record = { id: "m", question: "Which?", opa: "a", opb: "b", opc: "c", opd: "d", cop: 4 };
    const requests = await dumpedOf("medmcqa", jsonLines([record]));
    const contexts = ["Question: Which?\nChoices:\nA. a\nB. b\nC. c\nD. d\nAnswer:"];
    assert.deepEqual(summary(requests), { contexts, continuations: LETTERS, gold: [3] });
  });

  it("TruthfulQA: six pairs, the question; both forms and the CSV give the same targets", async () => {
    const csv =
      "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\nx,y,Is it?,No, No; It is not ,Yes; It is;,z\n";
    const object = { question: "Is it?", mc1_targets: { No: 1, Yes: 0, "It is": 0 } };
    const listed = { question: "Is it?", mc1_targets: { choices: ["No", "Yes", "It is"], labels: [1, 0, 0] } };
    const mc1 = summary(await dumpedOf("truthfulqa_mc1", csv, "t.csv"));
    const pairs = "Q: What is human life expectancy in the United States?\nA: Human life expectancy";
    assert.ok(mc1.contexts[0]!.startsWith(pairs));
    assert.equal(mc1.contexts[0]!.split("\n\n").length, 7);
    assert.ok(mc1.contexts[0]!.endsWith("were held in Barcelona, Spain.\n\nQ: Is it?\nA:"));
    assert.deepEqual([mc1.continuations, mc1.gold], [[" No", " Yes", " It is"], [0]]);
    assert.deepEqual(summary(await dumpedOf("truthfulqa_mc1", JSON.stringify([object]), "t.json")), mc1);
    assert.deepEqual(summary(await dumpedOf("truthfulqa_mc1", jsonLines([listed]))), mc1);
    const mc2 = summary(await dumpedOf("truthfulqa_mc2", csv, "t.csv"));
    assert.deepEqual(
      [mc2.continuations, mc2.gold],
      [
        [" No", " It is not", " Yes", " It is"],
        [0, 1],
      ],
    );
  });

  const bare = { id: "q", question: "Why so?", choices: ["One way", "Another"], answer: 1 };
  const published = {
    id: "q",
    question: {
      stem: "Why so?",
      choices: [
        { text: "One way", label: "1" },
        { text: "Another", label: "2" },
      ],
    },
    answerKey: "2",
  };
  const copy = { question: "Why so?", choices: { text: ["One way", "Another"], label: ["A", "B"] }, answerKey: "B" };

  it("ARC, OpenBookQA: published, copied and plain records", async () => {
    const expected = { contexts: ["Question: Why so?\nAnswer:"], continuations: [" One way", " Another"], gold: [1] };
    for (const task of ["arc_easy", "arc_challenge"])
      for (const record of [bare, published, copy])
        assert.deepEqual(summary(await dumpedOf(task, jsonLines([record]))), expected);
    const { question, ...rest } = copy;
    for (const record of [bare, published, { ...rest, question_stem: question }])
      assert.deepEqual(summary(await dumpedOf("openbookqa", jsonLines([record]))), {
        ...expected,
        contexts: ["Why so?"],
      });
  });

  it("PIQA, BoolQ", async () => {
    const piqa = { goal: "Open it.", sol1: "Pull ", sol2: "Push", label: 0 };
    const contexts = ["Question: Open it.\nAnswer:"];
    assert.deepEqual(summary(await dumpedOf("piqa", jsonLines([piqa]))), {
      ...{ contexts, continuations: [" Pull ", " Push"], gold: [0] },
    });
    for (const answer of [{ answer: true }, { label: 1 }, { label: true }])
      assert.deepEqual(summary(await dumpedOf("boolq", jsonLines([{ passage: "P.", question: "is it", ...answer }]))), {
        contexts: ["P.\nQuestion: is it?\nAnswer:"],
        continuations: [" no", " yes"],
        gold: [1],
      });
  });

  it("HellaSwag: markup goes, the second part is capitalised", async () => {
    const record = {
      activity_label: "Baking",
      ctx_a: "[header] How to bake [title] Mix.",
      ctx_b: "the Cook",
      endings: ["stirs [step] it.", "  naps"],
      label: "0",
    };
    assert.deepEqual(summary(await dumpedOf("hellaswag", jsonLines([record]))), {
      contexts: ["Baking: How to bake. Mix. The cook"],
      continuations: [" stirs it.", " naps"],
      gold: [0],
    });
  });

  it("WinoGrande: two contexts, one rest", async () => {
    const plain = { question: "Ann paid Eve so _ was rich.", choices: ["Ann", "Eve"], answer: 1 };
    const published = { qID: "x", sentence: plain.question, option1: "Ann", option2: "Eve", answer: "2" };
    for (const record of [plain, published])
      assert.deepEqual(summary(await dumpedOf("winogrande", jsonLines([record]))), {
        contexts: ["Ann paid Eve so Ann", "Ann paid Eve so Eve"],
        continuations: [" was rich.", " was rich."],
        gold: [1],
      });
  });
});

describe("malformed data names file, row and field, and quotes nothing", () => {
  const bad = (field: string, value: unknown) =>
    jsonLines([
      { question: "secret?", choices: ["secret", "b"], answer: 0 },
      { question: "secret?", choices: ["secret", "b"], answer: 0, [field]: value },
    ]);
  const pubmed = '{"1":{"QUESTION":"secret?","CONTEXTS":["c"]}}';
  const bigbench = (scores: object) => JSON.stringify({ examples: [{ input: "secret", target_scores: scores }] });
  const cases: Array<[task: string, name: string, content: string, code: string, message: RegExp]> = [
    ["arc_easy", "a.jsonl", bad("answer", 2), "DATA_INVALID", /a\.jsonl, line 2: field answer must .* 0 to 1/],
    [
      "arc_easy",
      "a.jsonl",
      bad("choices", ["secret"]),
      "DATA_INVALID",
      /line 2: field answer|line 2: a question needs/,
    ],
    ["arc_easy", "a.jsonl", bad("choices", ["secret", ""]), "DATA_INVALID", /line 2: choice 2 is empty/],
    ["arc_easy", "a.jsonl", bad("question", 5), "DATA_INVALID", /line 2: field question must be a string/],
    ["arc_easy", "a.jsonl", bad("id", "row-1"), "DATA_INVALID", /line 2: the id occurs twice/],
    ["arc_easy", "a.jsonl", `${bad("id", "x")}{"question"`, "DATA_INVALID", /line 3: is not valid JSON/],
    ["arc_easy", "a.json", "[]", "DATA_EMPTY", /holds no questions of arc_easy/],
    ["arc_easy", "a.jsonl", "", "DATA_EMPTY", /a\.jsonl/],
    ["winogrande", "a.jsonl", bad("question", "secret"), "DATA_INVALID", /line 1: the sentence must have a blank/],
    ["boolq", "a.jsonl", jsonLines([{ passage: "p", question: "q" }]), "DATA_INVALID", /line 1: field answer/],
    ["mmlu_anatomy", "a.csv", "q,a,b,c,d,A\nsecret,a,b,c,d,E\n", "DATA_INVALID", /a\.csv, row 2: field 6/],
    ["mmlu_anatomy", "a.csv", "q,a,b,c,A\n", "DATA_INVALID", /row 1: a row must have six fields/],
    ["mmlu_anatomy", "a.csv", 'q,a,b,c,d,A\n"secret,a,b,c,d,A\n', "DATA_INVALID", /a\.csv, line \d+: .*quote/],
    ["mmlu_anatomy", "a.csv", "", "DATA_EMPTY", /mmlu_anatomy/],
    ["pubmedqa_likelihood", "a.json", pubmed, "DATA_INVALID", /record 1: field final_decision is missing/],
    ["bigbench_snarks", "a.json", bigbench({ secret: 1, b: 1 }), "DATA_INVALID", /row 1: field target_scores/],
    ["bigbench_snarks", "a.json", bigbench({ secret: 0.5, b: 1 }), "DATA_INVALID", /row 1: field target_scores/],
    ["truthfulqa_mc1", "a.jsonl", jsonLines([{ question: "secret" }]), "DATA_INVALID", /field mc1_targets must/],
    [
      "truthfulqa_mc1",
      "a.jsonl",
      jsonLines([{ question: "secret", mc1_targets: { a: 1, b: 1 } }]),
      "DATA_INVALID",
      /line 1: mc1 needs exactly one/,
    ],
    ["hellaswag", "a.jsonl", jsonLines([{ activity_label: "x", ctx_a: "y", ctx_b: "z" }]), "DATA_INVALID", /endings/],
  ];
  for (const [task, name, content, code, message] of cases)
    it(`${task}: ${message.source}`, async () => {
      await assert.rejects(dumpedOf(task, content, name), (error) => {
        assert.ok(isMediloraError(error), String(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        assert.ok(!error.message.includes("secret"));
        return true;
      });
    });

  it("a folder without the file, shots that a task has not, a file for a group", async () => {
    await assert.rejects(
      dumped("arc_easy", folder.path(".")),
      /ARC-Easy-Test\.jsonl or ARC-Easy\.jsonl or .* is looked for/,
    );
    await assert.rejects(dumped("bigbench", folder.path(".")), /holds no file of bigbench/);
    const file = await folder.write("plain.jsonl", jsonLines([{ question: "q", choices: ["a", "b"], answer: 0 }]));
    await assert.rejects(dumped("arc_easy", file, { shots: 1 }), /arc_easy has no shots/);
    await assert.rejects(dumped("mmlu_anatomy", file, { shots: 1 }), /needs the folder/);
    await assert.rejects(dumped("gpt4all", file), /needs a folder/);
    await assert.rejects(dumped("arc_easy", folder.path("none")), (error) => {
      return isMediloraError(error) && error.code === "FILE_NOT_FOUND";
    });
  });
});

describe("the registry", () => {
  it("has unique names, groups of the published sizes, and a headline for each task", () => {
    const names = LIKELIHOOD_TASKS.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    const sizes = LIKELIHOOD_TASKS.flatMap((task) => (task.kind === "group" ? [[task.name, task.tasks.length]] : []));
    assert.deepEqual(sizes, [
      ["mmlu_medical", 9],
      ["mmlu_medical_parentheses", 9],
      ["gpt4all", 7],
      ["bigbench", 18],
    ]);
  });

  it("reads the fixture with a quoted newline", async () => {
    const requests = await dumped("mmlu_anatomy", fixture("mmlu.csv"));
    assert.match(requests[0]!.context, /anatomy\.\n\nWhich of these, in truth,\nis a bone of the arm/);
  });

  for (const [task, file, rows] of [
    ["arc_easy", "general_mc/ARC-Easy.jsonl", undefined],
    ["openbookqa", "general_mc/openbookqa.jsonl", undefined],
    ["piqa", "general_mc/piqa.jsonl", undefined],
    ["winogrande", "general_mc/winogrande.jsonl", undefined],
    ["medmcqa", "medmcqa/dev.jsonl", 4183],
    ["medqa_4options_likelihood", "medqa/dev_4options.jsonl", 1272],
    ["pubmedqa_likelihood", "pubmedqa/pqal_train_500.json", 500],
    ["truthfulqa_mc2", "truthfulqa/TruthfulQA.csv", undefined],
    ["truthfulqa_mc1", "truthfulqa/mc_task_derived.json", 817],
    ["bigbench_ruin_names", "bigbench_mc/ruin_names.json", 448],
  ] as const) {
    const { path, skip } = shared(file);
    it(`reads all of ${file}`, { skip }, async () => {
      const requests = await dumped(task, path);
      const documents = new Set(requests.map(({ docId }) => docId)).size;
      if (rows === undefined) assert.ok(documents > 400);
      else assert.equal(documents, rows);
    });
  }
});
