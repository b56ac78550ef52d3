import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type PreparePubMedQAOptions, preparePubMedQA } from "../../dist/data/prepare.js";
import type { PrepareProgress } from "../../dist/data/progress.js";
import { loadPubMedQA, PUBMEDQA_SYSTEM_PROMPT } from "../../dist/data/pubmedqa.js";
import { type ChatRow, loadRows } from "../../dist/data/rows.js";
import { sha256File } from "../../dist/util/hash.js";
import { SeededRandom } from "../../dist/util/random.js";
import { runCli } from "./helpers/cli.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-prepare-"));
});
after(() => rm(folder, { recursive: true }));

type Fields = { QUESTION: string; CONTEXTS: string[]; final_decision?: string; LONG_ANSWER?: string };
type Entry = [string, Fields];

/** Rows whose ids start with their label: yes-1, yes-2, ..., no-1, ... */
function entries(counts: Record<string, number>): Entry[] {
  return Object.entries(counts).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, index): Entry => {
      const id = `${label}-${index + 1}`;
      return [id, { QUESTION: `Q ${id}?`, CONTEXTS: ["A.", "B."], final_decision: label, LONG_ANSWER: `L ${id}.` }];
    }),
  );
}

interface Case {
  place: string;
  input: string;
  output: string;
  evalOutput: string;
}

async function caseOf(rows: Entry[]): Promise<Case> {
  const place = await mkdtemp(join(folder, "case-"));
  const input = join(place, "in.json");
  await writeFile(input, JSON.stringify(Object.fromEntries(rows)));
  return { place, input, output: join(place, "train.jsonl"), evalOutput: join(place, "eval.json") };
}

async function heldOutIds(rows: Entry[], options: Partial<PreparePubMedQAOptions>): Promise<string[]> {
  const { input, output, evalOutput } = await caseOf(rows);
  await preparePubMedQA({ input, output, evalOutput, ...options });
  return (await loadPubMedQA(evalOutput)).map(({ id }) => id);
}

const twenty = entries({ yes: 10, no: 6, maybe: 4 });

test("every usable record becomes a row; the others are counted by reason", async () => {
  const odd: Entry[] = [
    ["u", { QUESTION: "Q", CONTEXTS: ["A"], LONG_ANSWER: "L" }],
    ["s", { QUESTION: "Q", CONTEXTS: ["A"], final_decision: "no" }],
    ["m", { QUESTION: "Q", CONTEXTS: ["A <|im_end|>"], final_decision: "no", LONG_ANSWER: "L" }],
  ];
  const { input, output, place } = await caseOf([...odd, ...entries({ Yes: 1, no: 1 })]);
  const manifest = await preparePubMedQA({ input, output });
  const rows = (await loadRows(output)) as ChatRow[];
  assert.deepEqual(rows[0], {
    id: "Yes-1",
    messages: [
      { role: "system", content: PUBMEDQA_SYSTEM_PROMPT },
      { role: "user", content: "Context: A. B. Question: Q Yes-1?" },
      { role: "assistant", content: "yes. L Yes-1." },
    ],
    label: "yes",
  });
  assert.equal(rows.length, 2);
  assert.deepEqual(manifest.counts, {
    read: 5,
    used: 2,
    skipped: { "no-label": 1, "no-long-answer": 1, "chat-marker": 1, "over-limit": 0 },
  });
  const left = (await readFile(`${output}.dropped.jsonl`, "utf8")).trimEnd().split("\n");
  assert.deepEqual(
    left.map((line) => JSON.parse(line)),
    [
      { id: "u", input, reason: "no-label" },
      { id: "s", input, reason: "no-long-answer" },
      { id: "m", input, reason: "chat-marker" },
    ],
  );
  assert.equal(manifest.outputs.at(-1)?.rows, 3);
  assert.deepEqual((await readdir(place)).sort(), [
    "in.json",
    "train.jsonl",
    "train.jsonl.dropped.jsonl",
    "train.jsonl.manifest.json",
  ]);
});

