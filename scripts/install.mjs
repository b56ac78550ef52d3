// npm's install step: builds the addon unless one is there already.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
if (existsSync(join(root, "build", "Release", "medilora.node")))
  console.error("medilora: build/Release/medilora.node is there; `npm run build:native` builds it anew.");
else await import("./build-native.mjs");
