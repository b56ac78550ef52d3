// Makes prebuilt/<platform>, the package @medilora/<platform>: the addon for the machine that this runs on, linked to the
// libraries of @node-llama-cpp's package for it. Run: npm run build:platform
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const platform = `${process.platform}-${process.arch}`;
const out = join(root, "prebuilt", platform);
const build = join(root, "build");

/** package.json of the platform package. */
function manifest() {
  const { version, license, engines, optionalDependencies } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const { MEDILORA_PREBUILT_DIR: libraries } = cmakeCache();
  const dependency = `@node-llama-cpp/${libraries.split("/").at(-1)}`;
  return {
    name: `@medilora/${platform}`,
    version,
    description: `The native addon of medilora for ${platform}`,
    license,
    os: [process.platform],
    cpu: [process.arch],
    ...(process.platform === "linux" && { libc: ["glibc"] }),
    engines,
    main: "medilora.node",
    files: ["medilora.node"],
    dependencies: { [dependency]: optionalDependencies[dependency] },
  };
}

function cmakeCache() {
  const lines = readFileSync(join(build, "CMakeCache.txt"), "utf8").matchAll(/^(\w+):\w+=(.*)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}

const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });

const usable = ({ MEDILORA_LLAMA, LLAMA_DIR }) => MEDILORA_LLAMA === "prebuilt" && existsSync(LLAMA_DIR);
if (!existsSync(join(build, "CMakeCache.txt")) || !usable(cmakeCache()))
  run(process.execPath, [join(root, "scripts", "build-native.mjs")]);
run("cmake", ["--build", build, "--config", "Release"]);
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
run("cmake", ["--install", build, "--config", "Release", "--component", "medilora", "--prefix", out, "--strip"]);
writeFileSync(join(out, "package.json"), `${JSON.stringify(manifest(), null, 2)}\n`);
cpSync(join(root, "LICENSE"), join(out, "LICENSE"));
console.error(`medilora: the package @medilora/${platform} is in ${out}`);
