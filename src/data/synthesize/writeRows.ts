import { MediloraError } from "../../errors.js";
import { AtomicWriter } from "../../util/atomicFile.js";
import { sha256File } from "../../util/hash.js";
import { CLINICIAN_SYSTEM_PROMPT } from "../clinicianPrompt.js";
import { DEFAULT_THRESHOLD, DuplicateFinder } from "../dedup.js";
import { type FileSource, type Manifest, writeManifest } from "../manifest.js";
import { MINHASH_VERSION } from "../minhash.js";
import { droppedPath } from "../prepareRows.js";
import { type ChatRow, RowWriter } from "../rows.js";
import type { Refusal, SynthesisBackend } from "./backend.js";
import { readJournal } from "./journal.js";

/** A row that a model wrote. */
export interface SyntheticRow extends ChatRow {
  synthetic: true;
  /** Id of the row that it was written about. */
  source_document: string;
  /** Name of the model that wrote it. */
  generator: string;
}

export interface SynthesisUsage {
  passages: number;
  /** Refused ones included. Fewer than all when the token budget ended before. */
  passagesDone: number;
  /** Passages about which nothing was written, by reason; left out when there is none. */
  passagesRefused?: Partial<Record<Refusal, number>>;
  promptTokens: number;
  completionTokens: number;
  cost: number;
  currency?: string;
}

/** `counts` are pairs. */
export interface SynthesisManifest extends Manifest {
  generator: Readonly<Record<string, string>>;
  usage: SynthesisUsage;
}

/**
 * Makes the rows of a journal, leaves out pairs that repeat an earlier one, and writes the manifest. Memory: see
 * {@link DuplicateFinder}.
 * @throws MediloraError `DATA_EMPTY` when no row remains, `FILE_WRITE`, `DISK_FULL`, and what reading the journal throws
 */
export async function writeSyntheticRows(
  output: string,
  journal: string,
  run: {
    source: FileSource;
    backend: SynthesisBackend;
    rules: Record<string, string>;
    seed: number;
    usage: SynthesisUsage;
  },
): Promise<SynthesisManifest> {
  const counts = await writeUniqueRows(output, journal, run.backend.model);
  const dropped = counts.skipped.exact + counts.skipped.near;
  return writeManifest<SynthesisManifest>(output, {
    source: run.source,
    rules: { ...run.rules, near: `${MINHASH_VERSION}, threshold ${DEFAULT_THRESHOLD}` },
    seed: run.seed,
    generator: run.backend.id,
    usage: run.usage,
    counts,
    outputs: [
      { kind: "train", path: output, sha256: await sha256File(output), rows: counts.used },
      { kind: "dropped", path: droppedPath(output), sha256: await sha256File(droppedPath(output)), rows: dropped },
    ],
  });
}

async function writeUniqueRows(output: string, journal: string, model: string) {
  const finder = new DuplicateFinder(DEFAULT_THRESHOLD);
  const skipped = { exact: 0, near: 0 };
  let read = 0;
  await using rows = await RowWriter.open(output);
  await using dropped = await AtomicWriter.open(droppedPath(output));
  for await (const { key, document, pairs } of readJournal(journal))
    for (const [index, { question, answer }] of pairs.entries()) {
      read += 1;
      const row: SyntheticRow = {
        id: `${key}-${index + 1}`,
        messages: [
          { role: "system", content: CLINICIAN_SYSTEM_PROMPT },
          { role: "user", content: question },
          { role: "assistant", content: answer },
        ],
        synthetic: true,
        source_document: document,
        generator: model,
      };
      const duplicate = finder.check(row, output);
      if (duplicate === undefined) {
        await rows.write(row);
        continue;
      }
      skipped[duplicate.kind] += 1;
      await dropped.write(`${JSON.stringify({ id: row.id, ...duplicate })}\n`);
    }
  const used = read - skipped.exact - skipped.near;
  if (used === 0)
    throw new MediloraError(
      "DATA_EMPTY",
      "There is no question-answer pair: the budget covers no passage, every passage was refused, or the model's answers " +
        "are not in the form asked for. Raise the token budget, or use a model that follows instructions.",
    );
  await dropped.commit();
  await rows.commit();
  return { read, used, skipped };
}
