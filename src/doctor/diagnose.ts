import { realpathSync } from "node:fs";
import { arch, availableParallelism, cpus, freemem, platform, totalmem } from "node:os";
import { isMediloraError } from "../errors.js";
import { type AddonFile, addonFiles, installedPackage, packageRoot } from "../native/addonFiles.js";
import type { GemmInfo, SystemInfo } from "../native/binding.js";
import { callNative } from "../native/call.js";
import { loadedAddon } from "../native/load.js";
import { packageVersion } from "../util/version.js";
import { addonProblems, nodeProblems, peerProblems } from "./problems.js";

/** Something that is missing or does not fit, and what mends it. */
export interface Problem {
  problem: string;
  fix: string;
}

/** What medilora found on this machine. */
export interface Diagnosis {
  /** Whether the addon is loaded and works. */
  ok: boolean;
  medilora: { version: string; folder: string };
  node: string;
  /** Such as "linux-x64". */
  platform: string;
  /** Null, with `error`, where none could be loaded. */
  addon: AddonFile | null;
  error: string | null;
  /** Release, libraries and ggml's devices; null without the addon. */
  llamaCpp: Omit<SystemInfo, "threads"> | null;
  /** The instruction set of our matrix products, and all that run here, fastest first. */
  kernel: Pick<GemmInfo, "kernel" | "kernels" | "registered"> | null;
  /** `threads`: how many medilora uses by default; null without the addon. */
  processor: { model: string; cores: number; threads: number | null };
  /** In bytes. */
  memory: { total: number; free: number };
  /** Installed version of node-llama-cpp and of its GPU packages for this platform; null: not installed. */
  nodeLlamaCpp: { version: string | null; gpu: Array<{ name: string; version: string | null }> };
  problems: Problem[];
}

/**
 * Looks at the machine and the installation; reads nothing of the user's. Never throws for what it finds.
 * Loads the addon.
 */
export async function diagnose(): Promise<Diagnosis> {
  const native = askAddon();
  const { addon, error, system, kernel } = native;
  const nodeLlamaCpp = findNodeLlamaCpp();
  return {
    ok: error === null,
    medilora: { version: packageVersion(), folder: packageRoot() },
    node: process.versions.node,
    platform: `${platform()}-${arch()}`,
    addon,
    error,
    llamaCpp: system === null ? null : describeSystem(system),
    kernel,
    processor: {
      model: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      threads: system?.threads ?? null,
    },
    memory: { total: totalmem(), free: freemem() },
    nodeLlamaCpp,
    problems: [
      ...nodeProblems(process.versions.node),
      ...(error === null ? [] : await addonProblems(error, addonFiles())),
      ...peerProblems(nodeLlamaCpp.version),
    ],
  };
}

interface NativeAnswers {
  addon: AddonFile | null;
  error: string | null;
  system: SystemInfo | null;
  kernel: Diagnosis["kernel"];
}

function askAddon(): NativeAnswers {
  const answers: NativeAnswers = { addon: null, error: null, system: null, kernel: null };
  try {
    const { binding, path, origin } = loadedAddon();
    answers.addon = { path, origin };
    answers.system = callNative(() => binding.systemInfo());
    const { kernel, kernels, registered } = callNative(() => binding.gemmInfo());
    answers.kernel = { kernel, kernels, registered };
  } catch (error) {
    answers.error = isMediloraError(error) ? error.message : String(error);
  }
  return answers;
}

function describeSystem({ llamaCpp, linked, libraries, devices }: SystemInfo): Omit<SystemInfo, "threads"> {
  return { llamaCpp, linked, libraries: { llama: realPath(libraries.llama), cpu: realPath(libraries.cpu) }, devices };
}

/** The loader names a library by the search path that led to it, `..` and all. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const GPU_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "linux-x64": ["@node-llama-cpp/linux-x64-vulkan", "@node-llama-cpp/linux-x64-cuda"],
};

function findNodeLlamaCpp(): Diagnosis["nodeLlamaCpp"] {
  const versionOf = (name: string): string | null => installedPackage(name)?.version ?? null;
  const names = GPU_PACKAGES[`${platform()}-${arch()}`] ?? [];
  return { version: versionOf("node-llama-cpp"), gpu: names.map((name) => ({ name, version: versionOf(name) })) };
}
