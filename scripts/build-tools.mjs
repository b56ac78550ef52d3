// What a build of the addon needs on this machine: asked by build-native.mjs and by `medilora doctor`.
import { spawnSync } from "node:child_process";

export const platform = `${process.platform}-${process.arch}`;

/** npm package with llama.cpp's prebuilt libraries, by platform. No other platform is supported. */
export const LIBRARIES = {
  "linux-x64": "@node-llama-cpp/linux-x64",
  "linux-arm64": "@node-llama-cpp/linux-arm64",
  "darwin-arm64": "@node-llama-cpp/mac-arm64-metal",
  "darwin-x64": "@node-llama-cpp/mac-x64",
};

export const noPlatform = `no native addon for ${platform}. Supported: ${Object.keys(LIBRARIES).join(", ")}. On Windows use WSL 2 with a Linux Node.js.`;

/** How to install what missingTools() names. */
export const toolsHint = {
  linux: "Debian/Ubuntu: apt-get install g++ cmake make. Fedora: dnf install gcc-c++ cmake make",
  darwin: "macOS: xcode-select --install && brew install cmake",
}[process.platform];

export function works(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** The tools of a build that are not on the PATH, in words. */
export function missingTools() {
  const compiler = process.env.CXX || "c++";
  const missing = [];
  if (!works(compiler) && !works("g++") && !works("clang++")) missing.push(`a C++17 compiler (${compiler})`);
  if (!works("cmake")) missing.push("CMake >= 3.21");
  if (!works("make") && !works("ninja")) missing.push("make or ninja");
  return missing;
}
