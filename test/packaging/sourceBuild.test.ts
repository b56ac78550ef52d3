import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, describe, it } from "node:test";
import type { Diagnosis } from "../../dist/doctor/diagnose.js";
import { addProgram, emptyProject, type Project, packMedilora, skip } from "./project.js";

// A consumer without a platform package: install scripts held back, then the addon compiled from the tarball's headers by the
// very command that the doctor names. Then what can go wrong with an installation, and whether the doctor sees it.

let project: Project;
const installed = (path: string) => project.installed(path);
const addon = () => installed("medilora/build/Release/medilora.node");

function doctor(): Diagnosis & { status: number | null } {
  const { status, stdout, stderr } = spawnSync(installed(".bin/medilora"), ["doctor", "--json"], {
    cwd: project.folder,
    encoding: "utf8",
  });
  assert.equal(stderr, "");
  return { ...(JSON.parse(stdout) as Diagnosis), status };
}

/** The doctor is not content and names these commands, in this order. */
function assertMending(fixes: RegExp[], problem: RegExp): void {
  const { ok, status, problems, addon: found } = doctor();
  assert.deepEqual([ok, status, found], [false, 1, null]);
  assert.equal(problems.length, fixes.length, JSON.stringify(problems));
  for (const [i, fix] of fixes.entries()) assert.match(problems[i]!.fix, fix);
  assert.match(problems.at(-1)!.problem, problem);
}

/** Runs what the doctor names. */
function mend(command: string): void {
  project.run("sh", ["-c", command], { ...process.env, npm_config_prefer_offline: "true" });
}

/** Where it can be had, a shell without any network. */
function withoutNetwork(command: string): [string, string[]] {
  const isolated = spawnSync("unshare", ["--map-root-user", "--net", "true"]).status === 0;
  return isolated ? ["unshare", ["--map-root-user", "--net", "sh", "-c", command]] : ["sh", ["-c", command]];
}

describe("a consumer whose npm runs no install scripts", { skip }, () => {
  before(async () => {
    project = await emptyProject();
    project.install(["--ignore-scripts", await packMedilora()]);
  });

  it("is told the command that builds the addon, by the error and by the doctor", () => {
    const code = `import { openTokenizer } from "medilora";
      await openTokenizer("m.gguf").catch(({ code, message }) => console.log(code, message));`;
    const message = project.run(process.execPath, ["--input-type=module", "-e", code]);
    assert.match(message, /^NATIVE_UNAVAILABLE .*it was not built.*npm rebuild medilora.*npx medilora doctor/);
    assertMending([/^npm rebuild medilora$/], /it was not built/);
    const text = spawnSync(installed(".bin/medilora"), ["doctor"], { encoding: "utf8" });
    assert.match(text.stdout, /mend: {2}npm rebuild medilora/);
    assert.doesNotMatch(text.stdout + text.stderr, /^\s+at /m, "no stack trace");
  });

  it("compiles it with that command from what npm has installed, and does real work", async () => {
    project.run(...withoutNetwork("npm rebuild medilora"));
    const { ok, status, addon: found, problems } = doctor();
    assert.deepEqual([ok, status, problems, found?.origin], [true, 0, [], "built here"]);
    const [program, ...paths] = await addProgram(project);
    const results = JSON.parse(project.run(process.execPath, [program!, ...paths, join(project.folder, "out")]));
    assert.equal(results.main.losses.length, 3);
    assert.deepEqual(results.main.failures, ["FILE_NOT_FOUND", "ABORTED", "ABORTED", "DISPOSED"]);
    assert.deepEqual(results.worker, results.main);
  });
});

