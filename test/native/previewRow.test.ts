import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { type Finished, runCli } from "../unit/helpers/cli.js";
import { jsonLines } from "../unit/helpers/data.js";
import { repoFile, temporaryFolder } from "./helpers.js";

const file = await temporaryFolder();
const model = repoFile("assets/medtiny-f16.gguf");
const chat = (id: string, question: string, answer: string) => ({
  id,
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ],
});
const rows = file("rows.jsonl");
await writeFile(
  rows,
  `${jsonLines([chat("a", "Cough?", "Tea.")])}\n${jsonLines([chat("b", "Fever?", "Rest."), chat("b", "Pain?", "Ice.")])}`,
);
const documents = file("documents.jsonl");
await writeFile(documents, jsonLines([{ id: "d", text: "The heart has four chambers. ".repeat(40) }]));

interface Shown {
  row: number;
  file: string;
  line: number;
  id: string;
  sequences: Array<{ tokens: number; labels: number; segments: Array<{ text: string; loss: boolean }> }>;
}

const preview = (...args: string[]): Promise<Finished> => runCli(["preview", ...args]);
async function shown(...args: string[]): Promise<Shown> {
  const { code, stdout } = await preview(...args, "--json");
  assert.equal(code, 0, stdout);
  return JSON.parse(stdout) as Shown;
}

test("a row by number or id is what training reads of it", async () => {
  const second = await shown(rows, "--model", model, "--row", "2");
  assert.deepEqual([second.row, second.file, second.line, second.id], [2, rows, 3, "b"]);
  const [sequence] = second.sequences;
  const learnt = sequence?.segments.filter(({ loss }) => loss).map(({ text }) => text.replace("> ", ">").trim());
  assert.deepEqual(learnt, ["<|im_start|>assistant\nRest.<|im_end|>"]);
  assert.deepEqual(await shown(rows, "--model", model, "--id", "b"), second);
  const content = await shown(rows, "--model", model, "--row", "3", "--label-span", "content");
  assert.deepEqual(
    content.sequences[0]?.segments.filter(({ loss }) => loss).map(({ text }) => text),
    ["Ice.<|im_end|>"],
  );
  const { stdout } = await preview(rows, "--model", model, "--row", "1");
  assert.match(
    stdout,
    /^row 1, .*rows\.jsonl, line 1: 1 sequences, \d+ tokens, \d+ with loss; ⟦ ⟧ carries loss\n--- sequence 0/,
  );
  assert.match(stdout, /⟦<\|im_start\|>\s?assistant\nTea\.<\|im_end\|>/);
});

test("a document is cut where training cuts it, and every token but a sequence's first is learnt", async () => {
  const { sequences } = await shown(documents, "--model", model, "--row", "1", "--sequence-len", "64");
  assert.ok(sequences.length > 2);
  for (const [index, { tokens, labels }] of sequences.entries()) {
    assert.equal(labels, tokens - 1);
    assert.ok(index === sequences.length - 1 || tokens === 64);
  }
});

test("a configuration's data sets are counted through, and one line is all that is held", async () => {
  // Beyond the heap that the process may have: the rest of the file stays unread.
  const long = file("long.jsonl");
  await writeFile(
    long,
    jsonLines(
      Array.from({ length: 40_000 }, (_, i) =>
        chat(`r${i + 1}`, `Cough ${i + 1}? ${"cough and fever ".repeat(60)}`, "Tea."),
      ),
    ),
  );
  const config = file("run.yaml");
  const datasets = [documents, long].map(
    (path, i) => `  - {path: ${path}, type: ${i === 0 ? "completion" : "chatml"}}\n`,
  );
  await writeFile(
    config,
    `adapter: lora\nbase_model: ${model}\nsequence_len: 1024\noutput_dir: ${file("out")}\ndatasets:\n${datasets.join("")}`,
  );
  const args = ["preview", config, "--row", "39001", "--json"];
  const { code, stdout } = await runCli(args, { nodeArgs: ["--max-old-space-size=24"] });
  assert.equal(code, 0, stdout);
  const { row, line, id } = JSON.parse(stdout) as Shown;
  assert.deepEqual([row, line, id], [39_001, 39_000, "r39000"]);
  assert.equal((await shown(config, "--row", "1")).id, "d");
});

test("rows that are not there, or that training refuses, are named without their text", async () => {
  const cases: Array<[string[], number, RegExp]> = [
    [["--row", "4"], 2, /--row 4: there are 3 rows/],
    [["--id", "nobody"], 2, /--id: none of the 3 rows has this id/],
    [["--row", "0"], 2, /whole number from 1 on/],
    [["--row", "1", "--id", "a"], 2, /cannot be used with option/],
    [["--row", "1", "--batch", "1"], 2, /cannot be used with option/],
    [["--id", "a", "--batch", "1"], 2, /cannot be used with option/],
    [["--row", "2", "--sequence-len", "4"], 1, /rows\.jsonl, line 3: \d+ tokens, sequence_len is 4/],
  ];
  for (const [args, exit, message] of cases) {
    const { code, stdout, stderr } = await preview(rows, "--model", model, ...args);
    assert.deepEqual([code, stdout], [exit, ""], args.join(" "));
    assert.match(stderr, message);
    assert.ok(!/Fever|nobody has/.test(stderr));
  }
});
