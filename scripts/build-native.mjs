// Builds build/Release/medilora.node with cmake-js.
// MEDILORA_LLAMA=prebuilt (default) links the libraries of the pinned node-llama-cpp platform package,
// MEDILORA_LLAMA=source compiles ggml and llama.cpp into the addon. Further arguments go to CMake, e.g. -DGGML_CUDA=ON.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageDir, pin, unpack } from "../vendor/unpack.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const platforms = { "linux-x64": 1, "linux-arm64": 1, "darwin-arm64": 1, "darwin-x64": 1 };
const platform = `${process.platform}-${process.arch}`;

const installHints = {
  linux: "Debian/Ubuntu: apt-get install g++ cmake make. Fedora: dnf install gcc-c++ cmake make",
  darwin: "macOS: xcode-select --install && brew install cmake",
};

function fail(message) {
  console.error(`medilora: ${message}`);
  process.exit(1);
}

function works(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

function checkTools() {
  if (!platforms[platform])
    fail(
      `no native addon for ${platform}. Supported: ${Object.keys(platforms).join(", ")}. On Windows use WSL 2 with a Linux Node.js.`,
    );
  const compiler = process.env.CXX || "c++";
  const missing = [];
  if (!works(compiler) && !works("g++") && !works("clang++")) missing.push(`a C++17 compiler (${compiler})`);
  if (!works("cmake")) missing.push("CMake >= 3.21");
  if (!works("make") && !works("ninja")) missing.push("make or ninja");
  if (missing.length > 0)
    fail(
      `cannot build the native addon: ${missing.join(" and ")} not found.\n${installHints[process.platform]}.\nThen run: npm run build:native`,
    );
}

/** The folder of the prebuilt libllama, or nothing when this platform has none. */
function prebuiltDir() {
  const name = { "darwin-arm64": "mac-arm64-metal", "darwin-x64": "mac-x64" }[platform] ?? platform;
  try {
    const bins = join(packageDir(`@node-llama-cpp/${name}`), "bins", name);
    return readdirSync(bins).some((file) => file.startsWith("libllama.")) ? bins : undefined;
  } catch {
    return undefined;
  }
}

function cmakeOptions(extra) {
  const mode = process.env.MEDILORA_LLAMA ?? "prebuilt";
  if (mode !== "prebuilt" && mode !== "source") fail(`MEDILORA_LLAMA=${mode}: use "prebuilt" or "source".`);
  const options = [`--CDMEDILORA_LLAMA=${mode}`, `--CDMEDILORA_LLAMA_TAG=${pin.tag}`];
  if (mode === "prebuilt") {
    const dir = prebuiltDir();
    if (!dir)
      fail(
        `the prebuilt llama.cpp libraries for ${platform} are not installed. Reinstall without --omit=optional, or build llama.cpp too: MEDILORA_LLAMA=source npm run build:native`,
      );
    options.push(`--CDMEDILORA_PREBUILT_DIR=${dir}`);
  }
  return options.concat(extra.map((argument) => argument.replace(/^-D/, "--CD")));
}

function build(extra) {
  checkTools();
  const options = cmakeOptions(extra);
  try {
    unpack();
  } catch (error) {
    fail(error.message);
  }
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
