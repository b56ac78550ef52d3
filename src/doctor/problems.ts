import { accessSync, constants, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type AddonFile,
  buildCommand,
  installedPackage,
  libraryFiles,
  packageRoot,
  unpackedPath,
} from "../native/addonFiles.js";
import { elfArchitecture, missingEnd } from "../native/elf.js";
import type { Problem } from "./diagnose.js";

interface Manifest {
  engines: { node: string };
  optionalDependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

/** scripts/build-tools.mjs, which the install step uses too. */
interface BuildTools {
  platform: string;
  LIBRARIES: Record<string, string>;
  noPlatform: string;
  toolsHint: string | undefined;
  missingTools(): string[];
}

const manifest = (): Manifest => JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as Manifest;

/** @param version such as "20.19.0" */
export function nodeProblems(version: string): Problem[] {
  const required = manifest().engines.node.replace(/^>=/, "");
  if (isAtLeast(version, required)) return [];
  return [
    {
      problem: `Node.js ${version} is older than ${required}`,
      fix: `install Node.js ${required} or newer from https://nodejs.org`,
    },
  ];
}

function isAtLeast(version: string, required: string): boolean {
  const have = version.split(".").map(Number);
  for (const [i, wanted] of required.split(".").map(Number).entries())
    if (have[i] !== wanted) return (have[i] ?? 0) > wanted;
  return true;
}

/**
 * Why there is no addon that works, the cause before what follows from it.
 * @param error of loading it, as load.ts words it
 * @param files the addons that are there
 */
export async function addonProblems(error: string, files: readonly AddonFile[]): Promise<Problem[]> {
  const tools = (await import(pathToFileURL(join(packageRoot(), "scripts", "build-tools.mjs")).href)) as BuildTools;
  const name = tools.LIBRARIES[tools.platform];
  if (name === undefined) return [{ problem: tools.noPlatform, fix: "use one of the supported platforms" }];
  const libraries = libraryProblems(name, tools.platform);
  // An addon that is there, and that the loader says lacks them, needs nothing else.
  if (libraries.length > 0 && /lib(llama|ggml)|CPU backend/.test(error)) return libraries;
  const missing = tools.missingTools();
  if (missing.length > 0)
    libraries.push({
      problem: `not found, and needed to compile the addon: ${missing.join(", ")}`,
      fix: tools.toolsHint ?? "install them",
    });
  return [...libraries, ...folderProblems(), { problem: loadProblem(error, files), fix: buildFix(error) }];
}

/** llama.cpp's libraries: the package that is missing, of another version or not whole. */
function libraryProblems(name: string, platform: string): Problem[] {
  const wanted = manifest().optionalDependencies[name];
  const found = installedPackage(name);
  const fix = `npm install ${name}@${wanted}`;
  const what = `llama.cpp's libraries for ${platform}`;
  if (found === undefined) return [{ problem: `${what} are not installed`, fix }];
  if (found.version !== wanted) return [{ problem: `${what} are of version ${found.version}, not ${wanted}`, fix }];
  const folder = unpackedPath(found.folder);
  const files = libraryFiles(name, found.folder);
  const needed = ["libllama.", "libggml.", "libggml-base.", ...(process.platform === "linux" ? ["libggml-cpu-"] : [])];
  const missing = needed.some((start) => !files.some((file) => basename(file).startsWith(start)));
  const damaged = files.find((file) => missingEnd(file) !== undefined);
  if (!missing && damaged === undefined) return [];
  const detail = missing ? `files are missing in ${folder}` : `the end of ${damaged} is missing`;
  // npm does not look into a package that is there.
  return [{ problem: `${what} are not whole: ${detail}`, fix: `rm -r "${folder}" && ${fix}` }];
}

/** A build writes into medilora's own folder. */
function folderProblems(): Problem[] {
  const folder = packageRoot();
  try {
    accessSync(folder, constants.W_OK);
    return [];
  } catch {
    const fix = "run what follows as the owner of that folder, or install medilora in a folder of your own";
    return [{ problem: `${folder} cannot be written by this user, and a build writes there`, fix }];
  }
}

const isForeign = ({ path }: AddonFile): boolean => {
  const built = elfArchitecture(path);
  return built !== undefined && built !== process.arch;
};

/** For an addon of another processor the loader's own word is that there is no such file. */
function loadProblem(error: string, files: readonly AddonFile[]): string {
  const foreign = files.find(isForeign);
  if (foreign === undefined) return error;
  return `${foreign.path} was built for ${elfArchitecture(foreign.path)}, and this Node.js is ${process.arch}`;
}

/** The libraries themselves, and not only an addon that was built elsewhere, may need a newer C or C++ library. */
function buildFix(error: string): string {
  if (!/version `GLIBC\w*_[\d.]+' not found \(required by [^)]*\blib(llama|ggml)/.test(error)) return buildCommand();
  const llama = `npm install node-llama-cpp@${manifest().peerDependencies["node-llama-cpp"]}`;
  return `${llama} && MEDILORA_LLAMA=source ${buildCommand()}`;
}

/** @param version of the installed node-llama-cpp; null where there is none, which is no problem */
export function peerProblems(version: string | null): Problem[] {
  const wanted = manifest().peerDependencies["node-llama-cpp"];
  if (version === null || version === wanted) return [];
  return [
    {
      problem: `node-llama-cpp is ${version}; only ${wanted} shares its llama.cpp with medilora in one process`,
      fix: `npm install node-llama-cpp@${wanted}`,
    },
  ];
}
