import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { lockFolder } from "../../dist/util/lock.js";

let folder: string;
let lock: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-lock-"));
  lock = join(folder, ".lock");
});
after(() => rm(folder, { recursive: true }));

const isBusy = (pid: number) => ({ code: "BUSY", message: new RegExp(`process ${pid}\\).*\\.lock`) });

test("a folder is held once, and free again afterwards", async () => {
  {
    await using _held = await lockFolder(folder);
    assert.equal(Number((await readFile(lock, "utf8")).split(" ")[0]), process.pid);
    if (process.platform !== "win32") assert.equal((await stat(lock)).mode & 0o777, 0o600);
    await assert.rejects(lockFolder(folder), isBusy(process.pid));
    assert.ok(existsSync(lock), "a refused claim leaves the lock");
  }
  assert.equal(existsSync(lock), false);
  await using _again = await lockFolder(folder);
});

test("of several claims at once one wins", async () => {
  const claims = await Promise.allSettled([lockFolder(folder), lockFolder(folder), lockFolder(folder)]);
  const held = claims.flatMap((claim) => (claim.status === "fulfilled" ? [claim.value] : []));
  for (const one of held) await one[Symbol.asyncDispose]();
  assert.equal(held.length, 1);
});

test("a running process holds its lock, a dead one's is taken over", async () => {
  const sleeper = spawn(process.execPath, ["--eval", "setTimeout(() => {}, 60_000)"]);
  const ended = new Promise((resolve) => sleeper.on("exit", resolve));
  try {
    await writeFile(lock, `${sleeper.pid} 1\n`);
    await assert.rejects(lockFolder(folder), isBusy(sleeper.pid as number));
  } finally {
    sleeper.kill("SIGKILL");
    await ended;
  }
  await using _taken = await lockFolder(folder);
});

test("a killed process that nobody waited for holds nothing", { skip: process.platform !== "linux" }, async () => {
  // The shell becomes a program that never asks for its children.
  const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const pid = Number(String((await once(parent.stdout, "data"))[0]));
    while (!/\) Z /.test(await readFile(`/proc/${pid}/stat`, "utf8"))) await setTimeout(5);
    await writeFile(lock, `${pid} 1\n`);
    await using _taken = await lockFolder(folder);
  } finally {
    parent.kill("SIGKILL");
  }
});

test("a lock of an earlier process with the same id, or one that is cut short, is taken over", async () => {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  for (const left of [`${process.pid} 1000\n`, `${pid} 1000\n`, "", "0 0\n", "-1 5\n", "garbage"]) {
    await writeFile(lock, left);
    await utimes(lock, 1e9, 1e9);
    await using _taken = await lockFolder(folder);
    assert.match(await readFile(lock, "utf8"), new RegExp(`^${process.pid} \\d{13}\n$`), JSON.stringify(left));
  }
});

test("a lock that is just being written is respected", async () => {
  await writeFile(lock, "");
  await assert.rejects(lockFolder(folder), { code: "BUSY", message: /process unknown/ });
  assert.equal(await readFile(lock, "utf8"), "");
  await rm(lock);
});
