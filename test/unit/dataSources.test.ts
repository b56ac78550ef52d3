import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { parquetWriteBuffer } from "hyparquet-writer";
import { readBioASQ } from "../../dist/data/bioasq.js";
import { CLINICIAN_SYSTEM_PROMPT } from "../../dist/data/clinicianPrompt.js";
import { loadMedQA, medqaSystemPrompt } from "../../dist/data/medqa.js";
import type { PrepareRowsOptions, RowsManifest } from "../../dist/data/prepareRows.js";
import { PUBMEDQA_SYSTEM_PROMPT } from "../../dist/data/pubmedqa.js";
import {
  prepareAny,
  prepareBioASQ,
  prepareDialogue,
  prepareMedMCQA,
  prepareMedQA,
  preparePubMedQAUnlabelled,
} from "../../dist/data/qaSources.js";
import { type ChatRow, loadRows } from "../../dist/data/rows.js";
import { sha256File } from "../../dist/util/hash.js";
import { collect, fixture, jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
let cases = 0;

async function prepared<O extends PrepareRowsOptions>(
  prepare: (options: O) => Promise<RowsManifest>,
  options: Omit<O, "output">,
): Promise<{ rows: ChatRow[]; manifest: RowsManifest; output: string }> {
  const output = folder.path(`out-${cases++}.jsonl`);
  const manifest = await prepare({ ...options, output } as O);
  return { rows: (await loadRows(output)) as ChatRow[], manifest, output };
}

const contents = (row: ChatRow | undefined) => row?.messages.map(({ content }) => content);

test("the paper's MedQA prompts, word for word", () => {
  // Written out here once more, as published.
  assert.equal(
    medqaSystemPrompt(5),
    "You are a medical doctor taking the US Medical Licensing Examination. You need to demonstrate your understanding " +
      "of basic and clinical science, medical knowledge, and mechanisms underlying health, disease, patient care, and " +
      "modes of therapy. Show your ability to apply the knowledge essential for medical practice. For the following " +
      "multiple-choice question, select one correct answer from A to E. Base your answer on the current and standard " +
      "practices referenced in medical guidelines.",
  );
  assert.equal(medqaSystemPrompt(4), medqaSystemPrompt(5).replace("A to E", "A to D"));
  assert.throws(() => medqaSystemPrompt(6), { code: "ARGUMENT_INVALID" });
});

test("MedQA: options behind the question, stray ends stripped, bad rows counted", async () => {
  const { rows, manifest, output } = await prepared(prepareMedQA, { inputs: [fixture("medqa.jsonl")] });
  assert.deepEqual(rows[0], {
    id: "medqa-1",
    messages: [
      { role: "system", content: medqaSystemPrompt(4) },
      {
        role: "user",
        content:
          "A 40-year-old woman has a swollen knee after a long walk. Which of the following is the best first step? " +
          "(A) Surgery (B) Rest and ice (C) Antibiotics (D) Splinting for a year",
      },
      { role: "assistant", content: "(B) Rest and ice" },
    ],
    label: "B",
  });
  assert.deepEqual(contents(rows[1])?.slice(1), [
    "A boy asks why his cough sounds hollow. (A) Croup (B) Asthma (C) A cold (D) A foreign body (E) Reflux",
    "(A) Croup",
  ]);
  assert.equal(contents(rows[1])?.[0], medqaSystemPrompt(5));
  // Quotes that belong together stay, and the blank line 3 has no row.
  assert.equal(rows[2]?.id, "medqa-4");
  assert.match(
    contents(rows[2])?.[1] ?? "",
    /^He says "it hurts" and then "it stops" \(A\) Nothing \(B\) "Go home\." /,
  );
  const skipped = { "answer-mismatch": 1, blank: 1, "chat-marker": 1 };
  assert.deepEqual(manifest.counts, { read: 6, used: 3, skipped });
  assert.deepEqual(manifest.outputs[0].labels, { A: 2, B: 1 });
  assert.deepEqual(
    (await readJsonLines<{ id: string; reason: string }>(`${output}.dropped.jsonl`)).map(({ id, reason }) => [
      id,
      reason,
    ]),
    [
      ["medqa-5", "answer-mismatch"],
      ["medqa-6", "blank"],
      ["medqa-7", "chat-marker"],
    ],
  );
});

test("MedQA: a malformed record is refused with line and field", async () => {
  const good = { question: "Q", answer: "a", options: { A: "a", B: "b", C: "c", D: "d" }, answer_idx: "A" };
  const bad: Array<[object, RegExp]> = [
    [{ question: 1 }, /field question/],
    [{ answer: undefined }, /field answer/],
    [{ options: ["a"] }, /field options/],
    [{ options: { A: "a", B: "b", C: "c" } }, /field options/],
    [{ options: { A: "a", B: "b", C: "c", E: "d" } }, /field options/],
    [{ options: { A: "a", B: "b", C: "c", D: 4 } }, /field options\.D/],
    [{ answer_idx: "E" }, /field answer_idx/],
    [{ answer_idx: "a" }, /field answer_idx/],
  ];
  for (const [change, message] of bad) {
    const path = await folder.write("bad.jsonl", jsonLines([good, { ...good, ...change }]));
    await assert.rejects(loadMedQA(path), (error: Error) => {
      assert.match(error.message, message);
      assert.match(error.message, /bad\.jsonl, line 2: /);
      return true;
    });
  }
  await assert.rejects(loadMedQA(await folder.write("empty.jsonl", "\n")), { code: "DATA_EMPTY" });
});

test("MedMCQA: counts from 1 in JSON and from 0 in Parquet", async () => {
  const { rows, manifest } = await prepared(prepareMedMCQA, { inputs: [fixture("medmcqa.json")] });
  assert.deepEqual(
    rows.map((row) => [row.id, row.label, contents(row)?.[2]]),
    [
      ["q-1", "A", "(A) Humerus"],
      ["q-2", "D", "(D) Fibula"],
    ],
  );
  assert.equal(contents(rows[0])?.[0], medqaSystemPrompt(4));
  assert.deepEqual(manifest.counts.skipped, { "no-label": 1 });

  const columns = { id: ["x", "y", "z"], question: ["Q1", "Q2", "Q3"], opa: "AAA", opb: "BBB", opc: "CCC", opd: "DDD" };
  const columnData = Object.entries(columns).map(([name, data]) => ({
    name,
    data: [...data],
    type: "STRING" as const,
  }));
  const bytes = parquetWriteBuffer({
    columnData: [...columnData, { name: "cop", data: [3n, 0n, -1n], type: "INT64" }],
  });
  const path = await folder.write("medmcqa.parquet", new Uint8Array(bytes));
  const fromParquet = await prepared(prepareMedMCQA, { inputs: [path] });
  assert.deepEqual(
    fromParquet.rows.map(({ id, label }) => [id, label]),
    [
      ["x", "D"],
      ["y", "A"],
    ],
  );
});

test("MedMCQA: an undecidable or contradictory count is refused", async () => {
  const row = (cop: unknown) => ({ id: "i", question: "Q", opa: "a", opb: "b", opc: "c", opd: "d", cop });
  const rejects = async (cops: unknown[], message: RegExp) => {
    const path = await folder.write("cop.jsonl", jsonLines(cops.map(row)));
    await assert.rejects(prepareMedMCQA({ inputs: [path], output: folder.path("cop.out") }), {
      code: "DATA_INVALID",
      message,
    });
  };
  await rejects([1, 2, 3], /cop is from 1 to 3 everywhere/);
  await rejects([1, 4, 0], /line 3: field cop must be from 1 to 4/);
  await rejects([0, 4], /line 2: field cop must be from 0 to 3/);
  await rejects([4, 5], /line 2: field cop/);
  await rejects([4, "C"], /line 2: field cop/);
});

test("BioASQ: yes/no questions as PubMedQA's, others on request", async () => {
  const { rows, manifest } = await prepared(prepareBioASQ, { inputs: [fixture("bioasq.json")] });
  assert.deepEqual(rows, [
    {
      id: "b1",
      messages: [
        { role: "system", content: PUBMEDQA_SYSTEM_PROMPT },
        {
          role: "user",
          content: 'Context: Rest helped, [in brackets, too]. It was "quick". Question: Does rest help a sprain?',
        },
        { role: "assistant", content: "yes. rest helps a sprain." },
      ],
      label: "yes",
    },
    {
      id: "b2",
      messages: [
        { role: "system", content: PUBMEDQA_SYSTEM_PROMPT },
        { role: "user", content: "Context: Ice did nothing. Question: Does ice cure a cold?" },
        // The sentence's own No is not a label to strip: without it the answer would say the opposite.
        { role: "assistant", content: "no. No effect of ice was seen." },
      ],
      label: "no",
    },
  ]);
  assert.deepEqual(manifest.counts.skipped, { "answer-contradicts-label": 1, "other-type": 2 });
  const all = await prepared(prepareBioASQ, {
    inputs: [fixture("bioasq.json")],
    types: ["summary", "factoid"],
  });
  assert.deepEqual(contents(all.rows[0]), [
    CLINICIAN_SYSTEM_PROMPT,
    "Context: A sprain is a stretched ligament. Question: What is a sprain?",
    "A stretched ligament.",
  ]);
  assert.deepEqual(all.manifest.counts.skipped, { "other-type": 3, "no-snippet": 1 });
  await assert.rejects(collect(readBioASQ(fixture("sharegpt.json"))), { code: "DATA_INVALID", message: /questions/ });
});

test("BioASQ: a malformed question is refused with row and field", async () => {
  const good = {
    id: "1",
    type: "yesno",
    body: "Q",
    snippets: [{ text: "t" }],
    ideal_answer: ["a"],
    exact_answer: "yes",
  };
  const bad: Array<[object, RegExp]> = [
    [{ id: 5 }, /field id/],
    [{ type: "other" }, /field type/],
    [{ body: null }, /field body/],
    [{ snippets: {} }, /field snippets/],
    [{ snippets: [{ text: "t" }, {}] }, /field snippets\[1\]\.text/],
    [{ ideal_answer: [1] }, /field ideal_answer/],
    [{ exact_answer: "perhaps" }, /field exact_answer/],
  ];
  for (const [change, message] of bad) {
    const questions = [good, { ...good, ...change }];
    const path = await folder.write("bad.json", JSON.stringify({ questions }));
    await assert.rejects(collect(readBioASQ(path)), (error: Error) => {
      assert.match(error.message, message);
      assert.match(error.message, /bad\.json, row 2: /);
      return true;
    });
  }
});

test("HealthCareMagic: the filter names its reason, and can be left out", async () => {
  const inputs = [fixture("healthcaremagic.json")];
  const { rows, manifest, output } = await prepared(prepareDialogue, { inputs });
  assert.equal(rows.length, 1);
  assert.deepEqual(
    rows[0]?.messages.map(({ role }) => role),
    ["system", "user", "assistant"],
  );
  assert.match(contents(rows[0])?.[0] ?? "", /^If you are a doctor/);
  assert.deepEqual(manifest.counts.skipped, { "greeting-only": 1, truncated: 1, "too-short": 1 });
  assert.deepEqual(
    (await readJsonLines<{ id: string; reason: string }>(`${output}.dropped.jsonl`)).map(({ id, reason }) => [
      id,
      reason,
    ]),
    [
      ["dialogue-2", "greeting-only"],
      ["dialogue-3", "truncated"],
      ["dialogue-4", "too-short"],
    ],
  );
  const all = await prepared(prepareDialogue, { inputs, filter: false });
  assert.equal(all.rows.length, 4);
  assert.equal(contents(all.rows[1])?.[0], CLINICIAN_SYSTEM_PROMPT);
  assert.equal(all.manifest.rules.filter, "none");
});

test("MTS-Dialog: the note, or the clinician's turns", async () => {
  const inputs = [fixture("mts-dialog.csv")];
  const note = await prepared(prepareDialogue, { inputs });
  assert.equal(note.rows[0]?.label, "GENHX");
  assert.match(contents(note.rows[0])?.[0] ?? "", /"history of present illness"/);
  assert.equal(contents(note.rows[0])?.[2], "Ankle pain for two days, after a fall.");
  assert.match(contents(note.rows[1])?.[0] ?? "", /"family and social history"/);
  assert.equal(note.rows[2]?.label, undefined);
  const turns = await prepared(prepareDialogue, { inputs, form: "turns" });
  assert.deepEqual(turns.rows, [
    {
      id: "dialogue-1",
      messages: [
        { role: "system", content: CLINICIAN_SYSTEM_PROMPT },
        { role: "user", content: "My ankle hurts.\nHe fell,\nwe think." },
        { role: "assistant", content: "Since when?" },
        { role: "user", content: "Two days." },
        { role: "assistant", content: 'Rest it, "please".' },
      ],
    },
  ]);
  assert.deepEqual(turns.manifest.counts.skipped, { "no-answer": 1, "no-speaker": 1 });
  const wrong = await folder.write("wrong.csv", "a,b\n1,2\n");
  await assert.rejects(prepareDialogue({ inputs: [wrong], output: folder.path("w.jsonl") }), {
    code: "DATA_INVALID",
    message: /wrong\.csv, row 1: must have the fields/,
  });
});

test("PQA-U: the long answer alone, under the prompt without options", async () => {
  const { rows, manifest } = await prepared(preparePubMedQAUnlabelled, { inputs: [fixture("pqau.json")] });
  assert.deepEqual(contents(rows[0]), [
    CLINICIAN_SYSTEM_PROMPT,
    "Context: Part one. Part two. Question: Does rest help?",
    "Rest helped.",
  ]);
  assert.equal(rows[0]?.label, undefined);
  assert.deepEqual(manifest.counts, { read: 2, used: 1, skipped: { "no-long-answer": 1 } });
  assert.ok(PUBMEDQA_SYSTEM_PROMPT.startsWith(`${CLINICIAN_SYSTEM_PROMPT} `));
});

test("files: hashes in the manifest, mode 0600, ids unique, limit, and nothing left on failure", async () => {
  const inputs = [fixture("medqa.jsonl"), await folder.write("copy.jsonl", await readFile(fixture("medqa.jsonl")))];
  const { rows, manifest, output } = await prepared(prepareMedQA, { inputs, limit: 5 });
  assert.deepEqual(
    rows.map(({ id }) => id),
    ["medqa-1", "medqa-2", "medqa-4", "medqa-1#2", "medqa-2#2"],
  );
  assert.equal(manifest.counts.skipped["over-limit"], 1);
  assert.deepEqual(manifest.source, [
    { path: inputs[0], sha256: await sha256File(inputs[0] as string) },
    { path: inputs[1], sha256: await sha256File(inputs[1] as string) },
  ]);
  assert.deepEqual(JSON.parse(await readFile(`${output}.manifest.json`, "utf8")), manifest);
  for (const { path, sha256 } of manifest.outputs) assert.equal(sha256, await sha256File(path));
  if (process.platform !== "win32")
    for (const path of [output, `${output}.dropped.jsonl`, `${output}.manifest.json`])
      assert.equal((await stat(path)).mode & 0o777, 0o600);

  const before = await readdir(dirname(output));
  const failed = folder.path("failed.jsonl");
  const [input] = inputs as [string];
  await assert.rejects(prepareMedQA({ inputs: [], output: failed }), { code: "ARGUMENT_INVALID" });
  await assert.rejects(prepareMedQA({ inputs: [input, input], output: failed }), { code: "ARGUMENT_INVALID" });
  await assert.rejects(prepareMedQA({ inputs: [input], output: failed, limit: 0 }), { code: "ARGUMENT_INVALID" });
  await assert.rejects(prepareMedQA({ inputs: [input], output: input }), { code: "ARGUMENT_INVALID" });
  await assert.rejects(prepareMedQA({ inputs: [folder.path("none")], output: failed }), { code: "FILE_NOT_FOUND" });
  await assert.rejects(prepareMedQA({ inputs: [input], output: failed, signal: AbortSignal.abort() }), {
    code: "ABORTED",
  });
  await assert.rejects(prepareAny({ inputs: [fixture("mts-dialog.csv")], output: failed }), { code: "DATA_INVALID" });
  await assert.rejects(prepareAny({ inputs: [fixture("mts-dialog.csv")], output: failed, mapping: { text: "Nope" } }), {
    code: "DATA_INVALID",
    message: /row 1: field Nope/,
  });
  assert.deepEqual(await readdir(dirname(output)), before);
});

test("no usable record is an error that counts the reasons", async () => {
  const input = await folder.write("unusable.jsonl", jsonLines([{ text: "" }, { text: " " }]));
  await assert.rejects(prepareAny({ inputs: [input], output: folder.path("u.jsonl") }), {
    code: "DATA_EMPTY",
    message: /None of the 2 records gives a row \(2 blank\)/,
  });
});
