import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { dumpRequests } from "../../dist/eval/dumpRequests.js";
import { jsonLines, temporaryFolder } from "./helpers/data.js";
import { failsWithoutText } from "./helpers/results.js";

const folder = await temporaryFolder();

const medqa = { question: "secret?", options: { A: "secret", B: "b", C: "c", D: "d" }, answer: "b", answer_idx: "B" };
const medmcqa = { id: "m", question: "secret?", opa: "secret", opb: "b", opc: "c", opd: "d", cop: 4 };
const pubmedqa = { QUESTION: "secret?", CONTEXTS: ["secret"], final_decision: "yes" };
const arc = { question: "secret?", choices: ["secret", "b"], answer: 1 };

const second = (row: object, change: object) => jsonLines([row, { ...row, ...change }]);
const entries = (change: object) => JSON.stringify({ 1: pubmedqa, 2: { ...pubmedqa, ...change } });
const manyRows = jsonLines(
  Array.from({ length: 20_000 }, (_, i) => ({ ...arc, question: `secret ${(i * 7919) % 65521}?` })),
);
const packed = gzipSync(manyRows);
const column = (name: string, data: string[]) => ({ name, type: "STRING" as const, data });
const parquet = new Uint8Array(
  parquetWriteBuffer({ columnData: [column("question", ["secret?"]), column("answer", ["0"])] }),
);

const cases: Array<[task: string, file: string, content: string | Uint8Array, message: RegExp]> = [
  ["pubmedqa", "p.json", entries({ CONTEXTS: "secret" }), /p\.json: record 2: field CONTEXTS/],
  ["pubmedqa", "p.json", entries({ QUESTION: undefined }), /p\.json: record 2: field QUESTION/],
  ["pubmedqa", "p.json", entries({ final_decision: "perhaps" }), /p\.json: record 2: field final_decision/],
  [
    "pubmedqa",
    "p.json",
    entries({ final_decision: undefined }),
    /p\.json, question 2: the record has no final_decision/,
  ],
  ["pubmedqa", "p.json", entries({}).replace('"2"', '"1"'), /p\.json: records 1 and 2 have the same id/],
  ["pubmedqa", "p.json", entries({ QUESTION: "secret <|im_end|>" }), /p\.json, question 2: /],
  ["pubmedqa", "p.json", entries({}).slice(0, -3), /p\.json: the file ends early/],
  ["pubmedqa", "p.json", "", /p\.json: the file ends early/],
  ["pubmedqa_likelihood", "p.json.gz", gzipSync(entries({})).subarray(0, 60), /p\.json\.gz: the gzip file is damaged/],
  ["medqa_4options", "m.jsonl", second(medqa, { answer_idx: "E" }), /m\.jsonl, line 2: field answer_idx/],
  ["medqa_4options", "m.jsonl", second(medqa, { options: { A: "secret" } }), /m\.jsonl, line 2: field options/],
  ["medqa_4options", "m.jsonl", second(medqa, { question: 3 }), /m\.jsonl, line 2: field question/],
  ["medqa_5options_likelihood", "m.jsonl", second(medqa, {}), /m\.jsonl, question medqa-1: there are 4 options/],
  ["medqa_4options_likelihood", "m.jsonl", second(medqa, { question: " " }), /question medqa-2: the question is blank/],
  [
    "medqa_4options",
    "m.jsonl",
    second(medqa, { answer: "c" }),
    /question medqa-2: field answer is not the text of option B/,
  ],
  [
    "medqa_4options_likelihood",
    "m.jsonl",
    second(medqa, { answer: "" }),
    /question medqa-2: field answer is not the text/,
  ],
  ["medqa_4options", "m.jsonl", second(medqa, { options: { ...medqa.options, D: " " } }), /medqa-2: option D is blank/],
  ["medmcqa", "m.jsonl", second(medmcqa, { id: "n", opb: "" }), /m\.jsonl, record 2: option B is blank/],
  ["mmlu_virology", "v.csv", "secret,a,b,c,d,A\nsecret,a,,c,d,A\n", /v\.csv, row 2: option B is blank/],
  ["mmlu_virology", "v.csv", "secret,a,b,c,d,A\n,a,b,c,d,A\n", /v\.csv, row 2: the question is blank/],
  ["medmcqa", "m.jsonl", second(medmcqa, { cop: 5 }), /m\.jsonl, line 2: field cop/],
  ["medmcqa", "m.jsonl", second(medmcqa, { id: "n", opc: null }), /m\.jsonl, line 2: field opc/],
  ["medmcqa", "m.jsonl", second(medmcqa, {}), /m\.jsonl, record 2: the id occurs twice/],
  [
    "mmlu_virology",
    "v.csv",
    'secret,a,b,c,d,A\n"secret"x,a,b,c,d,A\n',
    /v\.csv, line 2: a quote stands inside a field/,
  ],
  [
    "mmlu_virology",
    "v.csv",
    "secret,a,b,c,d,A\nsecret,a,b,c,A\n",
    /v\.csv, line 2: the record has another number of fields/,
  ],
  ["mmlu_virology", "v.csv.gz", gzipSync("secret,a,b,c,d,A\nsecret,a,b,c,d,F\n"), /v\.csv\.gz, row 2: field 6/],
  // A wrong letter in the first row makes it no header.
  ["mmlu_virology", "v.csv", "secret,a,b,c,d,E\nsecret,a,b,c,d,A\n", /v\.csv, row 1: field 6/],
  ["arc_easy", "a.jsonl.gz", packed.subarray(0, packed.length - 9), /a\.jsonl\.gz: the gzip file is damaged/],
  [
    "arc_easy",
    "a.parquet",
    parquet.subarray(0, parquet.length - 6),
    /a\.parquet: is no Parquet file, or it is cut short/,
  ],
  ["arc_easy", "a.parquet", parquet, /a\.parquet, row 1: field choices must be a list of strings/],
  [
    "arc_easy",
    "a.json",
    `[${JSON.stringify(arc)}, ${JSON.stringify(arc).slice(0, -4)}`,
    /a\.json, row 2: the file ends early/,
  ],
  ["truthfulqa_mc1", "t.csv", "Question,Best Answer\nsecret,b\n", /t\.csv, row 1: field Incorrect Answers/],
  ["truthfulqa_mc2", "t.csv", "Type,Type\nsecret,b\n", /t\.csv: column 2 has the name of an earlier one/],
  [
    "bigbench_snarks",
    "s.json",
    JSON.stringify({ examples: [{ target_scores: { a: 1, b: 0 } }] }),
    /s\.json, row 1: field input/,
  ],
  ["bigbench_snarks", "s.json", JSON.stringify({ example: [] }), /s\.json: has no field examples/],
];

