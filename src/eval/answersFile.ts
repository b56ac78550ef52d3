import { appendFileSync, closeSync, fsyncSync, openSync } from "node:fs";
import { readFile, stat, truncate } from "node:fs/promises";
import { z } from "zod";
import { fileError, MediloraError } from "../errors.js";
import { writeFileAtomic } from "../util/atomicFile.js";
import { lockFile } from "../util/lock.js";

/** What a generated answer depends on. Two runs with equal keys may share answers; batch, threads and limit are not in it. */
export interface RunKey {
  /** SHA-256 of the model file. */
  model: string;
  adapters: ReadonlyArray<{ sha256: string; scale: number }>;
  /** `<name>@<version>`. */
  task: string;
  /** SHA-256 of a declarative task's definition. */
  definition?: string;
  /** SHA-256 of the data file. */
  data: string;
  sampler: string;
  seed: number;
  maxTokens: number;
  /** Where prompts may be cut: the caller's contextSize, which decides where, or "model". */
  truncateLeft?: number | "model";
  extraction: string;
  /** What of a strategy decides an answer; left out of a plain run. */
  strategy?: object;
  medilora: string;
  llamaCpp: string;
}

export const answerSchema = z.object({
  id: z.string(),
  /** Of the rendered prompt. */
  promptSha256: z.string(),
  response: z.string(),
  /** Null for an invalid response. */
  extracted: z.string().nullable(),
  gold: z.string(),
  finish: z.enum(["stop", "length"]),
  /** Sum over the answer's tokens of their natural log-probability under the model, before any sampler step. */
  logprob: z.number(),
  promptTokens: z.int(),
  /** The token that ended the answer counted in. */
  answerTokens: z.int(),
  /** Tokens cut off the beginning of the user's text; without, none. */
  cut: z.int().optional(),
  /** From the start of the (last) run's decoding to the end of this answer. */
  seconds: z.number(),
});

export type StoredAnswer = z.infer<typeof answerSchema>;

const FORMAT = 1;
const headerSchema = z.object({
  type: z.string(),
  format: z.number(),
  key: z.record(z.string(), z.unknown()),
});

/** Answers of an earlier run, and their file for messages. */
export type StoredAnswers<Answer extends { id: string }> = Pick<AnswersFile<Answer>, "path" | "stored">;

/**
 * The answers of one run, or the embeddings of texts, as JSON lines: a header with the run's key, then an answer a line,
 * each written as it comes. Mode 0600. A process that is killed leaves at most its last line torn; opening the file again cuts that off.
 */
export class AnswersFile<Answer extends { id: string }> {
  readonly path: string;
  readonly #descriptor: number;
  readonly #lock: AsyncDisposable;
  /** What the file held when it was opened, in its order. */
  readonly stored: readonly Answer[];

  private constructor(path: string, descriptor: number, lock: AsyncDisposable, stored: readonly Answer[]) {
    this.path = path;
    this.#lock = lock;
    this.#descriptor = descriptor;
    this.stored = stored;
  }

