import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AtomicWriter, writeFileAtomic } from "../../dist/util/atomicFile.js";
import { sha256File, sha256Text } from "../../dist/util/hash.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-atomic-"));
});
after(() => rm(folder, { recursive: true }));

/** A fresh folder, so that a test can list what was left behind. */
async function emptyFolder(): Promise<string> {
  return mkdtemp(join(folder, "case-"));
}

async function fileHandlePrototype(): Promise<Record<"writeFile" | "sync", () => Promise<void>>> {
  const handle = await open(join(folder, "prototype"), "w");
  await handle.close();
  return Object.getPrototypeOf(handle) as Record<"writeFile" | "sync", () => Promise<void>>;
}

function noSpace(): Promise<never> {
  return Promise.reject(Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }));
}

test("a file appears whole, with mode 0600, and nothing beside it", async () => {
  const place = await emptyFolder();
  const path = join(place, "rows.jsonl");
  await writeFileAtomic(path, "überall\n");
  assert.equal(await readFile(path, "utf8"), "überall\n");
  if (process.platform !== "win32") assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(place), ["rows.jsonl"]);
});

test("the mode can be widened, and a replaced file's wider mode is not inherited", {
  skip: process.platform === "win32",
}, async () => {
  const place = await emptyFolder();
  const path = join(place, "a");
  await writeFileAtomic(path, "1", { mode: 0o640 });
  assert.equal((await stat(path)).mode & 0o777, 0o640 & ~process.umask());
  await chmod(path, 0o644);
  await writeFileAtomic(path, "2");
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("chunks follow each other, text and bytes, and the target is untouched before commit", async () => {
  const place = await emptyFolder();
  const path = join(place, "a");
  await writeFile(path, "old");
  const writer = await AtomicWriter.open(path);
  await writer.write("ab");
  await writer.write(Uint8Array.of(0, 255));
  await writer.write("ç");
  assert.equal(await readFile(path, "utf8"), "old");
  await writer.commit();
  assert.deepEqual([...(await readFile(path))], [0x61, 0x62, 0, 255, 0xc3, 0xa7]);
  assert.deepEqual(await readdir(place), ["a"]);
});

test("discard, and leaving the scope without commit, leave nothing behind", async () => {
  const place = await emptyFolder();
  const writer = await AtomicWriter.open(join(place, "a"));
  await writer.write("x");
  await writer.discard();
  await writer.discard();
  assert.deepEqual(await readdir(place), []);
  await assert.rejects(
    async () => {
      await using scoped = await AtomicWriter.open(join(place, "b"));
      await scoped.write("x");
      throw new Error("stop");
    },
    { message: "stop" },
  );
  assert.deepEqual(await readdir(place), []);
});

test("a closed writer says so", async () => {
  const place = await emptyFolder();
  const writer = await AtomicWriter.open(join(place, "a"));
  await writer.commit();
  await assert.rejects(writer.write("x"), { code: "DISPOSED" });
  await assert.rejects(writer.commit(), { code: "DISPOSED" });
  await writer.discard();
  assert.deepEqual(await readdir(place), ["a"]);
});

test("a full disk at a write gives DISK_FULL, keeps the old file and leaves nothing behind", async (t) => {
  const place = await emptyFolder();
  const path = join(place, "a");
  await writeFile(path, "old");
  t.mock.method(await fileHandlePrototype(), "writeFile", noSpace);
  const writer = await AtomicWriter.open(path);
  await assert.rejects(writer.write("new"), (error: Error & { code: string }) => {
    assert.equal(error.code, "DISK_FULL");
    assert.ok(error.message.includes(path));
    return true;
  });
  t.mock.restoreAll();
  assert.equal(await readFile(path, "utf8"), "old");
  assert.deepEqual(await readdir(place), ["a"]);
  await assert.rejects(writer.write("again"), { code: "DISPOSED" });
});

test("a full disk at the sync gives DISK_FULL, keeps the old file and leaves nothing behind", async (t) => {
  const place = await emptyFolder();
  const path = join(place, "a");
  await writeFile(path, "old");
  t.mock.method(await fileHandlePrototype(), "sync", noSpace);
  await assert.rejects(writeFileAtomic(path, "new"), { code: "DISK_FULL" });
  t.mock.restoreAll();
  assert.equal(await readFile(path, "utf8"), "old");
  assert.deepEqual(await readdir(place), ["a"]);
});

test("a missing folder, a folder and a device are refused", async () => {
  const place = await emptyFolder();
  await assert.rejects(writeFileAtomic(join(place, "none", "a"), "x"), { code: "FILE_WRITE" });
  await mkdir(join(place, "folder"));
  await assert.rejects(writeFileAtomic(join(place, "folder"), "x"), { code: "FILE_WRITE" });
  assert.deepEqual(await readdir(place), ["folder"]);
  if (process.platform === "win32") return;
  // A rename would replace the device node itself.
  await assert.rejects(writeFileAtomic("/dev/null", "x"), { code: "FILE_WRITE" });
  assert.ok((await stat("/dev/null")).isCharacterDevice());
});

test("a symbolic link stays, and the file it points to is replaced", {
  skip: process.platform === "win32",
}, async () => {
  const place = await emptyFolder();
  await writeFile(join(place, "real"), "old");
  await symlink("real", join(place, "link"));
  await writeFileAtomic(join(place, "link"), "new");
  assert.equal(await readFile(join(place, "real"), "utf8"), "new");
  assert.deepEqual((await readdir(place)).sort(), ["link", "real"]);
});

test("a link to a file that is yet to come stays, and the file is made where it points to", {
  skip: process.platform === "win32",
}, async () => {
  const place = await emptyFolder();
  await mkdir(join(place, "safe"));
  await mkdir(join(place, "work"));
  await symlink("work", join(place, "alias"));
  await symlink("../safe/rows", join(place, "work", "rows"));
  await writeFileAtomic(join(place, "alias", "rows"), "text");
  assert.equal(await readFile(join(place, "safe", "rows"), "utf8"), "text");
  assert.ok((await lstat(join(place, "work", "rows"))).isSymbolicLink());
  assert.deepEqual(await readdir(join(place, "safe")), ["rows"]);
});

test("what a killed process left goes with the next file of that name, and no other file does", async () => {
  const place = await emptyFolder();
  const target = join(place, "rows.jsonl");
  const module = new URL("../../dist/util/atomicFile.js", import.meta.url).href;
  const program = `import { AtomicWriter } from ${JSON.stringify(module)};
    const writer = await AtomicWriter.open(process.argv[1]);
    await writer.write("patient text");
    process.kill(process.pid, "SIGKILL");`;
  spawnSync(process.execPath, ["--input-type=module", "--eval", program, target]);
  const [left = ""] = await readdir(place);
  assert.match(left, /^\.rows\.jsonl\.[0-9a-f]{8}-\d+-[0-9a-f]{12}\.tmp$/);
  const others = [
    left.replace(/-\d+-/, `-${process.pid}-`),
    left.replace(/jsonl\.[0-9a-f]{8}/, "jsonl.00000000"),
    left.replace("rows", "other"),
    ".rows.jsonl.tmp",
  ];
  for (const name of others) await writeFile(join(place, name), "");
  await writeFileAtomic(target, "new");
  assert.deepEqual((await readdir(place)).sort(), [...others, "rows.jsonl"].sort());
});

test("SHA-256 of files and texts", async () => {
  // FIPS 180-4 example and the hash of nothing.
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(sha256Text("abc"), abc);
  assert.equal(sha256Text(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const path = join(await emptyFolder(), "a");
  await writeFile(path, "abc");
  assert.equal(await sha256File(path), abc);
  const large = Buffer.alloc(3_000_001, 7);
  await writeFile(path, large);
  assert.equal(await sha256File(path), createHash("sha256").update(large).digest("hex"));
  await assert.rejects(sha256File(join(folder, "none")), { code: "FILE_NOT_FOUND" });
  await assert.rejects(sha256File(folder), { code: "FILE_READ" });
});
