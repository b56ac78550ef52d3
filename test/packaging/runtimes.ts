import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repoFile } from "../native/helpers.js";

// Other JavaScript runtimes, each from its npm package for this system, kept in .cache/runtimes (git-ignored).

interface Runtime {
  name: string;
  /** npm's name for it, and the exact version. */
  spec: string;
  /** The executable inside node_modules, and what stands before a program's path. */
  command: [string, ...string[]];
}

const { platform, arch } = process;
const node = (version: string): Runtime => {
  const alias = `node-${version.split(".")[0]}`;
  const name = `Node.js ${version}`;
  return { name, spec: `${alias}@npm:node-${platform}-${arch}@${version}`, command: [`${alias}/bin/node`] };
};
const deno = `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`;
const bun = `@oven/bun-${platform}-${arch === "arm64" ? "aarch64" : arch}`;

export const RUNTIMES: readonly Runtime[] = [
  node("22.23.3"),
  node("24.21.0"),
  node("26.10.0"),
  {
    name: "Deno 2.9.6",
    spec: `${deno}@2.9.6`,
    command: [`${deno}/deno`, "run", "--allow-all", "--node-modules-dir=manual"],
  },
  { name: "Bun 1.4.5", spec: `${bun}@1.4.5`, command: [`${bun}/bin/bun`] },
];

/**
 * Executable and first arguments of a runtime, which is fetched from the npm registry the first time.
 * @throws Error with npm's reason when it cannot be had
 */
export async function fetchRuntime({ spec, command: [path, ...args] }: Runtime): Promise<[string, ...string[]]> {
  const folder = repoFile(`.cache/runtimes/${spec.replaceAll(/[^\w.-]/g, "_")}`);
  const executable = join(folder, "node_modules", path);
  if (!existsSync(executable)) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), '{ "private": true }');
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"];
    execFileSync("npm", ["install", ...flags, spec], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  }
  return [executable, ...args];
}
