import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildCommand, installedPackage, packageRoot } from "../native/addonFiles.js";
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

/** Why there is no addon that works, the cause before what follows from it. */
export async function addonProblems(error: string): Promise<Problem[]> {
  const tools = (await import(pathToFileURL(join(packageRoot(), "scripts", "build-tools.mjs")).href)) as BuildTools;
  const libraries = tools.LIBRARIES[tools.platform];
  if (libraries === undefined) return [{ problem: tools.noPlatform, fix: "use one of the supported platforms" }];
  const problems: Problem[] = [];
  if (installedPackage(libraries) === undefined)
    problems.push({
      problem: `llama.cpp's libraries for ${tools.platform} are not installed`,
      fix: `npm install ${libraries}@${manifest().optionalDependencies[libraries]}`,
    });
  const missing = tools.missingTools();
  if (missing.length > 0)
    problems.push({
      problem: `not found, and needed to compile the addon: ${missing.join(", ")}`,
      fix: tools.toolsHint ?? "install them",
    });
  return [...problems, { problem: error, fix: buildCommand() }];
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
