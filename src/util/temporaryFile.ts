import { createHash, randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { isRunning } from "./lock.js";

/** Processes of other computers that share the folder cannot be asked whether they still run. */
const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);

/** A name beside the target that no other file has, and that tells who writes it: `.<target>.<host>-<process>-<random>.tmp`. */
export function temporaryName(target: string): string {
  const owner = `${HOST}-${process.pid}-${randomBytes(6).toString("hex")}`;
  return join(dirname(target), `.${basename(target)}.${owner}.tmp`);
}

/**
 * Removes what processes of this computer that were killed left of the same target: it may hold patient text, and nobody
 * would look for it. What cannot be listed or removed stays.
 */
export async function removeAbandoned(target: string): Promise<void> {
  const folder = dirname(target);
  const start = `.${basename(target)}.${HOST}-`;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(start)) continue;
    const owner = /^(\d{1,10})-[0-9a-f]{12}\.tmp$/.exec(name.slice(start.length))?.[1];
    if (owner !== undefined && !isRunning(Number(owner))) await rm(join(folder, name), { force: true }).catch(() => {});
  }
}
