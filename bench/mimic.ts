// Claim: `medilora prepare mimic` cleans at least 40 MB of note text a second on one core, in at most 300 MB of memory, and
// is several times faster than a plain Python script of the same rules.
//   npm run build && npx tsc -p bench/tsconfig.json && node bench-dist/mimic.js [--quick] [--from notes.jsonl]
// Makes a CSV of 2 GB (--quick: 100 MB) in a temporary folder, so some 6 GB of disk are needed. Prints a Markdown table,
// then the same as JSON. "A core" is CPU time: of the whole process, its start and the collector's threads included.
import { execFileSync, spawnSync } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { HEADERS } from "../dist/data/mimic/sectionNames.js";

interface Run {
  notes: number;
  /** Of the notes that were used, before cleaning; ASCII, so also bytes. */
  characters: number;
  cpuSeconds: number;
  peakMB: number;
}

const quick = process.argv.includes("--quick");
const from = process.argv.indexOf("--from");
const root = new URL("../", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "medilora-bench-"));
const csv = join(folder, "NOTEEVENTS.csv");
const headers = join(folder, "headers.json");
const outputs = { medilora: join(folder, "medilora.jsonl"), python: join(folder, "python.jsonl") };

const MEASURED = `
  const { prepareMimic } = await import(${JSON.stringify(new URL("dist/data/mimic/prepareMimic.js", root).href)});
  const { counts, characters } = await prepareMimic({ input: { csv: ${JSON.stringify(csv)} }, output: ${JSON.stringify(outputs.medilora)} });
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6;
  console.log(JSON.stringify({ notes: counts.used, characters: characters.in, cpuSeconds, peakMB: maxRSS / 1024 }));`;

function measure(command: string, args: string[]): Run {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (status !== 0) throw new Error(`${command} failed`);
  return JSON.parse(stdout) as Run;
}

/** Share of the rows that both wrote alike. */
async function agreement(): Promise<number> {
  const lines = (path: string) => createInterface({ input: createReadStream(path) })[Symbol.asyncIterator]();
  const other = lines(outputs.python);
  let same = 0;
  let all = 0;
  for (const mine = lines(outputs.medilora); ; all++) {
    const [one, two] = await Promise.all([mine.next(), other.next()]);
    if (one.done || two.done) return same / all;
    if (one.value === two.value) same += 1;
  }
}

try {
  const text = from === -1 ? [] : ["--from", process.argv[from + 1] as string];
  const script = fileURLToPath(new URL("scripts/make-mimic-csv.mjs", root));
  execFileSync(process.execPath, [script, csv, "--bytes", quick ? "100000000" : "2000000000", ...text]);
  writeFileSync(headers, JSON.stringify(Object.fromEntries(HEADERS)));
  const reference = fileURLToPath(new URL("bench/mimic_reference.py", root));
  const runs = {
    medilora: measure(process.execPath, ["--input-type=module", "--eval", MEASURED]),
    "Python 3 re": measure("python3", [reference, csv, outputs.python, headers]),
  };
  console.log(`CSV of ${(statSync(csv).size / 1e6).toFixed(0)} MB\n`);
  console.log("| | notes | text, MB | CPU, s | MB/s a core | peak RSS, MB |\n|---|---|---|---|---|---|");
  for (const [name, { notes, characters, cpuSeconds, peakMB }] of Object.entries(runs)) {
    const megabytes = characters / 1e6;
    const cells = [megabytes.toFixed(0), cpuSeconds.toFixed(1), (megabytes / cpuSeconds).toFixed(1), peakMB.toFixed(0)];
    console.log(`| ${name} | ${notes} | ${cells.join(" | ")} |`);
  }
  console.log(`\n${JSON.stringify({ csvBytes: statSync(csv).size, runs, sameRows: await agreement() })}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
