// npm's prepack step: copies the headers that the addon is built with from vendor/llama.cpp to vendor/headers, which travels in
// the tarball, so that a consumer needs neither git nor node-llama-cpp. `--remove` is the postpack step.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { headersDir, headersStamp, llamaDir, pin, unpack } from "../vendor/unpack.mjs";

const FOLDERS = ["include", "ggml/include", "ggml/src"];
/** Included by native/; ggml's and llama.cpp's own `#include "..."` are followed from here. */
const ROOTS = ["llama.h", "ggml-cpu.h", "ggml-backend-impl.h", "ggml-impl.h"];

/** Path below vendor/llama.cpp of each header that the roots lead to. */
function headers() {
  const found = new Map();
  const waiting = [...ROOTS];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    const { path, text } = read(name);
    found.set(name, path);
    for (const [, included] of text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) waiting.push(included);
  }
  return [...found.values()];
}

function read(name) {
  for (const folder of FOLDERS) {
    const path = normalize(join(folder, name));
    try {
      return { path, text: readFileSync(join(llamaDir, path), "utf8") };
    } catch {}
  }
  throw new Error(`${name} is in none of ${FOLDERS.join(", ")} of llama.cpp ${pin.tag}.`);
}

function copy() {
  unpack();
  const paths = headers();
  for (const path of [...paths, "LICENSE"]) {
    mkdirSync(dirname(join(headersDir, path)), { recursive: true });
    cpSync(join(llamaDir, path), join(headersDir, path));
  }
  writeFileSync(headersStamp, pin.commit);
  console.error(`medilora: ${paths.length} headers of llama.cpp ${pin.tag} are in vendor/headers`);
}

rmSync(headersDir, { recursive: true, force: true });
if (!process.argv.includes("--remove")) copy();
