// Runs every program of examples/node, each with a fresh folder, and fails when one fails. Run: node scripts/run-examples.mjs
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const examples = join(dirname(dirname(fileURLToPath(import.meta.url))), "examples", "node");
for (const name of readdirSync(examples).filter((file) => file.endsWith(".mjs"))) {
  const folder = mkdtempSync(join(tmpdir(), "medilora-example-"));
  console.log(`\n-- ${name}`);
  const { status } = spawnSync(process.execPath, [join(examples, name), folder], { stdio: "inherit" });
  rmSync(folder, { recursive: true });
  if (status !== 0) {
    console.error(`examples/node/${name} failed.`);
    process.exit(1);
  }
}
