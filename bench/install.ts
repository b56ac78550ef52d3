// Claims: what `npm install medilora` puts on the disk stays under 150 MB, and `medilora-eval --help` answers in under 200 ms.
//   npm run build && npx tsc -p bench/tsconfig.json && node bench-dist/install.js
// Packs this folder, installs the tarball in an empty project and builds the addon there, which takes a minute. Prints JSON:
// bytes of all files; milliseconds of the command by itself and through npx, whose own start comes on top.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Bench } from "tinybench";

const root = fileURLToPath(new URL("../", import.meta.url));
const project = mkdtempSync(join(tmpdir(), "medilora-bench-"));
const modules = join(project, "node_modules");

function run(command: string, args: string[], cwd = project): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

function install(): void {
  const script = (...args: string[]) => run(process.execPath, [join(root, "scripts/pack-headers.mjs"), ...args]);
  script();
  try {
    run("npm", ["pack", "--ignore-scripts", "--pack-destination", project, root]);
  } finally {
    script("--remove");
  }
  writeFileSync(join(project, "package.json"), '{ "private": true }');
  const tarball = readdirSync(project).find((file) => file.endsWith(".tgz"))!;
  run("npm", ["install", "--no-audit", "--no-fund", join(project, tarball)]);
}

function bytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Milliseconds of each way to ask for help, the least and the mean of ten. */
function helpTimes(): Record<string, { least: number; mean: number }> {
  const bench = new Bench({ iterations: 10, time: 0, warmupIterations: 1, warmupTime: 0 });
  bench.add("bin", () => void run(join(modules, ".bin", "medilora-eval"), ["--help"]));
  bench.add("npx", () => void run("npx", ["medilora-eval", "--help"]));
  const times = bench.runSync().map(({ name, result }) => {
    if (!("latency" in result)) throw new Error(`${name} failed`);
    return [name, { least: Math.round(result.latency.min), mean: Math.round(result.latency.mean) }];
  });
  return Object.fromEntries(times);
}

try {
  install();
  const installedBytes = { all: bytes(modules), medilora: bytes(join(modules, "medilora")) };
  console.log(JSON.stringify({ installedBytes, helpMilliseconds: helpTimes() }));
} finally {
  rmSync(project, { recursive: true });
}
