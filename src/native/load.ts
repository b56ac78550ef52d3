import { createRequire } from "node:module";
import { MediloraError } from "../errors.js";
import { type AddonFile, addonFiles, buildCommand } from "./addonFiles.js";
import type { NativeBinding } from "./binding.js";

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
