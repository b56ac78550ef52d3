import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repoFile, temporaryFolder } from "../native/helpers.js";

// An empty project of a consumer, and the tarballs that are installed in it.

/** Reason to skip what needs the build to be packaged, or false. */
export const skip = existsSync(repoFile("build/CMakeCache.txt"))
  ? false
  : "there is no build to package: npm run build:native";

export interface Project {
  folder: string;
  /** Path of a file in its node_modules. */
  installed: (path: string) => string;
  /** Runs a command in it; throws when that fails. @returns its stdout */
  run: (command: string, args: string[], env?: NodeJS.ProcessEnv) => string;
  /** npm install, with whatever npm's cache holds. */
  install: (packages: string[], env?: NodeJS.ProcessEnv) => void;
}

const temporary = await temporaryFolder();

export function run(command: string, args: string[], cwd: string, env?: NodeJS.ProcessEnv): string {
  return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

export async function emptyProject(): Promise<Project> {
  const folder = temporary("project");
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true }');
  const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
  return {
    folder,
    installed: (path) => join(folder, "node_modules", path),
    run: (command, args, env) => run(command, args, folder, env),
    install: (packages, env) => void run("npm", ["install", ...flags, ...packages], folder, env),
  };
}

/** Path of the tarball of a package folder, made without running its scripts: others use dist at the same time. */
function pack(folder: string): string {
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", temporary("."), folder];
  const answer = JSON.parse(run("npm", args, temporary("."))) as
    | Array<{ filename: string }>
    | Record<string, { filename: string }>;
  return temporary((Object.values(answer)[0] as { filename: string }).filename);
}

/**
 * Path of medilora's tarball, with llama.cpp's headers in it. They are added to a copy: test files that run at the same time
 * pack the same folder.
 */
export async function packMedilora(): Promise<string> {
  const copy = temporary("package");
  run("tar", ["-xzf", pack(repoFile(".")), "-C", temporary(".")], ".");
  await copyFile(repoFile("scripts/pack-headers.mjs"), join(copy, "scripts/pack-headers.mjs"));
  await symlink(repoFile("vendor/llama.cpp"), join(copy, "vendor/llama.cpp"));
  run(process.execPath, ["scripts/pack-headers.mjs"], copy);
  return pack(copy);
}

/** Path of the tarball of @medilora/<this platform>. */
export function packPlatform(): string {
  run(process.execPath, [repoFile("scripts/platform-package.mjs")], repoFile("."));
  return pack(repoFile(`prebuilt/${process.platform}-${process.arch}`));
}

/** A PATH with Node.js and a shell on it, but no compiler, CMake or git. */
export async function bareEnvironment(): Promise<NodeJS.ProcessEnv> {
  const bin = temporary("bin");
  await mkdir(bin);
  for (const tool of ["node", "npm", "sh"]) await symlink(run("which", [tool], ".").trim(), join(bin, tool));
  return { ...process.env, PATH: bin, CXX: "" };
}

/** Puts runtimeProgram.js and what it reads into a project. @returns its arguments, to run it with `node` or the like */
export async function addProgram({ folder, run: inProject }: Project): Promise<string[]> {
  await copyFile(repoFile("test-dist/packaging/runtimeProgram.js"), join(folder, "program.mjs"));
  const input = repoFile("assets/sample/pubmedqa-synthetic.json");
  const options = JSON.stringify({ input, output: join(folder, "rows.jsonl"), limit: 3, answer: "label" });
  const code = `import { preparePubMedQA } from "medilora"; await preparePubMedQA(${options});`;
  inProject(process.execPath, ["--input-type=module", "-e", code]);
  return [join(folder, "program.mjs"), repoFile("assets/medtiny-f16.gguf"), join(folder, "rows.jsonl")];
}
