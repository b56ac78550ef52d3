import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { MediloraError } from "../errors.js";
import { type AddonFile, addonFiles, buildCommand, installedPackage, libraryFiles } from "./addonFiles.js";
import type { NativeBinding } from "./binding.js";
import { missingEnd } from "./elf.js";

interface LoadedAddon extends AddonFile {
  binding: NativeBinding;
}

let loaded: LoadedAddon | undefined;

/**
 * The addon, loaded on first use, so that importing medilora never fails for want of it.
 * @throws MediloraError `NATIVE_UNAVAILABLE` when it is not built or does not fit this machine
 */
export function native(): NativeBinding {
  return loadedAddon().binding;
}

/**
 * The addon with where it came from. A platform package that does not load, for want of a newer C library say, gives way to
 * an addon that was built here.
 * @throws MediloraError as {@link native}
 */
export function loadedAddon(): LoadedAddon {
  loaded ??= load(addonFiles());
  return loaded;
}

function load(files: readonly AddonFile[]): LoadedAddon {
  const failures: unknown[] = [];
  for (const file of files) {
    try {
      checkWhole(file.path);
      return { ...file, binding: createRequire(import.meta.url)(file.path) as NativeBinding };
    } catch (error) {
      failures.push(error);
    }
  }
  const reasons = failures.map((error) => (error instanceof Error ? error.message.split("\n")[0] : String(error)));
  throw new MediloraError(
    "NATIVE_UNAVAILABLE",
    `The native addon cannot be loaded (${reasons.join("; ") || "it was not built"}). ` +
      `Build it: ${buildCommand()}. What is missing: npx medilora doctor`,
    { cause: failures[0] },
  );
}

/** The loader ends the process where the end of a file is missing, so that nobody could be told. */
function checkWhole(addon: string): void {
  for (const path of [addon, ...libraries()]) {
    const missing = missingEnd(path);
    // An addon into which llama.cpp was compiled loads none of its libraries.
    if (missing !== undefined && (path === addon || readFileSync(addon).includes("libllama.")))
      throw new Error(`${path} is damaged: its end is missing, ${missing} are there`);
  }
}

/** On Linux, llama.cpp's libraries that an addon may load. */
function libraries(): string[] {
  if (process.platform !== "linux") return [];
  const name = `@node-llama-cpp/${process.platform}-${process.arch}`;
  const found = installedPackage(name);
  return found === undefined ? [] : libraryFiles(name, found.folder).filter((path) => path.endsWith(".so"));
}
