import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import type Cursor from "pg-cursor";
import { isMediloraError, MediloraError } from "../../errors.js";
import type { TableSource } from "../manifest.js";
import { ERROR_FLAG, type Note, type NoteFilter, type NoteSource, skipReason } from "./notes.js";

/** A table of notes in PostgreSQL. It is read by a cursor, and nothing is written to the database. */
export interface PostgresOptions {
  /** `postgres://user@host/database`; a password is better left to PGPASSWORD or ~/.pgpass. */
  url: string;
  /** Default `noteevents`; may name a schema: `mimiciii.noteevents`. */
  table?: string;
  /** Milliseconds before the first new attempt after the connection is lost; doubled each time. Default 1000. */
  retryDelay?: number;
  signal?: AbortSignal;
  /** Called when the connection is lost and will be tried again. */
  onRetry?: (lastRowId: string | null) => void;
}

interface NoteRow {
  /** Null only in what is no table of MIMIC-III: there it is the primary key. */
  row_id: string | null;
  category: string;
  iserror: string;
  text: string;
}

/**
 * A batch is as many rows as would take this many UTF-16 units if each were as long as the longest note so far, and at most
 * MAX_ROWS: rows of unknown length must not fill the memory, and one that is longer than all before comes in a batch of
 * MAX_ROWS at worst.
 */
const BATCH_UNITS = 8 << 20;
const FIRST_ROWS = 4;
const MAX_ROWS = 100;
const ATTEMPTS = 6;
/** Connection exceptions, shutdown of the server, and its start. */
const LOST = /^(?:08|57P0)|^E(?:CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN)/;
/** Reading all notes is one transaction, which lasts as long as cleaning them; only the settings that the server knows. */
const NO_TIMEOUTS = `SELECT set_config(name, '0', true) FROM pg_settings
  WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`;
