import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MediloraError } from "../errors.js";

/** An addon that may be loaded: of the installed package `@medilora/<platform>`, or compiled in medilora's own folder. */
export interface AddonFile {
  origin: "platform package" | "built here";
  path: string;
}

/** Where the addon may be, best first. Only files that exist; a platform package of another version does not count. */
export function addonFiles(): AddonFile[] {
  const root = packageRoot();
  const files: AddonFile[] = [{ origin: "built here", path: join(root, "build", "Release", "medilora.node") }];
  const prebuilt = installedPackage(`@medilora/${process.platform}-${process.arch}`);
  if (prebuilt !== undefined && prebuilt.version === packageJson(root)?.version)
    files.unshift({ origin: "platform package", path: join(prebuilt.folder, "medilora.node") });
  return files.map(({ origin, path }) => ({ origin, path: unpackedPath(path) })).filter(({ path }) => existsSync(path));
}

/**
 * Where Electron keeps a file that cannot be loaded from inside an archive: `app.asar.unpacked` beside `app.asar`.
 * Any other path is returned as it is.
 */
export function unpackedPath(path: string): string {
  return path.replace(/([\\/]app\.asar)(?=[\\/])/, "$1.unpacked");
}

/** Version and folder of a package as medilora's own `import` would find it; undefined when it is not installed. */
export function installedPackage(name: string): { version: string; folder: string } | undefined {
  const places = createRequire(join(packageRoot(), "package.json")).resolve.paths(name) ?? [];
  for (const place of places) {
    const version = packageJson(join(place, name))?.version;
    if (typeof version === "string") return { version, folder: join(place, name) };
  }
  return undefined;
}

/** Files of an installed package of llama.cpp's libraries, which lies in `folder`; none where they cannot be listed. */
export function libraryFiles(name: string, folder: string): string[] {
  const bins = join(unpackedPath(folder), "bins", basename(name));
  try {
    return readdirSync(bins).map((file) => join(bins, file));
  } catch {
    return [];
  }
}

/** The command that builds the addon: another one in medilora's own repository than where it is installed. */
export function buildCommand(): string {
  return /[\\/]node_modules[\\/]/.test(packageRoot()) ? "npm rebuild medilora" : "npm run build:native";
}

/**
 * Found by name: the compiled file may lie at any depth, and so may the package itself.
 * @throws MediloraError `NATIVE_UNAVAILABLE` when the package's files were copied without its package.json
 */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (packageJson(folder)?.name === "medilora") return folder;
    if (dirname(folder) === folder)
      throw new MediloraError("NATIVE_UNAVAILABLE", "medilora's package.json was not found. Reinstall the package.");
  }
}

function packageJson(folder: string): { name?: unknown; version?: unknown } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
}
