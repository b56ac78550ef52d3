import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { repoFile, temporaryFolder } from "../native/helpers.js";

// The tarballs as a consumer gets them: packed, installed in an empty project without a compiler, used.

const temporary = await temporaryFolder();
const project = temporary("project");
const installed = (path: string) => join(project, "node_modules", path);

function run(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): string {
  return execFileSync(command, args, { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options });
}

/** The tarball of a package folder, without running its scripts: others use dist at the same time. */
function pack(folder: string): string {
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", temporary("."), folder];
  const answer = JSON.parse(run("npm", args, { cwd: temporary(".") })) as
    | Array<{ filename: string }>
    | Record<string, { filename: string }>;
  return temporary((Object.values(answer)[0] as { filename: string }).filename);
}

/** A PATH with Node.js and a shell on it, but no compiler, CMake or git. */
async function bareEnvironment(): Promise<NodeJS.ProcessEnv> {
  const bin = temporary("bin");
  await mkdir(bin);
  for (const tool of ["node", "npm", "sh"]) await symlink(run("which", [tool], { cwd: "." }).trim(), join(bin, tool));
  return { ...process.env, PATH: bin, CXX: "" };
}

function bytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

const skip = existsSync(repoFile("build/CMakeCache.txt"))
  ? false
  : "there is no build to package: npm run build:native";
let tarball: string;

describe("a consumer", { skip }, () => {
  before(async () => {
    run(process.execPath, [repoFile("scripts/pack-headers.mjs")], { cwd: repoFile(".") });
    run(process.execPath, [repoFile("scripts/platform-package.mjs")], { cwd: repoFile(".") });
    tarball = pack(repoFile("."));
    await mkdir(project);
    await writeFile(join(project, "package.json"), '{ "private": true }');
    const platform = pack(repoFile(`prebuilt/${process.platform}-${process.arch}`));
    const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
    run("npm", ["install", ...flags, tarball, platform], { env: await bareEnvironment() });
  });

  it("installs without a compiler, in at most 150 MB", (t) => {
    const size = bytes(installed("."));
    t.diagnostic(
      `installed: ${(size / 1e6).toFixed(1)} MB, medilora itself ${(bytes(installed("medilora")) / 1e6).toFixed(1)} MB`,
    );
    assert.ok(size < 150e6, `${size} bytes`);
    assert.ok(bytes(installed("medilora")) < 20e6);
    assert.equal(existsSync(installed("medilora/build")), false, "nothing was compiled");
    assert.equal(existsSync(installed("node-llama-cpp")), false);
  });

  it("has the headers to compile the addon with", () => {
    const headers = readdirSync(installed("medilora/vendor/headers"), { recursive: true }).map(String);
    for (const path of ["LICENSE", "include/llama.h", "ggml/include/ggml.h", "ggml/src/ggml-impl.h"])
      assert.ok(headers.includes(path), path);
  });

  it("imports and requires it, and the platform package's addon works", () => {
    const report = `diagnose().then((d) => console.log(JSON.stringify([d.ok, d.addon.origin, typeof train])));`;
    const expected = JSON.stringify([true, "platform package", "function"]);
    const esm = `import { diagnose, train } from "medilora"; ${report}`;
    assert.equal(run(process.execPath, ["--input-type=module", "-e", esm]).trim(), expected);
    const cjs = `const { diagnose, train } = require("medilora"); ${report}`;
    assert.equal(run(process.execPath, ["--input-type=commonjs", "--no-warnings", "-e", cjs]).trim(), expected);
  });

  it("is told how to get node-llama-cpp", () => {
    const code = `import { openChat } from "medilora/node-llama-cpp";
      await openChat({ model: "m.gguf" }).catch(({ code, message }) => console.log(code, message));`;
    assert.match(
      run(process.execPath, ["--input-type=module", "-e", code]),
      /^NATIVE_UNAVAILABLE .*npm install node-llama-cpp/,
    );
  });

  it("compiles TypeScript against it, with nodenext and with bundler resolution", async () => {
    const code = `import { train, type TrainResult } from "medilora";\nexport const run: (c: string) => Promise<TrainResult> = (c) => train(c);\n`;
    await writeFile(join(project, "use.mts"), code);
    for (const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ]) {
      const flags = ["--noEmit", "--strict", "--target", "es2023", "--lib", "es2023,esnext.disposable,dom"];
      const types = ["--typeRoots", repoFile("node_modules/@types"), "--types", "node", "--skipLibCheck"];
      const args = [...flags, ...types, "--module", module!, "--moduleResolution", resolution!, "use.mts"];
      const { status, stdout } = spawnSync(process.execPath, [repoFile("node_modules/typescript/bin/tsc"), ...args], {
        cwd: project,
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout);
    }
  });

  it("runs the commands", (t) => {
    const times = Array.from({ length: 5 }, () => {
      const started = performance.now();
      const help = run(process.execPath, [installed("medilora/dist/cli/medilora-eval.js"), "--help"]);
      assert.match(help, /^Usage: medilora-eval/);
      return performance.now() - started;
    });
    t.diagnostic(`medilora-eval --help: ${Math.min(...times).toFixed(0)} ms at best of 5`);
    assert.match(run(installed(".bin/medilora"), ["doctor"]), /nothing is missing/);
  });

  it("learns from the doctor what mends an addon that is gone", async () => {
    const libraries = JSON.parse(
      readFileSync(installed(`@medilora/${process.platform}-${process.arch}/package.json`), "utf8"),
    );
    const [name] = Object.keys(libraries.dependencies as object);
    await rm(installed(name!), { recursive: true });
    const { status, stdout, stderr } = spawnSync(installed(".bin/medilora"), ["doctor", "--json"], {
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.equal(stderr, "");
    const { ok, problems } = JSON.parse(stdout) as { ok: boolean; problems: Array<{ problem: string; fix: string }> };
    assert.equal(ok, false);
    assert.match(problems[0]!.fix, new RegExp(`^npm install ${name}@\\d`));
    assert.equal(problems.at(-1)!.fix, "npm rebuild medilora");
    const text = spawnSync(installed(".bin/medilora"), ["doctor"], { encoding: "utf8" });
    assert.doesNotMatch(text.stdout + text.stderr, /^\s+at /m, "no stack trace");
  });
});

describe("the package's metadata", { skip }, () => {
  it("has nothing that publint complains of", async () => {
    const { messages, pkg } = await publint({ pkgDir: installed("medilora"), strict: true, pack: false });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg as never)),
      [],
    );
  });

  it("gives every resolver the right types; CommonJS requires the ESM", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    assert.ok(analysis.types);
    const kinds = analysis.problems
      .filter((problem) => !("resolutionKind" in problem && problem.resolutionKind === "node10"))
      .map(({ kind }) => kind);
    // Node.js >= 20.19 requires ESM; TypeScript's own "node16" mode does not know.
    assert.deepEqual(
      [...new Set(kinds)].filter((kind) => kind !== "CJSResolvesToESM"),
      [],
    );
  });
});
