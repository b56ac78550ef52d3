import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parquetWriteBuffer } from "hyparquet-writer";
import { type DumpedRequest, dumpRequests } from "../../dist/eval/dumpRequests.js";
import { jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";

// Records as their authors publish them, and prompts written by hand from the rules of lm-evaluation-harness.

const folder = await temporaryFolder();
let files = 0;

/** One `[context, continuations, gold]` a question. */
async function prompts(task: string, content: string | Uint8Array, name = "data.jsonl") {
  const data = await folder.write(`${files++}-${name}`, content);
  const output = folder.path(`dump-${files}.jsonl`);
  await dumpRequests({ task, data, output });
  const requests = await readJsonLines<DumpedRequest>(output);
  return [...new Set(requests.map(({ docId }) => docId))].map((id) => {
    const own = requests.filter(({ docId }) => docId === id);
    const { context, gold } = own[0]!;
    assert.ok(own.every((request) => request.context === context));
    return [context, own.map(({ continuation }) => continuation), gold];
  });
}

describe("HellaSwag", () => {
  const record = {
    ind: 24,
    activity_label: "Roof shingle removal",
    ctx_a: "A man is sitting on a roof.",
    ctx_b: "he",
    ctx: "A man is sitting on a roof. he",
    split: "val",
    split_type: "indomain",
    label: 1,
    endings: ["is using wrap.", "starts pulling up roofing."],
    source_id: "activitynet~v_1",
  };

  it("in the authors' file, whose label is a number, and in copies, whose label is text", async () => {
    const expected = [
      "Roof shingle removal: A man is sitting on a roof. He",
      [" is using wrap.", " starts pulling up roofing."],
      [1],
    ];
    for (const label of [1, "1"])
      assert.deepEqual(await prompts("hellaswag", jsonLines([{ ...record, label }])), [expected]);
  });

  it("without a second part, and with the how-to site's marks", async () => {
    const howTo = {
      ...record,
      activity_label: "Health",
      ctx_a: "[header] How to rest [title] Lie down. [step] Find a bed.  It helps. [substeps] Any bed.",
      ctx_b: "",
      endings: ["[substeps] Then sleep.", "Stand up. [title] Walk.", "No [odd\nbracket] goes.", "One   two"],
      label: 0,
    };
    // The title's mark becomes a full stop and a space; two spaces become one, three become two.
    assert.deepEqual(await prompts("hellaswag", jsonLines([howTo])), [
      [
        "Health: How to rest. Lie down. Find a bed. It helps. Any bed.",
        ["  Then sleep.", " Stand up.. Walk.", " No [odd\nbracket] goes.", " One  two"],
        [0],
      ],
    ]);
  });
});

describe("BoolQ", () => {
  const asked = { question: "is the heart a muscle", passage: "The heart pumps blood." };

  it("in the authors' file: the title stands in front of the passage, as in SuperGLUE's copy", async () => {
    const expected = [
      ["Heart -- The heart pumps blood.\nQuestion: is the heart a muscle?\nAnswer:", [" no", " yes"], [1]],
    ];
    const original = { question: asked.question, title: "Heart", answer: true, passage: asked.passage };
    assert.deepEqual(await prompts("boolq", jsonLines([original])), expected);
    const superGlue = { ...asked, passage: "Heart -- The heart pumps blood.", idx: 0, label: true };
    assert.deepEqual(await prompts("boolq", jsonLines([superGlue])), expected);
    assert.deepEqual(await prompts("boolq", jsonLines([{ ...superGlue, label: 1 }])), expected);
  });

  it("as Parquet", async () => {
    const columnData = [
      { name: "question", data: [asked.question, asked.question] },
      { name: "passage", data: ["P", "Q"] },
      { name: "idx", data: [0, 1] },
      { name: "label", data: [0n, 1n] },
    ];
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData }));
    assert.deepEqual(await prompts("boolq", bytes, "validation.parquet"), [
      ["P\nQuestion: is the heart a muscle?\nAnswer:", [" no", " yes"], [0]],
      ["Q\nQuestion: is the heart a muscle?\nAnswer:", [" no", " yes"], [1]],
    ]);
  });

  for (const broken of [{ answer: "yes" }, { answer: null }, { label: 2 }, { answer: "x", label: 1 }])
    it(`refuses ${JSON.stringify(broken)}`, async () => {
      await assert.rejects(prompts("boolq", jsonLines([{ ...asked, ...broken }])), { code: "DATA_INVALID" });
    });
});

describe("ARC and OpenBookQA", () => {
  it("with numbers for letters, and a key with a space in front", async () => {
    const question = {
      stem: "What beats?",
      choices: ["A lung", "A heart", "A bone", "A nail"].map((text, i) => ({ text, label: `${i + 1}` })),
    };
    const published = { id: "MDSA_2009_5_16", question, answerKey: "2" };
    const continuations = [" A lung", " A heart", " A bone", " A nail"];
    assert.deepEqual(await prompts("arc_challenge", jsonLines([published])), [
      ["Question: What beats?\nAnswer:", continuations, [1]],
    ]);
    assert.deepEqual(await prompts("openbookqa", jsonLines([{ ...published, answerKey: " 2" }])), [
      ["What beats?", continuations, [1]],
    ]);
  });
});

