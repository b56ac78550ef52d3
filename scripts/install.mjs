// npm's install step: builds the addon unless there is one, prebuilt for this platform or built before. Whoever sets
// MEDILORA_LLAMA wants a build.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/**
 * Also loads it: an addon for a newer C library, or for libraries that are gone, shows only then. In a process of its own,
 * which a damaged file ends.
 */
function loads(path) {
  const code = "require(process.argv[1])";
  return spawnSync(process.execPath, ["-e", code, path], { stdio: "ignore" }).status === 0;
}

function hasPrebuilt() {
  const name = `@medilora/${process.platform}-${process.arch}`;
  try {
    const same = require(`${name}/package.json`).version === require("../package.json").version;
    return same && loads(require.resolve(name));
  } catch {
    return false;
  }
}

if (process.env.MEDILORA_LLAMA !== undefined) await import("./build-native.mjs");
else if (hasPrebuilt()) console.error("medilora: the addon is prebuilt for this platform; nothing to compile.");
else if (loads(join(root, "build", "Release", "medilora.node")))
  console.error("medilora: build/Release/medilora.node is there; `npm run build:native` builds it anew.");
else await import("./build-native.mjs");