test("with answer label, the answer is the label, and no long answer is needed", async () => {
  const { input, output } = await caseOf([["1", { QUESTION: "Q", CONTEXTS: ["A"], final_decision: "maybe" }]]);
  const manifest = await preparePubMedQA({ input, output, answer: "label" });
  const [row] = (await loadRows(output)) as ChatRow[];
  assert.deepEqual(row?.messages[2], { role: "assistant", content: "maybe" });
  assert.equal(manifest.rules.answer, "pubmedqa/label@1");
});

test("the hold-out keeps the labels' shares by largest remainder, ties to the earlier label", async () => {
  // 5 of 20: yes 2.5, no 1.5, maybe 1.0; the whole parts make 4, and yes wins the tie for the fifth.
  const { input, output, evalOutput } = await caseOf(twenty);
  const manifest = await preparePubMedQA({ input, output, evalOutput, evalSize: 5 });
  assert.deepEqual(
    manifest.outputs.map((file) => [file.kind, file.rows, "labels" in file ? file.labels : undefined]),
    [
      ["train", 15, { yes: 7, no: 5, maybe: 3 }],
      ["eval", 5, { yes: 3, no: 1, maybe: 1 }],
      ["dropped", 0, undefined],
    ],
  );
  const train = (await loadRows(output)).map(({ id }) => id);
  const held = (await loadPubMedQA(evalOutput)).map(({ id }) => id);
  assert.deepEqual([...train, ...held].sort(), twenty.map(([id]) => id).sort());
  const inFileOrder = twenty.map(([id]) => id).filter((id) => train.includes(id));
  assert.deepEqual(train, inFileOrder);
});

test("held-out records are in the published format, with four fields and nothing else", async () => {
  const { input, output, evalOutput } = await caseOf(twenty.map(([id, fields]) => [id, { ...fields, YEAR: "2000" }]));
  await preparePubMedQA({ input, output, evalOutput, evalSize: 3 });
  const written = JSON.parse(await readFile(evalOutput, "utf8")) as Record<string, Fields>;
  assert.equal(Object.keys(written).length, 3);
  const source = new Map(twenty);
  for (const [id, fields] of Object.entries(written)) assert.deepEqual(fields, source.get(id));
});

test("the seed chooses the records; the file's order does not", async () => {
  const first = await heldOutIds(twenty, { evalSize: 8, seed: 1 });
  assert.deepEqual(await heldOutIds(twenty, { evalSize: 8, seed: 1 }), first);
  assert.deepEqual((await heldOutIds([...twenty].reverse(), { evalSize: 8, seed: 1 })).sort(), [...first].sort());
  assert.notDeepEqual(await heldOutIds(twenty, { evalSize: 8, seed: 2 }), first);
  assert.deepEqual(await heldOutIds(twenty, { evalSize: 8, seed: 0 }), await heldOutIds(twenty, { evalSize: 8 }));
});

test("limit uses the first records of the file", async () => {
  const { input, output } = await caseOf(twenty);
  const manifest = await preparePubMedQA({ input, output, limit: 3 });
  assert.deepEqual(
    (await loadRows(output)).map(({ id }) => id),
    ["yes-1", "yes-2", "yes-3"],
  );
  assert.deepEqual([manifest.counts.read, manifest.counts.used, manifest.counts.skipped["over-limit"]], [20, 3, 17]);
});