describe("the doctor", { skip }, () => {
  it("prints one set of fields and paths without `..`, whatever it finds", () => {
    const { status: _status, ...diagnosis } = doctor();
    const fields = [
      "ok",
      "medilora",
      "node",
      "platform",
      "addon",
      "error",
      "llamaCpp",
      "kernel",
      "processor",
      "memory",
    ];
    assert.deepEqual(Object.keys(diagnosis), [...fields, "nodeLlamaCpp", "problems"]);
    const { llama, cpu } = diagnosis.llamaCpp!.libraries;
    for (const path of [llama, cpu, diagnosis.addon!.path]) {
      assert.ok(path.startsWith(installed(".")), path);
      assert.doesNotMatch(path, /\.\./);
    }
  });

  it("knows an addon of another processor and a file that is none", {
    skip: process.platform !== "linux" && "changes an ELF file",
  }, () => {
    const whole = readFileSync(addon());
    const foreign = Buffer.from(whole);
    foreign.writeUInt16LE(process.arch === "x64" ? 183 : 62, 18);
    // Written anew: changing a file in place would change what another process has loaded.
    unlinkSync(addon());
    writeFileSync(addon(), foreign);
    const built = process.arch === "x64" ? "arm64" : "x64";
    assertMending([/^npm rebuild medilora$/], new RegExp(`medilora.node was built for ${built}`));
    writeFileSync(addon(), "no library\n".repeat(100));
    assertMending([/^npm rebuild medilora$/], /invalid ELF header/);
    writeFileSync(addon(), whole);
    assert.equal(doctor().ok, true);
  });

  it("names a file whose end is missing, where loading it would end the process", {
    skip: process.platform !== "linux" && "looks into ELF files",
  }, () => {
    const whole = readFileSync(addon());
    for (const bytes of [1000, whole.length >> 1]) {
      unlinkSync(addon());
      writeFileSync(addon(), whole.subarray(0, bytes));
      assertMending(
        [/^npm rebuild medilora$/],
        new RegExp(`medilora\\.node is damaged: .*${bytes} of ${whole.length}`),
      );
    }
    // The installer comes as far as building it anew.
    const install = [installed("medilora/scripts/install.mjs")];
    const { status, stderr } = spawnSync(process.execPath, install, { env: { PATH: "" }, encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, /cannot build the native addon: .* not found/);
    unlinkSync(addon());
    writeFileSync(addon(), whole);

    const library = doctor().llamaCpp!.libraries.llama;
    const bytes = readFileSync(library);
    unlinkSync(library);
    writeFileSync(library, bytes.subarray(0, 5000));
    assertMending([/^rm -r ".*" && npm install @node-llama-cpp/], /not whole: the end of .*libllama\..* is missing/);
    writeFileSync(library, bytes);
    assert.equal(doctor().ok, true);
  });

  it("names what brings back libraries that are damaged, of another version or gone; it does", () => {
    const bins = dirname(doctor().llamaCpp!.libraries.llama);
    const folder = dirname(dirname(bins));
    unlinkSync(join(bins, readdirSync(bins).find((file) => file.startsWith("libllama."))!));
    assertMending([/^rm -r ".*" && npm install @node-llama-cpp\/[\w-]+@\d/], /not whole/);
    mend(doctor().problems[0]!.fix);
    assert.equal(doctor().ok, true);

    const manifest = join(folder, "package.json");
    const text = readFileSync(manifest, "utf8");
    unlinkSync(manifest);
    writeFileSync(manifest, text.replace(/"version": "[^"]+"/, '"version": "3.0.0"'));
    renameSync(bins, `${bins}-old`);
    assertMending([/^npm install @node-llama-cpp\/[\w-]+@\d/], /are of version 3\.0\.0, not \d/);

    rmSync(folder, { recursive: true });
    assertMending([/^npm install @node-llama-cpp\/[\w-]+@\d/], /are not installed/);
    mend(doctor().problems[0]!.fix);
    assert.equal(doctor().ok, true);
  });

  it("says that a build needs a folder that can be written; without a build none is written", {
    skip: process.getuid?.() !== 0 && "only root can become another user",
  }, () => {
    const nobody = { uid: 65534, gid: 65534, encoding: "utf8" } as const;
    chmodSync(join(project.folder, ".."), 0o755);
    const asNobody = () => {
      const { stdout } = spawnSync(
        process.execPath,
        [installed("medilora/dist/cli/medilora.js"), "doctor", "--json"],
        nobody,
      );
      return JSON.parse(stdout) as Diagnosis;
    };
    const { ok, problems: none } = asNobody();
    assert.deepEqual([ok, none], [true, []]);
    renameSync(addon(), `${addon()}-away`);
    const { problems } = asNobody();
    assert.equal(problems.length, 2);
    assert.match(problems[0]!.problem, /medilora cannot be written by this user/);
    assert.equal(problems[1]!.fix, "npm rebuild medilora");
    renameSync(`${addon()}-away`, addon());
  });
});
