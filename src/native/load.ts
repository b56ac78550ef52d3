import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MediloraError } from "../errors.js";
import type { NativeBinding } from "./binding.js";

let loaded: NativeBinding | undefined;

/**
 * The addon, loaded on first use, so that importing medilora never fails for want of it.
 * @throws MediloraError `NATIVE_UNAVAILABLE` when it is not built or does not fit this machine
 */
export function native(): NativeBinding {
  loaded ??= load(unpackedPath(join(packageRoot(), "build", "Release", "medilora.node")));
  return loaded;
}

function load(path: string): NativeBinding {
  try {
    return createRequire(import.meta.url)(path) as NativeBinding;
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    throw new MediloraError(
      "NATIVE_UNAVAILABLE",
      `The native addon cannot be loaded (${reason}). Build it in medilora's folder: npm run build:native`,
      { cause },
    );
  }
}

/**
 * Where Electron keeps a file that cannot be loaded from inside an archive: `app.asar.unpacked` beside `app.asar`.
 * Any other path is returned as it is.
 */
export function unpackedPath(path: string): string {
  return path.replace(/([\\/]app\.asar)(?=[\\/])/, "$1.unpacked");
}

/** Found by name: the compiled file may lie at any depth, and so may the package itself. */
function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (packageName(folder) === "medilora") return folder;
    if (dirname(folder) === folder)
      throw new MediloraError("NATIVE_UNAVAILABLE", "medilora's package.json was not found. Reinstall the package.");
  }
}

function packageName(folder: string): unknown {
  try {
    return (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name?: unknown }).name;
  } catch {
    return undefined;
  }
}