describe("a malformed file of a benchmark is refused by file, row and field, without its text", () => {
  for (const [index, [task, name, content, message]] of cases.entries())
    it(`${task}: ${message.source}`, async () => {
      const data = await folder.write(`${index}-${name}`, content);
      const output = folder.path("out.jsonl");
      await assert.rejects(dumpRequests({ task, data, output }), failsWithoutText("DATA_INVALID", message));
    });
});

describe("reading a benchmark stops on request", () => {
  const rows = 20_000;
  const lines = (row: (i: number) => object) => jsonLines(Array.from({ length: rows }, (_, i) => row(i)));
  for (const [task, content] of [
    ["medqa_4options", lines(() => medqa)],
    ["medqa_4options_likelihood", lines(() => medqa)],
    ["pubmedqa", JSON.stringify(Object.fromEntries(Array.from({ length: rows }, (_, i) => [`p${i}`, pubmedqa])))],
    ["arc_easy", lines(() => arc)],
  ] as const)
    it(task, async () => {
      const data = await folder.write(`stopped-${task}.json${content.startsWith('{"p0') ? "" : "l"}`, content);
      const output = folder.path(`stopped-${task}.out`);
      const stop = new AbortController();
      // While the first piece of the file is on its way.
      setImmediate(() => stop.abort(new Error("enough")));
      await assert.rejects(dumpRequests({ task, data, output, signal: stop.signal }), { code: "ABORTED" });
    });
});
