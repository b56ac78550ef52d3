import { hasChatMarker } from "../chat/chatml.js";
import { MediloraError } from "../errors.js";
import { requireTexts } from "../util/arguments.js";
import { AtomicWriter } from "../util/atomicFile.js";
import { sha256File } from "../util/hash.js";
import { SeededRandom } from "../util/random.js";
import {
  checkDistinctFiles,
  type FileSource,
  fileSource,
  type Manifest,
  type ManifestOutput,
  writeManifest,
} from "./manifest.js";
import { type ProgressOptions, ProgressReport } from "./progress.js";
import {
  PUBMEDQA_LABELS,
  type PubMedQALabel,
  type PubMedQARecord,
  pubmedqaMessages,
  readPubMedQA,
} from "./pubmedqa.js";
import { type ChatRow, RowWriter } from "./rows.js";

/** What the assistant's turn holds: `<label>. <long answer>` (the paper) or the bare label. */
export type PubMedQAAnswer = "label-and-long-answer" | "label";

export interface PreparePubMedQAOptions extends ProgressOptions {
  /** PubMedQA's published JSON. */
  input: string;
  /** Training rows, JSON lines; the manifest goes to `<output>.manifest.json`. */
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
}

export type SkipReason = "no-label" | "no-long-answer" | "chat-marker" | "over-limit";

export interface PreparedFile extends ManifestOutput {
  kind: "train" | "eval";
  labels: Record<PubMedQALabel, number>;
}

/** How PubMedQA's rows came to be. */
export interface PrepareManifest extends Manifest {
  source: FileSource;
  rules: { format: string; prompt: string; answer: string; split: string };
  seed: number;
  counts: { read: number; used: number; skipped: Record<SkipReason, number> };
  outputs: PreparedFile[];
}

type LabelledRecord = PubMedQARecord & { label: PubMedQALabel };
type Checked = Required<Pick<PreparePubMedQAOptions, "seed" | "limit" | "answer" | "evalSize">>;
type Counts = PrepareManifest["counts"];

/**
 * Turns PubMedQA into training rows and, on request, a held-out set that `medilora eval --data` reads.
 *
 * The hold-out is stratified: each label gives its share of `evalSize`, by largest remainder (ties: yes, no, maybe),
 * and which records it gives is drawn with {@link SeededRandom}, in order of their ids, so that the order of the file
 * does not matter. Both files keep the file's order. Everything written has mode 0600 and appears only when complete.
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_EMPTY` when no record is usable, `DISK_FULL`,
 *   `FILE_WRITE`, and what {@link readPubMedQA} throws
 */
export async function preparePubMedQA(options: PreparePubMedQAOptions): Promise<PrepareManifest> {
  const checked = checkOptions(options);
  const source = await fileSource(options.input);
  const { records, counts } = await readUsable(options, checked);
  const heldOut = stratifiedHoldOut(records, checked.evalSize, checked.seed);
  const outputs = await writeOutputs(options, checked.answer, records, heldOut);
  return writeManifest<PrepareManifest>(options.output, {
    source,
    rules: {
      format: "pubmedqa/published@1",
      prompt: "pubmedqa/chat@1",
      answer: `pubmedqa/${checked.answer}@1`,
      split: "stratified/xoshiro128**@1",
    },
    seed: checked.seed,
    counts,
    outputs,
  });
}

/**
 * Ids of `size` records with the labels' shares kept; see {@link preparePubMedQA} for the rule.
 * @throws MediloraError `ARGUMENT_INVALID` when that leaves no record to train on
 */
export function stratifiedHoldOut(records: readonly LabelledRecord[], size: number, seed: number): Set<string> {
  if (size === 0) return new Set();
  if (size >= records.length)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `evalSize is ${size}, but only ${records.length} records are usable and one must be left to train on. Lower it.`,
    );
  const byLabel = PUBMEDQA_LABELS.map((label) => records.filter((record) => record.label === label));
  const quotas = byLabel.map((group) => Math.floor((size * group.length) / records.length));
  const open = size - quotas.reduce((sum, quota) => sum + quota, 0);
  // Array.sort is stable, so equal remainders keep the order of the labels.
  const byRemainder = byLabel
    .map((group, index) => ({ index, rest: (size * group.length) % records.length }))
    .sort((a, b) => b.rest - a.rest);
  for (const { index } of byRemainder.slice(0, open)) quotas[index] = (quotas[index] as number) + 1;
  const random = new SeededRandom(seed);
  return new Set(
    byLabel.flatMap((group, index) => random.shuffle(group.map(({ id }) => id).sort()).slice(0, quotas[index])),
  );
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
  const { input, output, evalOutput } = options;
  checkDistinctFiles([input], evalOutput === undefined ? [output] : [output, evalOutput]);
  return { evalSize, seed, limit, answer };
}

function checkInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new MediloraError("ARGUMENT_INVALID", `${name} must be a whole number from ${min} to ${max}.`);
}

async function readUsable(
  options: PreparePubMedQAOptions,
  { limit, answer }: Checked,
): Promise<{ records: LabelledRecord[]; counts: Counts }> {
  const skipped = { "no-label": 0, "no-long-answer": 0, "chat-marker": 0, "over-limit": 0 };
  const records: LabelledRecord[] = [];
  const progress = new ProgressReport("read", options);
  for await (const record of readPubMedQA(options.input)) {
    progress.add();
    const reason = skipReason(record, answer) ?? (records.length === limit ? "over-limit" : undefined);
    if (reason === undefined) records.push(record as LabelledRecord);
    else skipped[reason] += 1;
  }
  progress.end();
  if (records.length === 0)
    throw new MediloraError(
      "DATA_EMPTY",
      `${options.input} has no usable record among ${progress.rows}${reasons(skipped)}. ` +
        "Give labelled PubMedQA, such as ori_pqal.json.",
    );
  return { records, counts: { read: progress.rows, used: records.length, skipped } };
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

function skipReason(record: PubMedQARecord, answer: PubMedQAAnswer): SkipReason | undefined {
  if (record.label === undefined) return "no-label";
  if (record.longAnswer === undefined && answer === "label-and-long-answer") return "no-long-answer";
  // Such text would forge a turn, and the renderer refuses it; one bad record should not stop the rest.
  const texts = [record.question, record.contexts.join(" "), record.longAnswer ?? ""];
  return texts.some(hasChatMarker) ? "chat-marker" : undefined;
}

async function writeOutputs(
  options: PreparePubMedQAOptions,
  answer: PubMedQAAnswer,
  records: readonly LabelledRecord[],
  heldOut: ReadonlySet<string>,
): Promise<PreparedFile[]> {
  const { output, evalOutput } = options;
  const progress = new ProgressReport("write", options);
  const train = records.filter(({ id }) => !heldOut.has(id));
  const held = records.filter(({ id }) => heldOut.has(id));
  await using rows = await RowWriter.open(output);
  for (const record of train) {
    progress.add();
    await rows.write(toRow(record, answer));
  }
  if (evalOutput !== undefined) {
    await using file = await AtomicWriter.open(evalOutput);
    for (const [index, record] of held.entries()) {
      progress.add();
      await file.write(`${index === 0 ? "{" : ","}\n${publishedEntry(record)}`);
    }
    await file.write("\n}\n");
    await file.commit();
  }
  await rows.commit();
  progress.end();
  const files = [await describe("train", output, train)];
  if (evalOutput !== undefined) files.push(await describe("eval", evalOutput, held));
  return files;
}

function toRow(record: LabelledRecord, answer: PubMedQAAnswer): ChatRow {
  const messages = pubmedqaMessages(record, { answer: answer === "label-and-long-answer" });
  if (answer === "label") messages.push({ role: "assistant", content: record.label });
  return { id: record.id, messages, label: record.label };
}

function publishedEntry(record: LabelledRecord): string {
  const fields = {
    QUESTION: record.question,
    CONTEXTS: record.contexts,
    final_decision: record.label,
    LONG_ANSWER: record.longAnswer,
  };
  return `${JSON.stringify(record.id)}: ${JSON.stringify(fields)}`;
}

async function describe(kind: PreparedFile["kind"], path: string, records: LabelledRecord[]): Promise<PreparedFile> {
  const labels = { yes: 0, no: 0, maybe: 0 };
  for (const { label } of records) labels[label] += 1;
  return { kind, path, sha256: await sha256File(path), rows: records.length, labels };
}
