import { readFileSync } from "node:fs";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileError, MediloraError } from "../errors.js";

/** When this process started, in ms since 1970; tells it from an earlier one that had the same id. */
const PROCESS_START = Math.round(Date.now() - 1000 * process.uptime());

/** How far two measurements of one process's start may lie apart, in ms. */
const START_TOLERANCE = 2000;

/** A lock without its text is being written, unless it is older than this, in ms. */
const WRITING = 10_000;

type Holder = number | "unknown" | undefined;

/**
 * Claims an output folder for one run by its file `.lock`.
 * @throws as {@link lockFile}
 */
export function lockFolder(folder: string): Promise<AsyncDisposable> {
  return lockFile(
    join(folder, ".lock"),
    `${folder} is in use by another training`,
    "Wait for it or choose another output_dir",
  );
}

/**
 * Creates a lock file, which disposing removes. It holds the id and the start of the process; one that a dead process
 * left is taken over. Sees the processes of this computer only.
 * @throws MediloraError `BUSY` when a running process holds it, or this one does; `DISK_FULL`, `FILE_WRITE`
 */
export async function lockFile(path: string, what: string, advice: string): Promise<AsyncDisposable> {
  if (!(await create(path))) {
    const holder = await liveHolder(path);
    if (holder === undefined) await rm(path, { force: true });
    if (holder !== undefined || !(await create(path)))
      throw new MediloraError(
        "BUSY",
        `${what} (process ${holder ?? "unknown"}). ${advice}; if there is none, delete ${path}.`,
      );
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** @returns false when it is there already */
async function create(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${process.pid} ${PROCESS_START}\n`, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw fileError(error, path, "write");
  }
}

/** Id of the running process that wrote the lock; undefined when there is none. */
async function liveHolder(path: string): Promise<Holder> {
  const [pid = 0, started = 0] = (await readFile(path, "utf8").catch(() => "")).trim().split(" ").map(Number);
  if (!Number.isSafeInteger(pid) || pid < 1) return (await isFresh(path)) ? "unknown" : undefined;
  // In a container every run may have the same id: an equal one counts only with an equal start.
  if (pid === process.pid) return Math.abs(started - PROCESS_START) < START_TOLERANCE ? pid : undefined;
  return isRunning(pid) ? pid : undefined;
}

/** Whether a process of this computer has that id, also one of another user; not one that ended and was not waited for. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** In a container whose first process waits for nobody, a killed process keeps its id for ever. */
function isZombie(pid: number): boolean {
  if (process.platform !== "linux") return false;
  try {
    // The state stands behind the name, which is in brackets and may hold any character.
    return /\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

async function isFresh(path: string): Promise<boolean> {
  const written = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  return Date.now() - written < WRITING;
}