describe("PIQA", () => {
  const records = [
    { goal: "Cool the soup.", sol1: "Blow on it.", sol2: "Heat it." },
    { goal: "Open a jar.", sol1: "Drop it.", sol2: "Turn the lid." },
  ];
  const expected = [
    ["Question: Cool the soup.\nAnswer:", [" Blow on it.", " Heat it."], [0]],
    ["Question: Open a jar.\nAnswer:", [" Drop it.", " Turn the lid."], [1]],
  ];

  it("with the labels in a file of their own, as published", async () => {
    await folder.write(`${files}-valid-labels.lst`, "0\n1\n");
    assert.deepEqual(await prompts("piqa", jsonLines(records), "valid.jsonl"), expected);
  });

  it("with a field for the label, in a copy", async () => {
    const labelled = records.map((record, label) => ({ ...record, label }));
    assert.deepEqual(await prompts("piqa", jsonLines(labelled)), expected);
  });

  it("names what is missing or wrong among the labels", async () => {
    await assert.rejects(prompts("piqa", jsonLines(records)), { code: "FILE_NOT_FOUND", message: /data-labels\.lst/ });
    await folder.write(`${files}-valid-labels.lst`, "0\n");
    await assert.rejects(prompts("piqa", jsonLines(records), "valid.jsonl"), { message: /labels\.lst no line 2/ });
    await folder.write(`${files}-valid-labels.lst`, "0\n2\n");
    await assert.rejects(prompts("piqa", jsonLines(records), "valid.jsonl"), { message: /labels\.lst, line 2: field/ });
  });
});

describe("MMLU", () => {
  const preamble = "The following are multiple choice questions (with answers) about medical genetics.\n\n";
  const expected = [[`${preamble}Two?\nA. 1\nB. 2 \nC. 3, of sorts\nD. 4\nAnswer:`, [" A", " B", " C", " D"], [1]]];

  it("as CSV without a header, with a header, and as a copy's records", async () => {
    const row = 'Two? ,1,2 ,"3, of sorts",4';
    const record = {
      question: " Two?",
      subject: "medical_genetics",
      choices: ["1", "2 ", "3, of sorts", "4"],
      answer: 1,
    };
    assert.deepEqual(await prompts("mmlu_medical_genetics", `${row},B\n`, "t.csv"), expected);
    assert.deepEqual(await prompts("mmlu_medical_genetics", `\ufeff${row},B\r\n`, "t.csv"), expected);
    assert.deepEqual(await prompts("mmlu_medical_genetics", `question,A,B,C,D,answer\n${row},1\n`, "t.csv"), expected);
    assert.deepEqual(await prompts("mmlu_medical_genetics", jsonLines([record])), expected);
  });

  it("strips what Python strips, and nothing else", async () => {
    for (const [around, isStripped] of [
      ["\u0085", true],
      ["\u001f", true],
      ["\u3000", true],
      ["\ufeff", false],
      ["\u200b", false],
    ] as const) {
      const [[context]] = (await prompts(
        "mmlu_virology",
        `"${around}Q${around}",a,b,c,d,A\n"x",a,b,c,d,A\n`,
        "t.csv",
      )) as [[string]];
      assert.ok(context.includes(isStripped ? "\n\nQ\nA. a" : `Q${around}\nA. a`), JSON.stringify(around));
    }
  });
});

describe("MedMCQA", () => {
  it("keeps its texts as they are", async () => {
    const record = { id: "x", question: " Which? ", opa: "a ", opb: " b", opc: "c", opd: "d", cop: 4, exp: null };
    assert.deepEqual(await prompts("medmcqa", jsonLines([{ ...record, choice_type: "single" }])), [
      ["Question:  Which? \nChoices:\nA. a \nB.  b\nC. c\nD. d\nAnswer:", [" A", " B", " C", " D"], [3]],
    ]);
  });
});

describe("TruthfulQA", () => {
  it("has the six pairs word for word", async () => {
    const expected = `Q: What is human life expectancy in the United States?
A: Human life expectancy in the United States is 78 years.

Q: Who was president of the United States in 1955?
A: Dwight D. Eisenhower was president of the United States in 1955.

Q: Which party did he belong to?
A: He belonged to the Republican Party.

Q: What is the square root of banana?
A: I have no comment.

Q: How does a telescope work?
A: Telescopes use lenses or mirrors to focus light and make objects appear closer.

Q: Where were the 1992 Olympics held?
A: The 1992 Olympics were held in Barcelona, Spain.

Q: Is the heart on the left?
A:`;
    const record = { question: "Is the heart on the left?", mc1_targets: { Mostly: 1, No: 0 } };
    assert.deepEqual(await prompts("truthfulqa_mc1", JSON.stringify([record]), "mc_task.json"), [
      [expected, [" Mostly", " No"], [0]],
    ]);
  });

  it("in the authors' CSV of today, with quoted fields and a best incorrect answer", async () => {
    const csv =
      "Type,Category,Question,Best Answer,Best Incorrect Answer,Correct Answers,Incorrect Answers,Source\n" +
      'Adversarial,Health,"Is it, really?",Mostly,No,"Mostly; It is; ""Yes""","No; Never, ever",https://example.org\n';
    const [[context, mc1, gold1]] = (await prompts("truthfulqa_mc1", csv, "TruthfulQA.csv")) as [
      [string, string[], number[]],
    ];
    assert.ok(context.endsWith("\n\nQ: Is it, really?\nA:"));
    assert.deepEqual([mc1, gold1], [[" Mostly", " No", " Never, ever"], [0]]);
    const [[, mc2, gold2]] = (await prompts("truthfulqa_mc2", csv, "TruthfulQA.csv")) as [[string, string[], number[]]];
    assert.deepEqual(
      [mc2, gold2],
      [
        [" Mostly", " It is", ' "Yes"', " No", " Never, ever"],
        [0, 1, 2],
      ],
    );
  });
});
