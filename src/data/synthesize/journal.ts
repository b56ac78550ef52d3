import { appendFileSync, closeSync, fsyncSync, openSync } from "node:fs";
import { stat, truncate } from "node:fs/promises";
import { z } from "zod";
import { fileError, MediloraError } from "../../errors.js";
import { writeFileAtomic } from "../../util/atomicFile.js";
import { readJsonLines } from "../formats/jsonl.js";
import { readLines } from "../formats/text.js";
import { REFUSALS, type Refusal } from "./backend.js";

const entrySchema = z.object({
  /** Of the passage. */
  key: z.string(),
  document: z.string(),
  pairs: z.array(z.object({ question: z.string(), answer: z.string() })),
  promptTokens: z.int().nonnegative(),
  completionTokens: z.int().nonnegative(),
  refused: z.enum(REFUSALS).optional(),
});

/** What came of one passage. */
export type JournalEntry = z.infer<typeof entrySchema>;

const TYPE = "medilora-synthesis@1";
const headerSchema = z.object({ type: z.literal(TYPE), key: z.record(z.string(), z.unknown()) });

/**
 * The answers of a synthesis as they come, one JSON line each behind a header with the run's settings: tokens that were
 * paid for must survive a crash. Mode 0600. A torn last line is cut off when the file is opened again.
 */
export class Journal {
  readonly path: string;
  readonly #descriptor: number;
  /** Passages that are done, refused ones included. */
  readonly done = new Set<string>();
  /** Passages whose last answer was a refusal. */
  readonly refused = new Map<string, Refusal>();
  /** Whether some request was answered, or refused for what it holds: the endpoint works then. */
  proven = false;
  promptTokens = 0;
  completionTokens = 0;

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  /**
   * Opens the journal of a run to go on with it, or begins one where there is none.
   * @param key all that the answers depend on
   * @throws MediloraError `ARGUMENT_INVALID` for a journal of other settings, naming them; `DATA_INVALID` with the line
   *   for a damaged one; `FILE_READ`, `FILE_WRITE`, `DISK_FULL`
   */
  static async open(path: string, key: Readonly<Record<string, unknown>>): Promise<Journal> {
    if (!(await isMissingOrEmpty(path))) await cutTornLine(path);
    if (await hasNoEntry(path)) await writeFileAtomic(path, `${JSON.stringify({ type: TYPE, key })}\n`);
    await checkHeader(path, key);
    const journal = new Journal(path, openForAppending(path));
    try {
      for await (const entry of readJournal(path)) journal.#count(entry);
    } catch (error) {
      closeSync(journal.#descriptor);
      throw error;
    }
    return journal;
  }

  /** @throws MediloraError `FILE_WRITE`, `DISK_FULL` */
  append(entry: JournalEntry): void {
    try {
      appendFileSync(this.#descriptor, `${JSON.stringify(entry)}\n`);
    } catch (error) {
      throw fileError(error, this.path, "write");
    }
    this.#count(entry);
  }

  /** Has the refused passages asked again. */
  reopenRefused(): void {
    for (const key of this.refused.keys()) this.done.delete(key);
  }

  /** Syncs to the disk and closes. Call it once. */
  close(): void {
    try {
      fsyncSync(this.#descriptor);
    } catch (error) {
      throw fileError(error, this.path, "write");
    } finally {
      closeSync(this.#descriptor);
    }
  }

  #count({ key, promptTokens, completionTokens, refused }: JournalEntry): void {
    this.done.add(key);
    if (refused === undefined) this.refused.delete(key);
    else this.refused.set(key, refused);
    if (refused !== "rejected") this.proven = true;
    this.promptTokens += promptTokens;
    this.completionTokens += completionTokens;
  }
}

/**
 * The entries of a journal, one at a time.
 * @throws MediloraError `DATA_INVALID` with the line
 */
export async function* readJournal(path: string): AsyncGenerator<JournalEntry> {
  for await (const { row, where, value } of readJsonLines(path)) {
    if (row === 1) continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success)
      throw new MediloraError(
        "DATA_INVALID",
        `${where} is no entry of a synthesis. Remove the line to have it done again.`,
      );
    yield entry.data;
  }
}

/** Nothing is lost with such a file, whatever its settings. */
async function hasNoEntry(path: string): Promise<boolean> {
  if (await isMissingOrEmpty(path)) return true;
  let lines = 0;
  for await (const { row, value } of readJsonLines(path)) {
    if (row === 1 && !headerSchema.safeParse(value).success) return false;
    if (++lines > 1) return false;
  }
  return true;
}

async function isMissingOrEmpty(path: string): Promise<boolean> {
  try {
    return (await stat(path)).size === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw fileError(error, path, "read");
  }
}

async function cutTornLine(path: string): Promise<void> {
  let complete = 0;
  let size = 0;
  for await (const { text } of readLines(path)) {
    complete = size;
    size += Buffer.byteLength(text) + 1;
  }
  // The last line counts as complete when its line feed is there, which the file's size tells.
  const { size: actual } = await stat(path);
  if (actual < size) await truncate(path, complete).catch((error) => Promise.reject(fileError(error, path, "write")));
}

async function checkHeader(path: string, key: Readonly<Record<string, unknown>>): Promise<void> {
  const first = await firstRecord(path);
  const header = headerSchema.safeParse(first);
  if (!header.success)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `${path} exists and is no journal of a synthesis, so it is left alone. Name another output.`,
    );
  const names = new Set([...Object.keys(key), ...Object.keys(header.data.key)]);
  const differ = [...names].filter((name) => JSON.stringify(key[name]) !== JSON.stringify(header.data.key[name]));
  if (differ.length > 0)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `${path} belongs to other settings (${differ.join(", ")}). Name another output, or remove it to begin anew.`,
    );
}

async function firstRecord(path: string): Promise<unknown> {
  const records = readJsonLines(path);
  try {
    return (await records.next()).value?.value;
  } finally {
    await records.return(undefined);
  }
}

function openForAppending(path: string): number {
  try {
    return openSync(path, "a");
  } catch (error) {
    throw fileError(error, path, "write");
  }
}
