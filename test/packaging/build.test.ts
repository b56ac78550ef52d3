import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { repoFile, temporaryFolder } from "../native/helpers.js";

// What a user sees when the build cannot work. No build is run here.

const temporary = await temporaryFolder();

function node(script: string, env: Record<string, string>): { status: number | null; message: string } {
  const { status, stderr } = spawnSync(process.execPath, [script], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  return { status, message: stderr };
}

describe("building without the tools", () => {
  it("names what is missing and how to install it", async () => {
    await mkdir(temporary("empty"), { recursive: true });
    const { status, message } = node(repoFile("scripts/build-native.mjs"), { PATH: temporary("empty"), CXX: "" });
    assert.equal(status, 1);
    assert.match(message, /C\+\+17 compiler.*CMake.*not found/);
    assert.match(message, process.platform === "darwin" ? /xcode-select/ : /apt-get install g\+\+ cmake make/);
    assert.doesNotMatch(message, /at .*\.mjs:\d+/, "no stack trace");
  });

  it("refuses a mode that it does not know", () => {
    const { status, message } = node(repoFile("scripts/build-native.mjs"), { MEDILORA_LLAMA: "shared" });
    assert.equal(status, 1);
    assert.match(message, /prebuilt.*source/);
  });
});

describe("the pin of llama.cpp", () => {
  const copy = async (change: (pin: Record<string, string>) => Record<string, string>): Promise<string> => {
    const root = temporary(`pin-${Math.random()}`);
    await mkdir(`${root}/vendor`, { recursive: true });
    await cp(repoFile("vendor/unpack.mjs"), `${root}/vendor/unpack.mjs`);
    await writeFile(`${root}/package.json`, "{}");
    await symlink(repoFile("node_modules"), `${root}/node_modules`);
    const pin = JSON.parse(await readFile(repoFile("vendor/pin.json"), "utf8")) as Record<string, string>;
    await writeFile(`${root}/vendor/pin.json`, JSON.stringify(change(pin)));
    return root;
  };

  it("is checked: another hash or version is refused and nothing is unpacked", async () => {
    const hash = await copy((pin) => ({ ...pin, bundleSha256: "0".repeat(64) }));
    assert.match(node(`${hash}/vendor/unpack.mjs`, {}).message, /sha256 [0-9a-f]{64}, expected 0{64}/);
    const version = await copy((pin) => ({ ...pin, nodeLlamaCpp: "9.9.9" }));
    assert.match(node(`${version}/vendor/unpack.mjs`, {}).message, /pinned to 9\.9\.9/);
    const commit = await copy((pin) => ({ ...pin, commit: "f".repeat(40) }));
    const { status, message } = node(`${commit}/vendor/unpack.mjs`, {});
    assert.equal(status, 1);
    assert.match(message, /commit [0-9a-f]{40}, expected f{40}/);
    for (const root of [hash, version, commit]) assert.equal(existsSync(`${root}/vendor/llama.cpp`), false);
  });
});