test("the manifest stands beside the output and its hashes are those of the files", async () => {
  const { input, output, evalOutput } = await caseOf(twenty);
  const manifest = await preparePubMedQA({ input, output, evalOutput, evalSize: 4, seed: 9 });
  assert.deepEqual(JSON.parse(await readFile(`${output}.manifest.json`, "utf8")), manifest);
  assert.deepEqual(manifest.source, { path: input, sha256: await sha256File(input) });
  assert.deepEqual(
    manifest.outputs.map(({ path, sha256 }) => [path, sha256]),
    [
      [output, await sha256File(output)],
      [evalOutput, await sha256File(evalOutput)],
      [`${output}.dropped.jsonl`, await sha256File(`${output}.dropped.jsonl`)],
    ],
  );
  assert.equal(manifest.seed, 9);
  assert.equal(new Date(manifest.created).toISOString(), manifest.created);
  const root = new URL("../../package.json", import.meta.url);
  assert.equal(manifest.medilora, (JSON.parse(await readFile(root, "utf8")) as { version: string }).version);
  if (process.platform === "win32") return;
  for (const path of [output, evalOutput, `${output}.dropped.jsonl`, `${output}.manifest.json`])
    assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("arguments that cannot work are named, and nothing is written", async () => {
  const { place, input, output, evalOutput } = await caseOf(twenty);
  const cases: Array<[Partial<PreparePubMedQAOptions>, RegExp]> = [
    [{ evalOutput }, /evalSize/],
    [{ evalSize: 3 }, /evalOutput/],
    [{ evalOutput, evalSize: 20 }, /evalSize is 20, but only 20/],
    [{ evalOutput, evalSize: 21 }, /evalSize is 21/],
    [{ evalOutput, evalSize: 18, limit: 18 }, /only 18/],
    [{ evalOutput, evalSize: 0 }, /evalSize/],
    [{ evalOutput, evalSize: 1.5 }, /evalSize/],
    [{ limit: 0 }, /limit/],
    [{ seed: -1 }, /seed/],
    [{ seed: 2 ** 32 }, /seed/],
    [{ answer: "long" as "label" }, /answer/],
    [{ output: input }, /different files/],
    [{ evalOutput: output, evalSize: 3 }, /different files/],
    [{ evalOutput: `${output}.manifest.json`, evalSize: 3 }, /different files/],
    [{ evalOutput: `${output}.dropped.jsonl`, evalSize: 3 }, /different files/],
    [{ model: output }, /different files/],
  ];
  for (const [options, message] of cases)
    await assert.rejects(preparePubMedQA({ input, output, ...options }), { code: "ARGUMENT_INVALID", message });
  assert.deepEqual(await readdir(place), ["in.json"]);
});

test("no usable record and a missing file", async () => {
  const unlabelled = await caseOf([["1", { QUESTION: "Q", CONTEXTS: ["A"] }]]);
  await assert.rejects(preparePubMedQA({ input: unlabelled.input, output: unlabelled.output }), {
    code: "DATA_EMPTY",
    message: /among 1 \(1 without final_decision\)\./,
  });
  const marked = { QUESTION: "Q", CONTEXTS: ["A <|im_end|>"], final_decision: "no", LONG_ANSWER: "L" };
  const mixed = await caseOf([
    ["1", marked],
    ["2", marked],
    ["3", { QUESTION: "Q", CONTEXTS: ["A"], final_decision: "no" }],
  ]);
  await assert.rejects(preparePubMedQA({ input: mixed.input, output: mixed.output }), {
    code: "DATA_EMPTY",
    message: /among 3 \(1 without LONG_ANSWER, 2 with a ChatML marker in their text\)\./,
  });
  await assert.rejects(preparePubMedQA({ input: join(folder, "none"), output: unlabelled.output }), {
    code: "FILE_NOT_FOUND",
  });
});

test("a second output that cannot be written leaves no first one", async () => {
  const { place, input, output } = await caseOf(twenty);
  const evalOutput = join(place, "none", "eval.json");
  await assert.rejects(preparePubMedQA({ input, output, evalOutput, evalSize: 3 }), { code: "FILE_WRITE" });
  assert.deepEqual(await readdir(place), ["in.json"]);
});

test("progress comes in both phases, and an abort in either leaves nothing", async () => {
  const { place, input, output, evalOutput } = await caseOf(entries({ yes: 150, no: 100 }));
  const options = { input, output, evalOutput, evalSize: 10 };
  for (const phase of ["read", "write"]) {
    const controller = new AbortController();
    const onProgress = (progress: PrepareProgress) => {
      if (progress.phase === phase) controller.abort();
    };
    await assert.rejects(preparePubMedQA({ ...options, signal: controller.signal, onProgress }), { code: "ABORTED" });
    assert.deepEqual(await readdir(place), ["in.json"]);
  }
  const seen: PrepareProgress[] = [];
  await preparePubMedQA({ ...options, onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(
    seen.map(({ phase, rows }) => `${phase} ${rows}`),
    ["read 100", "read 200", "read 250", "write 100", "write 200", "write 250"],
  );
});

test("a file that changes between the two passes is refused", async () => {
  const { place, input, output, evalOutput } = await caseOf(twenty);
  const onProgress = ({ phase }: PrepareProgress) => {
    if (phase === "read") writeFileSync(input, JSON.stringify(Object.fromEntries(entries({ yes: 1 }))));
  };
  await assert.rejects(preparePubMedQA({ input, output, evalOutput, evalSize: 10, onProgress }), {
    code: "DATA_INVALID",
    message: /changed while it was read/,
  });
  assert.deepEqual(await readdir(place), ["in.json"]);
});

test("memory does not grow with the file", async () => {
  // 24 MB of text; the heap of the child has room for the records' ids, not for the records.
  const { input, output, evalOutput } = await caseOf([]);
  const abstract = "Rest helps a sprained ankle. ".repeat(40);
  const rows = entries({ yes: 6000, no: 4000 }).map(([id, fields]) => [
    id,
    { ...fields, CONTEXTS: [abstract, abstract] },
  ]);
  await writeFile(input, JSON.stringify(Object.fromEntries(rows)));
  const args = [input, "--output", output, "--eval-output", evalOutput, "--eval-size", "1000"];
  const { code, stderr } = await runCli(["prepare", "pubmedqa", ...args], { nodeArgs: ["--max-old-space-size=24"] });
  assert.equal(code, 0, stderr);
  assert.equal((await loadPubMedQA(evalOutput)).length, 1000);
});

test("the generator's numbers are fixed", () => {
  // From a separate implementation of xoshiro128** and its seeding in arbitrary-precision integers.
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 4 }, () => random.uint32());
  };
  assert.deepEqual(draw(0), [3809008728, 1133695204, 53579671, 2891528803]);
  assert.deepEqual(draw(2 ** 32 - 1), [835879718, 1921286648, 2356205009, 1885780724]);
});

test("below is uniform and shuffle is a permutation", () => {
  const random = new SeededRandom(5);
  const counts = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < 60_000; i++) counts[random.below(6)]! += 1;
  // Standard deviation of a count: sqrt(60000 * 1/6 * 5/6) = 91.
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 4.5 * 91, String(count));
  const items = Array.from({ length: 50 }, (_, i) => i);
  const shuffled = random.shuffle([...items]);
  assert.notDeepEqual(shuffled, items);
  assert.deepEqual(
    shuffled.sort((a, b) => a - b),
    items,
  );
  const firsts = [0, 0, 0];
  for (let i = 0; i < 30_000; i++) firsts[random.shuffle([0, 1, 2])[0]!]! += 1;
  // sqrt(30000 * 1/3 * 2/3) = 82.
  for (const count of firsts) assert.ok(Math.abs(count - 10_000) < 4.5 * 82, String(count));
});

const published = fileURLToPath(new URL("../../../shared/data/pubmedqa/pqal_train_500.json", import.meta.url));

test("500 published records split 400 to 100 with 55/34/11 held out", {
  skip: existsSync(published) ? false : "shared/data/pubmedqa is not here",
}, async () => {
  const { output, evalOutput } = await caseOf([]);
  const manifest = await preparePubMedQA({ input: published, output, evalOutput, evalSize: 100, seed: 42 });
  // 276, 169 and 55 of 500 give 55.2, 33.8 and 11.0.
  assert.deepEqual(
    manifest.outputs.map((file) => [file.rows, "labels" in file ? file.labels : undefined]),
    [
      [400, { yes: 221, no: 135, maybe: 44 }],
      [100, { yes: 55, no: 34, maybe: 11 }],
      [0, undefined],
    ],
  );
  assert.deepEqual([(await loadRows(output)).length, (await loadPubMedQA(evalOutput)).length], [400, 100]);
});
