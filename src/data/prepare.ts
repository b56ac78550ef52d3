import { hasChatMarker } from "../chat/chatml.js";
import { MediloraError } from "../errors.js";
import { openTokenizer } from "../native/tokenizer.js";
import { requireTexts } from "../util/arguments.js";
import { AtomicWriter } from "../util/atomicFile.js";
import { LineWriter } from "./lineWriter.js";
import {
  checkDistinctFiles,
  type FileSource,
  fileSource,
  type Manifest,
  type ManifestOutput,
  tokenizerSource,
  writeManifest,
} from "./manifest.js";
import { droppedPath } from "./prepareRows.js";
import { type PrepareProgress, type ProgressOptions, ProgressReport } from "./progress.js";
import {
  PUBMEDQA_LABELS,
  type PubMedQALabel,
  type PubMedQARecord,
  pubmedqaMessages,
  readPubMedQA,
} from "./pubmedqa.js";
import { type PreparedFile, PubMedQAFiles } from "./pubmedqaFiles.js";
import type { ChatRow } from "./rows.js";
import { stratifiedHoldOut } from "./stratifiedHoldOut.js";

/** What the assistant's turn holds: `<label>. <long answer>` (the paper) or the bare label. */
export type PubMedQAAnswer = "label-and-long-answer" | "label";

/** What {@link preparePubMedQA} reads and writes. */
export interface PreparePubMedQAOptions extends ProgressOptions {
  /** PubMedQA's published JSON. */
  input: string;
  /** Training rows, JSON lines. Beside it stand `<output>.dropped.jsonl` and `<output>.manifest.json`. */
  output: string;
  /** Held-out records in PubMedQA's published JSON; goes with `evalSize`. */
  evalOutput?: string;
  /** Number of records to hold out, label shares kept; at least one record is left to train on. */
  evalSize?: number;
  /** Chooses the held-out records; 0 to 2^32 - 1, default 0. */
  seed?: number;
  /** Uses only the first so many usable records of the file. */
  limit?: number;
  /** Default `label-and-long-answer`. */
  answer?: PubMedQAAnswer;
  /** A GGUF model whose tokenizer counts the tokens. */
  model?: string;
}

/** Why a record of PubMedQA gave no row. */
export type SkipReason = "no-label" | "no-long-answer" | "chat-marker" | "over-limit";

/** How PubMedQA's rows came to be. */
export interface PrepareManifest extends Manifest {
  source: FileSource;
  rules: { format: string; prompt: string; answer: string; split: string };
  seed: number;
  counts: { read: number; used: number; skipped: Record<SkipReason, number> };
  /** The training rows, the held-out records where there are any, and the list of dropped records. */
  outputs: [...PreparedFile[], ManifestOutput];
}

type LabelledRecord = PubMedQARecord & { label: PubMedQALabel };
type Checked = Required<Pick<PreparePubMedQAOptions, "seed" | "limit" | "answer" | "evalSize">>;
type Counts = PrepareManifest["counts"];

/**
 * Turns PubMedQA into training rows and, on request, a held-out set that `medilora eval --data` reads.
 *
 * The hold-out is stratified: the shares of its labels are those of the whole. Which records it takes depends on their
 * ids and the seed, not on the order of the file. Both files keep the file's order. `<output>.dropped.jsonl` lists each record that was
 * left out, `{id, input, reason}`, without its text. Everything written has mode 0600 and appears only when complete.
 *
 * Memory holds one record and the ids of all: with a hold-out, the file is read twice.
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_EMPTY` when no record is usable, `DATA_INVALID` also when
 *   the file changes between the two passes, `DISK_FULL`, `FILE_WRITE`, what {@link loadPubMedQA} throws, and with
 *   `model` what opening its tokenizer throws
 */
export async function preparePubMedQA(options: PreparePubMedQAOptions): Promise<PrepareManifest> {
  const checked = checkOptions(options);
  const source = await fileSource(options.input);
  const heldOut = await chooseHeldOut(options, checked);
  const { counts, outputs } = await writeFiles(options, checked, heldOut);
  return writeManifest<PrepareManifest>(options.output, {
    source,
    rules: {
      format: "pubmedqa/published@1",
      prompt: "pubmedqa/chat@1",
      answer: `pubmedqa/${checked.answer}@1`,
      split: "stratified/xoshiro128**@1",
    },
    ...(await tokenizerSource(options.model)),
    seed: checked.seed,
    counts,
    outputs,
  });
}

function checkOptions(options: PreparePubMedQAOptions): Checked {
  requireTexts("preparePubMedQA()", options, ["input", "output"]);
  const { evalSize = 0, seed = 0, limit = Number.MAX_SAFE_INTEGER, answer = "label-and-long-answer" } = options;
  if ((options.evalOutput === undefined) !== (options.evalSize === undefined))
    throw new MediloraError("ARGUMENT_INVALID", "evalOutput and evalSize go together: give both or neither.");
  if (options.evalSize !== undefined) checkInteger("evalSize", evalSize, 1, Number.MAX_SAFE_INTEGER);
  checkInteger("limit", limit, 1, Number.MAX_SAFE_INTEGER);
  checkInteger("seed", seed, 0, 2 ** 32 - 1);
  if (answer !== "label-and-long-answer" && answer !== "label")
    throw new MediloraError("ARGUMENT_INVALID", "answer must be label-and-long-answer or label.");
  const { input, output, evalOutput, model } = options;
  checkDistinctFiles(model === undefined ? [input] : [input, model], [
    output,
    droppedPath(output),
    ...(evalOutput === undefined ? [] : [evalOutput]),
  ]);
  return { evalSize, seed, limit, answer };
}

function checkInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new MediloraError("ARGUMENT_INVALID", `${name} must be a whole number from ${min} to ${max}.`);
}

/** The first pass; there is none without a hold-out. */
async function chooseHeldOut(options: PreparePubMedQAOptions, checked: Checked): Promise<ReadonlySet<string>> {
  if (checked.evalSize === 0) return new Set();
  const ids: Record<PubMedQALabel, string[]> = { yes: [], no: [], maybe: [] };
  for await (const { record, reason } of judgedRecords(options, checked, "read"))
    if (reason === undefined) ids[(record as LabelledRecord).label].push(record.id);
  const groups = PUBMEDQA_LABELS.map((label) => ids[label]);
  // A file without a usable record gets its own error from the second pass.
  return groups.every((group) => group.length === 0)
    ? new Set()
    : stratifiedHoldOut(groups, checked.evalSize, checked.seed);
}

/** The records of the file, each with the reason for leaving it out, if there is one. */
async function* judgedRecords(
  options: PreparePubMedQAOptions,
  { limit, answer }: Checked,
  phase: PrepareProgress["phase"],
): AsyncGenerator<{ record: PubMedQARecord; reason?: SkipReason }> {
  const progress = new ProgressReport(phase, options);
  let used = 0;
  for await (const record of readPubMedQA(options.input)) {
    progress.add();
    const reason = skipReason(record, answer) ?? (used === limit ? "over-limit" : undefined);
    if (reason === undefined) used += 1;
    yield { record, reason };
  }
  progress.end();
}

function skipReason(record: PubMedQARecord, answer: PubMedQAAnswer): SkipReason | undefined {
  if (record.label === undefined) return "no-label";
  if (record.longAnswer === undefined && answer === "label-and-long-answer") return "no-long-answer";
  // Such text would forge a turn, and the renderer refuses it; one bad record should not stop the rest.
  const texts = [record.question, record.contexts.join(" "), record.longAnswer ?? ""];
  return texts.some(hasChatMarker) ? "chat-marker" : undefined;
}

/** The pass that writes. */
async function writeFiles(
  options: PreparePubMedQAOptions,
  checked: Checked,
  heldOut: ReadonlySet<string>,
): Promise<{ counts: Counts; outputs: PrepareManifest["outputs"] }> {
  const { input, output, evalOutput, model } = options;
  const skipped: Counts["skipped"] = { "no-label": 0, "no-long-answer": 0, "chat-marker": 0, "over-limit": 0 };
  const counts: Counts = { read: 0, used: 0, skipped };
  await using tokenizer = model === undefined ? undefined : await openTokenizer(model);
  await using rows = await LineWriter.open(output);
  await using dropped = await LineWriter.open(droppedPath(output));
  await using held = evalOutput === undefined ? undefined : await AtomicWriter.open(evalOutput);
  const files = new PubMedQAFiles({ rows, dropped, held }, tokenizer);
  for await (const { record, reason } of judgedRecords(options, checked, "write")) {
    counts.read += 1;
    if (reason === undefined) {
      counts.used += 1;
      const kind = heldOut.has(record.id) ? "eval" : "train";
      await files.add(kind, record, toRow(record as LabelledRecord, checked.answer));
    } else {
      skipped[reason] += 1;
      await dropped.write({ id: record.id, input, reason });
    }
  }
  checkCounts(input, counts, { expected: heldOut.size, held: files.heldOut });
  return { counts, outputs: await files.commit(output, evalOutput) };
}

function checkCounts(input: string, { read, used, skipped }: Counts, found: { expected: number; held: number }): void {
  if (used === 0)
    throw new MediloraError(
      "DATA_EMPTY",
      `${input} has no usable record among ${read}${reasons(skipped)}. Give labelled PubMedQA, such as ori_pqal.json.`,
    );
  if (found.held !== found.expected)
    throw new MediloraError("DATA_INVALID", `${input} changed while it was read. Run again when it is complete.`);
}

const SKIPPED: Record<SkipReason, string> = {
  "no-label": "without final_decision",
  "no-long-answer": "without LONG_ANSWER",
  "chat-marker": "with a ChatML marker in their text",
  "over-limit": "over the limit",
};

/** Such as " (3 without final_decision)"; empty when nothing was skipped. */
function reasons(skipped: Counts["skipped"]): string {
  const found = (Object.keys(SKIPPED) as SkipReason[]).filter((reason) => skipped[reason] > 0);
  return found.length === 0 ? "" : ` (${found.map((reason) => `${skipped[reason]} ${SKIPPED[reason]}`).join(", ")})`;
}

function toRow(record: LabelledRecord, answer: PubMedQAAnswer): ChatRow {
  const messages = pubmedqaMessages(record, { answer: answer === "label-and-long-answer" });
  if (answer === "label") messages.push({ role: "assistant", content: record.label });
  return { id: record.id, messages, label: record.label };
}
