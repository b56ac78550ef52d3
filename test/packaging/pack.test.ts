import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { repoFile } from "../native/helpers.js";

interface Packed {
  files: Array<{ path: string; size: number }>;
  unpackedSize: number;
}

/** Has no types of its own. */
const { symbols: nodeApi } = createRequire(import.meta.url)("node-api-headers") as {
  symbols: Record<"v8", { js_native_api_symbols: string[]; node_api_symbols: string[] }>;
};

const manifest = JSON.parse(readFileSync(repoFile("package.json"), "utf8")) as {
  bin: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

function pack(): Packed {
  const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: repoFile("."),
    encoding: "utf8",
  });
  const answer = JSON.parse(output) as Packed[] | Record<string, Packed>;
  return Array.isArray(answer) ? answer[0]! : Object.values(answer)[0]!;
}

const sourceOf = (path: string) => path.replace(/^dist/, "src").replace(/(\.d)?\.[jt]s$/, ".ts");

describe("the npm package", () => {
  const packed = pack();
  const paths = new Set(packed.files.map(({ path }) => path));

  it("holds what a consumer runs and builds with", () => {
    for (const path of [
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "CMakeLists.txt",
      "binding.gyp",
      "vendor/pin.json",
      "vendor/unpack.mjs",
    ])
      assert.ok(paths.has(path), path);
    for (const path of [
      "scripts/install.mjs",
      "scripts/build-native.mjs",
      "native/addon/module.cpp",
      "native/addon/exports.map",
      "dist/dashboard/page/main.js",
      "dist/report/html/page/main.js",
      "recipes/medilora-openhermes-2.5-mistral-7b.yaml",
      "schema/medilora.schema.json",
    ])
      assert.ok(paths.has(path), path);
    for (const bin of Object.values(manifest.bin)) assert.ok(paths.has(bin), bin);
    for (const target of Object.values(manifest.exports))
      for (const path of typeof target === "string" ? [target] : Object.values(target))
        assert.ok(paths.has(path.slice(2)), path);
  });

  it("holds no tests, models, data or sources of others, and is small", () => {
    const strangers = [...paths].filter((path) =>
      /^(test|assets|bench|docs|examples|build)\/|llama\.cpp\/|dist\/demo/.test(path),
    );
    assert.deepEqual(strangers, []);
    const stale = [...paths].filter((path) => path.startsWith("dist/") && !existsSync(repoFile(sourceOf(path))));
    assert.deepEqual(stale, [], "files of dist without a source: remove dist and build again");
    assert.ok(packed.unpackedSize < 3e6, `${packed.unpackedSize} bytes`);
  });

  it("starts its commands with node", () => {
    for (const bin of Object.values(manifest.bin))
      assert.match(readFileSync(repoFile(bin), "utf8"), /^#!\/usr\/bin\/env node\n/, bin);
  });
});

describe("the repository", () => {
  it("pins node-llama-cpp exactly, to the version that vendor/pin.json names", () => {
    const pin = JSON.parse(readFileSync(repoFile("vendor/pin.json"), "utf8")) as Record<string, string>;
    assert.equal(manifest.dependencies["node-llama-cpp"], undefined, "its GPU variants take 700 MB");
    assert.equal(manifest.peerDependencies["node-llama-cpp"], pin.nodeLlamaCpp);
    assert.equal(manifest.devDependencies["node-llama-cpp"], pin.nodeLlamaCpp);
    const names = Object.keys(manifest.optionalDependencies);
    assert.deepEqual(
      names,
      ["linux-arm64", "linux-x64", "mac-arm64-metal", "mac-x64"].map((platform) => `@node-llama-cpp/${platform}`),
    );
    for (const name of names) assert.equal(manifest.optionalDependencies[name], pin.nodeLlamaCpp, name);
    assert.match(pin.bundleSha256!, /^[0-9a-f]{64}$/);
    assert.match(pin.commit!, /^[0-9a-f]{40}$/);
  });

  it("holds no file over 15 MB and no sources that were unpacked", () => {
    if (!existsSync(repoFile(".git"))) return;
    const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: repoFile("."), encoding: "utf8" })
      .split("\0")
      .filter(Boolean);
    for (const path of tracked) {
      if (existsSync(repoFile(path))) assert.ok(statSync(repoFile(path)).size < 15e6, path);
      assert.doesNotMatch(path, /^vendor\/llama\.cpp\//);
    }
  });
});

/** Undefined symbols of a library, as `nm -D --undefined-only` prints them, that an addon must not ask its process for. */
function foreignSymbols(lines: readonly string[]): string[] {
  const { js_native_api_symbols: engine, node_api_symbols: node } = nodeApi.v8;
  const allowed = new Set([...engine, ...node]);
  return lines
    .map((line) => line.trim().split(/\s+/).at(-1)!)
    .filter((symbol) => symbol !== "" && !allowed.has(symbol))
    .filter(
      (symbol) => !/^(ggml|gguf|llama)_|@(GLIBC|GLIBCXX|CXXABI|GCC)_[\d.]+$|^_ITM_|^__gmon_start__$/.test(symbol),
    );
}

describe("the addon", { skip: process.platform !== "linux" && "reads ELF with nm" }, () => {
  const nm = (path: string) =>
    execFileSync("nm", ["-D", "--undefined-only", path], { encoding: "utf8", maxBuffer: 1e8 });

  it("takes from its process Node-API 8 only, nothing of V8 or libuv; else the C and C++ libraries and llama.cpp", () => {
    const symbols = nm(repoFile("build/Release/medilora.node")).split("\n");
    assert.ok(symbols.some((line) => / napi_create_function$/.test(line)));
    assert.deepEqual(foreignSymbols(symbols), []);
  });

  it("would be found out if it took more", () => {
    const foreign = ["uv_queue_work", "_ZN2v87Isolate10GetCurrentEv", "_ZN4node4StopEPNS_11EnvironmentE", "strange"];
    // Of Node-API 9 and 10.
    foreign.push("node_api_create_syntax_error", "node_api_create_property_key_utf8");
    const own = ["napi_create_function", "napi_add_env_cleanup_hook", "llama_decode", "ggml_free", "memcpy@GLIBC_2.14"];
    const lines = [...own, ...foreign].map((name) => `                 U ${name}`);
    assert.deepEqual(foreignSymbols(lines), foreign);
  });
});
