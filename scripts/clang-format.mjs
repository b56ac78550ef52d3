// Formats native/ and the tests' C sources; with --check only says whether they are formatted.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = ["native", "test/native"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map(String)
    .filter((file) => /\.(c|cpp|h|inc)$/.test(file))
    .map((file) => join(folder, file)),
);
const mode = process.argv.includes("--check") ? ["--dry-run", "--Werror"] : ["-i"];
const { status, error } = spawnSync("clang-format", [...mode, ...files], { cwd: root, stdio: "inherit" });
if (error) {
  console.error("clang-format is not installed (Debian: apt-get install clang-format).");
  process.exit(1);
}
process.exit(status ?? 1);