  /**
   * Opens the file of a run to go on with it, or begins one where there is none or an empty one.
   * @param key               what an answer depends on; kept in the header
   * @param options.schema    of one answer
   * @param options.overwrite begins anew where the file belongs to another run, or to this one
   * @param options.what      kind of the file, for its header and messages; "answers" by default
   * @throws MediloraError `ARGUMENT_INVALID` for a file of another run (naming what differs), or one that is no answers
   *   file, which is never overwritten; `DATA_INVALID` with the line for a damaged one; `FILE_READ`, `FILE_WRITE`,
   *   `DISK_FULL`
   */
  static async open<Answer extends { id: string }>(
    path: string,
    key: object,
    options: { schema: z.ZodType<Answer>; overwrite: boolean; what?: Kind },
  ): Promise<AnswersFile<Answer>> {
    await refuseDevices(path, options.what ?? "answers");
    const lock = await lockFile(
      `${path}.lock`,
      `${path} is in use by another evaluation`,
      "Wait for it or name another file",
    );
    try {
      return await AnswersFile.#openLocked(path, key, options, lock);
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * What {@link AnswersFile.open} would find, or the error that it would throw, without touching the file: of several runs
   * all can so be checked before the first one takes its hours.
   * @param key asked for only where a file is there
   * @throws MediloraError as {@link AnswersFile.open}
   */
  static async check<Answer extends { id: string }>(
    path: string,
    key: () => Promise<object>,
    { schema, overwrite }: { schema: z.ZodType<Answer>; overwrite: boolean },
  ): Promise<StoredAnswers<Answer>> {
    await refuseDevices(path, "answers");
    const content = await readIfThere(path);
    if (content.length === 0) return { path, stored: [] };
    const header = readHeader(path, content, "answers");
    if (overwrite) return { path, stored: [] };
    checkKey(path, header, await key(), "answers");
    return { path, stored: parseAnswers(path, content, schema, "answers") };
  }

  static async #openLocked<Answer extends { id: string }>(
    path: string,
    key: object,
    { schema, overwrite, what = "answers" }: { schema: z.ZodType<Answer>; overwrite: boolean; what?: Kind },
    lock: AsyncDisposable,
  ): Promise<AnswersFile<Answer>> {
    const content = await readIfThere(path);
    const header = content.length === 0 ? undefined : readHeader(path, content, what);
    let stored: Answer[] = [];
    if (header === undefined || overwrite)
      await writeFileAtomic(path, `${JSON.stringify({ type: typeOf(what), format: FORMAT, key })}\n`);
    else {
      checkKey(path, header, key, what);
      stored = await readAnswers(path, content, schema, what);
    }
    try {
      return new AnswersFile(path, openSync(path, "a"), lock, stored);
    } catch (error) {
      throw fileError(error, path, "write");
    }
  }

  /**
   * Adds an answer. Synchronous, so that it is with the operating system before anything else happens.
   * @throws MediloraError `FILE_WRITE`, `DISK_FULL`
   */
  append(answer: Answer): void {
    try {
      appendFileSync(this.#descriptor, `${JSON.stringify(answer)}\n`);
    } catch (error) {
      throw fileError(error, this.path, "write");
    }
  }

  /** Syncs to the disk, closes and unlocks. Call it once. */
  async close(): Promise<void> {
    try {
      fsyncSync(this.#descriptor);
    } catch (error) {
      throw fileError(error, this.path, "write");
    } finally {
      closeSync(this.#descriptor);
      await this.#lock[Symbol.asyncDispose]();
    }
  }
}

/** Reading /dev/full or /dev/zero never ends, and a pipe cannot be gone on from. */
async function refuseDevices(path: string, what: Kind): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isFile()) return;
  throw new MediloraError("FILE_WRITE", `${path} exists and is not a regular file. Name a file for the ${what}.`);
}

async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw fileError(error, path, "read");
  }
}

type Header = z.infer<typeof headerSchema>;
type Kind = "answers" | "embeddings";

function typeOf(what: Kind): string {
  return `medilora-${what}`;
}

function readHeader(path: string, content: Buffer, what: Kind): Header {
  const end = content.indexOf(0x0a);
  const header = headerSchema.safeParse(end === -1 ? undefined : parseJson(content.subarray(0, end)));
  if (header.success && header.data.type === typeOf(what)) return header.data;
  throw new MediloraError(
    "ARGUMENT_INVALID",
    `${path} exists and is no ${what} file of medilora, so it is left alone. Name another file for the ${what}.`,
  );
}

function checkKey(path: string, header: Header, key: object, what: Kind): void {
  const wanted: Record<string, unknown> = { format: FORMAT, ...key };
  const found: Record<string, unknown> = { format: header.format, ...header.key };
  const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  const different = [...names].filter((name) => JSON.stringify(wanted[name]) !== JSON.stringify(found[name]));
  if (different.length === 0) return;
  throw new MediloraError(
    "ARGUMENT_INVALID",
    `${path} holds the ${what} of another run: ${different.join(", ")} differ${different.length === 1 ? "s" : ""}. ` +
      "Name another file, or set overwrite to begin anew.",
  );
}

/** Cuts off a torn end first. */
async function readAnswers<Answer extends { id: string }>(
  path: string,
  content: Buffer,
  schema: z.ZodType<Answer>,
  what: Kind,
): Promise<Answer[]> {
  const end = content.lastIndexOf(0x0a) + 1;
  if (end < content.length) await truncate(path, end).catch((error) => Promise.reject(fileError(error, path, "write")));
  return parseAnswers(path, content, schema, what);
}

/** A torn end is left out. */
function parseAnswers<Answer extends { id: string }>(
  path: string,
  content: Buffer,
  schema: z.ZodType<Answer>,
  what: Kind,
): Answer[] {
  const end = content.lastIndexOf(0x0a) + 1;
  const answers = new Map<string, Answer>();
  let line = 1;
  for (let start = content.indexOf(0x0a) + 1; start < end; ) {
    line += 1;
    const stop = content.indexOf(0x0a, start);
    const answer = schema.safeParse(parseJson(content.subarray(start, stop)));
    if (!answer.success) throw damaged(path, line, what === "answers" ? "is no answer" : "is no embedding");
    if (answers.has(answer.data.id)) throw damaged(path, line, "has the id of an earlier line");
    answers.set(answer.data.id, answer.data);
    start = stop + 1;
  }
  return [...answers.values()];
}

/** Undefined for what is not JSON in UTF-8. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function damaged(path: string, line: number, problem: string): MediloraError {
  return new MediloraError(
    "DATA_INVALID",
    `${path}, line ${line}: ${problem}. Remove the line to have it computed again, or begin the file anew.`,
  );
}
