import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";

const VERSIONS = "/usr/lib/postgresql";
const USER = "medilora_test";

/** The folder of PostgreSQL's programs where Debian puts them; undefined when it is not installed. */
export function postgresPrograms(): string | undefined {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(VERSIONS, version, "bin")).find((bin) => existsSync(join(bin, "initdb")));
}

/** A PostgreSQL of the test's own: on loopback, a free port, data in a temporary folder, as an unprivileged user. */
export class PostgresServer implements AsyncDisposable {
  readonly #programs: string;
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(programs: string, port: number) {
    this.#programs = programs;
    this.#port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "medilora-postgres-"));
    const { uid, gid } = unprivileged();
    if (uid !== undefined && gid !== undefined) chownSync(this.#folder, uid, gid);
  }

  static async start(programs: string): Promise<PostgresServer> {
    const server = new PostgresServer(programs, await freePort());
    const args = ["-D", server.#data, "-U", USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--no-locale"];
    await promisify(execFile)(join(programs, "initdb"), args, { ...unprivileged(), cwd: server.#folder });
    await server.run();
    return server;
  }

  get url(): string {
    return `postgres://${USER}@127.0.0.1:${this.#port}/postgres`;
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  /** Starts the server (again) and waits until it answers. */
  async run(): Promise<void> {
    const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "shared_buffers=64MB"];
    const args = ["-D", this.#data, "-p", String(this.#port), ...settings.flatMap((setting) => ["-c", setting])];
    this.#process = spawn(join(this.#programs, "postgres"), args, {
      ...unprivileged(),
      cwd: this.#folder,
      stdio: "ignore",
    });
    for (let attempt = 0; ; attempt++) {
      try {
        await this.query("SELECT 1");
        return;
      } catch (error) {
        if (attempt === 150) throw error;
        await sleep(100);
      }
    }
  }

  /** @param signal SIGQUIT drops every connection at once, SIGINT stops in order */
  async stop(signal: "SIGQUIT" | "SIGINT"): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }

  async query(sql: string, values: unknown[] = []): Promise<Array<Record<string, unknown>>> {
    const client = new pg.Client({ connectionString: this.url });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(sql, values)).rows as Array<Record<string, unknown>>;
    } finally {
      await client.end();
    }
  }

  /** Loads a CSV file with a header into a table. */
  async copy(table: string, csv: string): Promise<void> {
    const command = `\\copy ${table} from '${csv}' csv header`;
    await promisify(execFile)(join(this.#programs, "psql"), ["-q", "-v", "ON_ERROR_STOP=1", this.url, "-c", command]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGINT");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  for (const user of ["postgres", "nobody"]) {
    try {
      const id = (what: string) => Number(execFileSync("id", [what, user], { encoding: "utf8" }));
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // No such user; the next one.
    }
  }
  throw new Error("there is no unprivileged user to run PostgreSQL");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
