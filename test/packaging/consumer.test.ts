import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { cp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { repoFile } from "../native/helpers.js";
import {
  addProgram,
  bareEnvironment,
  emptyProject,
  type Project,
  packMedilora,
  packPlatform,
  skip,
} from "./project.js";
import { fetchRuntime, RUNTIMES } from "./runtimes.js";

// The tarballs as a consumer gets them: packed, installed in an empty project without a compiler, used.

let project: Project;
let tarball: string;
const installed = (path: string) => project.installed(path);

function bytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

describe("a consumer", { skip }, () => {
  before(async () => {
    project = await emptyProject();
    tarball = await packMedilora();
    project.install([tarball, packPlatform()], await bareEnvironment());
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
    assert.equal(project.run(process.execPath, ["--input-type=module", "-e", esm]).trim(), expected);
    const cjs = `const { diagnose, train } = require("medilora"); ${report}`;
    assert.equal(project.run(process.execPath, ["--input-type=commonjs", "--no-warnings", "-e", cjs]).trim(), expected);
  });

  it("is told how to get node-llama-cpp", () => {
    const code = `import { openChat } from "medilora/node-llama-cpp";
      await openChat({ model: "m.gguf" }).catch(({ code, message }) => console.log(code, message));`;
    assert.match(
      project.run(process.execPath, ["--input-type=module", "-e", code]),
      /^NATIVE_UNAVAILABLE .*npm install node-llama-cpp/,
    );
  });

  it("compiles TypeScript against it, with nodenext and with bundler resolution", async () => {
    const code = `import { train, type TrainResult } from "medilora";\nexport const run: (c: string) => Promise<TrainResult> = (c) => train(c);\n`;
    await writeFile(join(project.folder, "use.mts"), code);
    for (const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ]) {
      const flags = ["--noEmit", "--strict", "--target", "es2023", "--lib", "es2023,esnext.disposable,dom"];
      const types = ["--typeRoots", repoFile("node_modules/@types"), "--types", "node", "--skipLibCheck"];
      const args = [...flags, ...types, "--module", module!, "--moduleResolution", resolution!, "use.mts"];
      const { status, stdout } = spawnSync(process.execPath, [repoFile("node_modules/typescript/bin/tsc"), ...args], {
        cwd: project.folder,
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout);
    }
  });

  it("runs the commands", (t) => {
    const times = Array.from({ length: 5 }, () => {
      const started = performance.now();
      const help = project.run(process.execPath, [installed("medilora/dist/cli/medilora-eval.js"), "--help"]);
      assert.match(help, /^Usage: medilora-eval/);
      return performance.now() - started;
    });
    t.diagnostic(`medilora-eval --help: ${Math.min(...times).toFixed(0)} ms at best of 5`);
    assert.match(project.run(installed(".bin/medilora"), ["doctor"]), /nothing is missing/);
  });

  it("works in an Electron app's folders: all but libraries inside app.asar", async () => {
    const resources = join(project.folder, "resources");
    const [asar, unpacked] = ["app.asar", "app.asar.unpacked"].map((name) => join(resources, name, "node_modules"));
    await cp(installed("."), asar!, { recursive: true, verbatimSymlinks: true });
    await mkdir(unpacked!, { recursive: true });
    for (const scope of ["@medilora", "@node-llama-cpp"]) await rename(join(asar!, scope), join(unpacked!, scope));
    // Electron's file functions still find in the archive what was unpacked.
    const [platform] = readdirSync(join(unpacked!, "@medilora"));
    const manifest = join("@medilora", platform!, "package.json");
    await cp(join(unpacked!, manifest), join(asar!, manifest));
    const code = `import { diagnose } from "medilora"; const { addon, llamaCpp } = await diagnose();
      console.log(JSON.stringify([addon.path, llamaCpp.libraries.llama, llamaCpp.libraries.cpu]));`;
    await writeFile(join(resources, "app.asar", "main.mjs"), code);
    const paths = JSON.parse(project.run(process.execPath, [join(resources, "app.asar", "main.mjs")])) as string[];
    for (const path of paths) assert.ok(path.startsWith(unpacked!), path);
    await rm(resources, { recursive: true });
  });
});

describe("other runtimes", { skip }, () => {
  let program: string[];
  let expected: unknown;
  const results = (command: string[], folder: string): unknown => {
    const [executable, ...args] = [...command, ...program, join(project.folder, folder)];
    return JSON.parse(project.run(executable!, args));
  };

  before(async () => {
    program = await addProgram(project);
    expected = results([process.execPath], "out");
  });

  it("are measured against answers that are right here", () => {
    const { main, worker, beside, again, ended } = expected as Record<string, Record<string, unknown>>;
    assert.deepEqual(main!.failures, ["FILE_NOT_FOUND", "ABORTED", "ABORTED", "DISPOSED"]);
    assert.equal((main!.losses as number[]).length, 3);
    assert.ok((main!.greedy as number[]).length > 4);
    assert.deepEqual([worker, beside], [main, main]);
    assert.deepEqual({ ...again, failures: main!.failures }, main);
    assert.equal(ended, "ended in the middle of training");
  });

  for (const runtime of RUNTIMES)
    it(`${runtime.name} makes the same tokens, losses and adapter, in worker threads too`, async (t) => {
      let command: string[];
      try {
        command = await fetchRuntime(runtime);
      } catch {
        return t.skip(`npm has no ${runtime.spec} here: no network, or not for this system`);
      }
      assert.deepEqual(results(command, `out-${runtime.name}`), expected);
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
