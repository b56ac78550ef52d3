// Where llama.cpp's headers and sources come from. In the repository: unpacked to vendor/llama.cpp from the git bundle inside the
// pinned node-llama-cpp package, by the build or by hand with `node vendor/unpack.mjs`. In the published package: vendor/headers,
// which scripts/pack-headers.mjs put there. Nothing is fetched.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
export const pin = JSON.parse(readFileSync(join(here, "pin.json"), "utf8"));
export const llamaDir = join(here, "llama.cpp");
export const headersDir = join(here, "headers");
export const headersStamp = join(headersDir, "pin.txt");
const stamp = join(llamaDir, ".medilora-pin");

/** Folder of an installed package that the build needs, wherever the package manager put it. */
export function packageDir(name) {
  const require = createRequire(join(here, "..", "package.json"));
  for (const folder of require.resolve.paths(name) ?? []) {
    if (existsSync(join(folder, name, "package.json"))) return join(folder, name);
  }
  throw new Error(`The package ${name} is not installed. Run: npm install ${name}@${pin.nodeLlamaCpp}`);
}

function bundlePath() {
  const dir = packageDir("node-llama-cpp");
  const { version } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
  if (version !== pin.nodeLlamaCpp)
    throw new Error(
      `node-llama-cpp is ${version}, but medilora is pinned to ${pin.nodeLlamaCpp}. Run: npm install node-llama-cpp@${pin.nodeLlamaCpp}`,
    );
  const bundle = join(dir, "llama", "gitRelease.bundle");
  const sha256 = createHash("sha256").update(readFileSync(bundle)).digest("hex");
  if (sha256 !== pin.bundleSha256)
    throw new Error(
      `${bundle} has sha256 ${sha256}, expected ${pin.bundleSha256}. Delete node_modules and run \`npm ci\`.`,
    );
  return bundle;
}

function git(args) {
  try {
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  } catch (error) {
    if (error.code === "ENOENT")
      throw new Error(
        "git is needed to unpack llama.cpp. Install it (Debian: apt-get install git; macOS: xcode-select --install).",
      );
    throw new Error(`git ${args[0]} failed: ${error.stderr ?? error.message}`, { cause: error });
  }
}

const holds = (file) => existsSync(file) && readFileSync(file, "utf8") === pin.commit;

/**
 * The folder with the headers of the pinned release: the unpacked sources, or the published package's own. In the repository
 * those are there only while it is packed, and a build must not depend on them.
 */
export function headers() {
  return !holds(stamp) && holds(headersStamp) ? headersDir : unpack();
}

/** Makes vendor/llama.cpp hold the pinned release; does nothing when it already does. */
export function unpack() {
  if (holds(stamp)) return llamaDir;
  const bundle = bundlePath();
  const work = mkdtempSync(join(here, ".unpack-"));
  try {
    const clone = join(work, "llama.cpp");
    git(["clone", "--quiet", "-c", "advice.detachedHead=false", bundle, clone]);
    const commit = git(["-C", clone, "rev-parse", "HEAD"]);
    if (commit !== pin.commit) throw new Error(`The bundle holds commit ${commit}, expected ${pin.commit}.`);
    rmSync(join(clone, ".git"), { recursive: true, force: true });
    writeFileSync(join(clone, ".medilora-pin"), pin.commit);
    rmSync(llamaDir, { recursive: true, force: true });
    renameSync(clone, llamaDir);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return llamaDir;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    console.error(`llama.cpp ${pin.tag} is in ${unpack()}`);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
