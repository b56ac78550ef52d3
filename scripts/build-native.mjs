// Builds build/Release/medilora.node with cmake-js.
// MEDILORA_LLAMA=prebuilt (default) links the libraries of the pinned node-llama-cpp platform package,
// MEDILORA_LLAMA=source compiles ggml and llama.cpp into the addon; their sources are in node-llama-cpp, which must be installed.
// Further arguments go to CMake, e.g. -DGGML_CUDA=ON.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { headers, packageDir, pin, unpack } from "../vendor/unpack.mjs";
import { LIBRARIES, missingTools, noPlatform, platform, toolsHint, works } from "./build-tools.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const buildCommand = /[\\/]node_modules[\\/]/.test(root) ? "npm rebuild medilora" : "npm run build:native";

function fail(message) {
  console.error(`medilora: ${message}`);
  process.exit(1);
}

function checkTools() {
  if (LIBRARIES[platform] === undefined) fail(noPlatform);
  const missing = missingTools();
  if (missing.length > 0)
    fail(
      `cannot build the native addon: ${missing.join(" and ")} not found.\n${toolsHint}.\nThen run: ${buildCommand}`,
    );
}

/** The folder of the prebuilt libllama, or nothing when this platform has none. */
function prebuiltDir() {
  const name = LIBRARIES[platform];
  try {
    const bins = join(packageDir(name), "bins", basename(name));
    return readdirSync(bins).some((file) => file.startsWith("libllama.")) ? bins : undefined;
  } catch {
    return undefined;
  }
}

/** Linking needs the headers only. */
function llamaFolder(mode) {
  try {
    return mode === "source" ? unpack() : headers();
  } catch (error) {
    return fail(mode === "source" ? `llama.cpp's sources are needed. ${error.message}` : error.message);
  }
}

function cmakeOptions(extra) {
  const mode = process.env.MEDILORA_LLAMA ?? "prebuilt";
  if (mode !== "prebuilt" && mode !== "source") fail(`MEDILORA_LLAMA=${mode}: use "prebuilt" or "source".`);
  const options = [
    `--CDMEDILORA_LLAMA=${mode}`,
    `--CDMEDILORA_LLAMA_TAG=${pin.tag}`,
    `--CDLLAMA_DIR=${llamaFolder(mode)}`,
  ];
  if (mode === "prebuilt") {
    const dir = prebuiltDir();
    if (!dir)
      fail(
        `the prebuilt llama.cpp libraries for ${platform} are not installed. Reinstall without --omit=optional, or build llama.cpp too: MEDILORA_LLAMA=source ${buildCommand}`,
      );
    options.push(`--CDMEDILORA_PREBUILT_DIR=${dir}`);
  }
  return options.concat(extra.map((argument) => argument.replace(/^-D/, "--CD")));
}

function build(extra) {
  checkTools();
  const options = cmakeOptions(extra);
  const cmakeJs = join(dirname(createRequire(import.meta.url).resolve("cmake-js/package.json")), "bin", "cmake-js");
  const generator = works("ninja") ? ["--generator", "Ninja"] : [];
  // A build folder configured for another generator or mode cannot be reused.
  if (existsSync(join(root, "build", "CMakeCache.txt")) && process.env.MEDILORA_KEEP_BUILD !== "1")
    rmSync(join(root, "build"), { recursive: true, force: true });
  const started = performance.now();
  const args = [
    cmakeJs,
    "build",
    "--directory",
    root,
    "--parallel",
    String(availableParallelism()),
    ...generator,
    ...options,
  ];
  try {
    execFileSync(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  } catch {
    fail(
      "the native build failed; the compiler's message is above. A C++17 compiler (GCC >= 11, Clang >= 14) is needed.",
    );
  }
  console.error(
    `medilora: built build/Release/medilora.node in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
}

build(process.argv.slice(2));