const TABLE = /^[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?$/;

/**
 * The table NOTEEVENTS of a PostgreSQL database, in the order of row_id, by a server-side cursor in a read-only
 * transaction without time limits. When the connection is lost, it is opened again and reading goes on behind the last row; the new
 * transaction sees what others have changed since.
 */
export class PostgresNoteSource implements NoteSource {
  readonly #options: Required<Pick<PostgresOptions, "url" | "table" | "retryDelay">> & PostgresOptions;
  readonly #filter: NoteFilter;
  readonly #hash = createHash("sha256");
  #lastRowId: string | null = null;
  #connected = false;

  /** @throws MediloraError `ARGUMENT_INVALID` */
  constructor(options: PostgresOptions, filter: NoteFilter) {
    this.#options = { ...options, table: options.table ?? "noteevents", retryDelay: options.retryDelay ?? 1000 };
    this.#filter = filter;
    if (!/^postgres(?:ql)?:\/\//.test(options.url) || !URL.canParse(options.url))
      throw new MediloraError("ARGUMENT_INVALID", "The database must be a URL such as postgres://user@host/mimic.");
    if (!TABLE.test(this.#options.table))
      throw new MediloraError("ARGUMENT_INVALID", "table must be a plain name, with or without a schema in front.");
  }

  async *notes(): AsyncGenerator<Note> {
    let failures = 0;
    for (;;) {
      try {
        for await (const note of this.#read()) {
          failures = 0;
          yield note;
        }
        return;
      } catch (error) {
        failures += 1;
        // What fails at the very start is a wrong address or password: no use to try that again.
        if (!this.#connected || !isLost(error) || failures === ATTEMPTS) throw this.#failure(error);
        this.#options.onRetry?.(this.#lastRowId);
        await this.#pause(this.#options.retryDelay * 2 ** (failures - 1));
      }
    }
  }

  async describe(): Promise<TableSource> {
    const { hostname, port, pathname } = new URL(this.#options.url);
    const database = `${hostname}${port === "" ? "" : `:${port}`}${pathname}`;
    return { database, table: this.#options.table, sha256: this.#hash.copy().digest("hex") };
  }

  async *#read(): AsyncGenerator<Note> {
    const { default: pgModule } = await import("pg");
    const { default: CursorClass } = await import("pg-cursor");
    const client = new pgModule.Client({
      connectionString: this.#options.url,
      application_name: "medilora",
      keepAlive: true,
    });
    const connection = new Connection(client, this.#options.signal);
    try {
      await connection.during(() => client.connect());
      this.#connected = true;
      await connection.during(() => client.query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"));
      await connection.during(() => client.query(NO_TIMEOUTS));
      const cursor = client.query(new CursorClass<NoteRow>(this.#query(), this.#parameters()));
      yield* this.#notesOf(cursor, connection);
      await connection.during(() => client.query("COMMIT"));
    } finally {
      await connection.end();
    }
  }

  async *#notesOf(cursor: Cursor<NoteRow>, connection: Connection): AsyncGenerator<Note> {
    let longest = 1;
    for (let size = FIRST_ROWS; ; size = Math.max(1, Math.min(MAX_ROWS, Math.floor(BATCH_UNITS / longest)))) {
      const rows = await connection.during(() => cursor.read(size));
      if (rows.length === 0) return;
      for (const row of rows) longest = Math.max(longest, row.text.length);
      for (const row of rows) {
        if (row.row_id === null) throw this.#invalid("has a row without row_id");
        this.#lastRowId = row.row_id;
        this.#hash.update(`${row.row_id}\t${row.text}\n`);
        const skip = skipReason(row.category, row.iserror, this.#filter);
        yield skip === undefined ? { rowId: row.row_id, text: row.text } : { rowId: row.row_id, skip, text: "" };
      }
    }
  }

  /** The text of a note that will be skipped stays in the database. */
  #query(): string {
    const table = this.#options.table
      .split(".")
      .map((part) => `"${part.toLowerCase()}"`)
      .join(".");
    return `SELECT row_id::text AS row_id, coalesce(category, '') AS category, coalesce(iserror::text, '') AS iserror,
      CASE WHEN lower(btrim(coalesce(iserror::text, ''))) !~ '${ERROR_FLAG}'
            AND ($2::text[] IS NULL OR lower(btrim(category)) = ANY ($2::text[])) THEN coalesce(text, '') ELSE '' END AS text
      FROM ${table} WHERE ($1::bigint IS NULL OR row_id > $1::bigint) AND ($3::bigint IS NULL OR row_id = $3::bigint)
      ORDER BY ${table}.row_id`;
  }

  #parameters(): unknown[] {
    const { categories, rowId } = this.#filter;
    return [this.#lastRowId, categories === "all" ? null : [...categories], rowId ?? null];
  }

  async #pause(milliseconds: number): Promise<void> {
    try {
      await sleep(milliseconds, undefined, { signal: this.#options.signal });
    } catch {
      throw aborted();
    }
  }

  #invalid(problem: string, cause?: unknown): MediloraError {
    return new MediloraError(
      "DATA_INVALID",
      `Table ${this.#options.table} ${problem}. Give NOTEEVENTS of MIMIC-III, with its primary key.`,
      { cause },
    );
  }

  #failure(error: unknown): MediloraError {
    if (isMediloraError(error)) return error;
    const code = String((error as { code?: unknown } | null)?.code ?? "no code");
    const { table } = this.#options;
    const cause = { cause: error };
    if (code === "42883" || code === "22P02") return this.#invalid("has a row_id that is not a whole number", error);
    if (code === "42P01" || code === "42703" || code === "42501")
      return new MediloraError(
        "DATA_INVALID",
        `Table ${table} cannot be read as NOTEEVENTS (${code}). Name it with its schema, and check its columns and rights.`,
        cause,
      );
    const after = this.#lastRowId === null ? "" : ` after row ${this.#lastRowId}`;
    return new MediloraError(
      "FILE_READ",
      `Reading table ${table} failed${after} (${code}). Check the server, the URL and the password.`,
      cause,
    );
  }
}

/** Lets work fail when the connection is lost or the signal says so, also where the library would leave it pending. */
class Connection {
  #error: Error | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor(
    private readonly client: pg.Client,
    private readonly signal: AbortSignal | undefined,
  ) {
    client.on("error", (error) => {
      this.#error ??= error;
      this.#fail?.(error);
    });
  }

  /** Not Promise.race: that would keep the rows of every batch alive as long as the connection. */
  async during<T>(start: () => Promise<T>): Promise<T> {
    if (this.#error !== undefined) throw this.#error;
    if (this.signal?.aborted) throw aborted();
    const onAbort = () => this.#fail?.(aborted());
    this.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#fail = reject;
        start().then(resolve, reject);
      });
    } finally {
      this.#fail = undefined;
      this.signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Ends the transaction too. Where a query may still run, or the server is gone, a farewell could wait for ever. */
  async end(): Promise<void> {
    if (this.#error !== undefined || this.signal?.aborted) this.client.connection.stream.destroy();
    else await this.client.end().catch(() => {});
  }
}

function aborted(): MediloraError {
  return new MediloraError("ABORTED", "Preparing the data was aborted; nothing was written.");
}

function isLost(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return LOST.test(String(code)) || (code === undefined && /^(?:Connection|Client)/.test(String(message)));
}
