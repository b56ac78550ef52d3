// Completes package-lock.json after `npm install`: npm leaves out optional platform packages that it could not look up when
// the lock was written, and `npm ci` then refuses the lock on every machine. Run: node scripts/complete-lock.mjs
import { readFileSync, writeFileSync } from "node:fs";

const OS = { linux: "linux", darwin: "darwin", mac: "darwin", win32: "win32", win: "win32", android: "android" };
const CPU = { x64: "x64", arm64: "arm64", armv7l: "arm", riscv64: "riscv64" };

/** os, cpu and libc of a package whose name ends in its platform, e.g. cli-linux-x64-musl or win-x64-cuda. */
function platformOf(name) {
  const words = name.replace(/^.*\//, "").split("-");
  const os = words.map((word) => OS[word]).find((known) => known !== undefined);
  const cpu = words.map((word) => CPU[word]).find((known) => known !== undefined);
  if (os === undefined || cpu === undefined) return undefined;
  return { cpu: [cpu], ...(words.includes("musl") && { libc: ["musl"] }), os: [os] };
}

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
let added = 0;
for (const [parent, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    const platform = platformOf(name);
    if (lock.packages[key] !== undefined || platform === undefined) continue;
    lock.packages[key] = {
      version,
      ...(entry.dev && { dev: true }),
      license: entry.license,
      optional: true,
      ...platform,
    };
    console.error(`${name}@${version}, an optional dependency of ${parent}`);
    added += 1;
  }
}
const root = lock.packages[""];
const rest = Object.entries(lock.packages).filter(([key]) => key !== "");
rest.sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries([["", root], ...rest]);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.error(`${added} packages added`);
