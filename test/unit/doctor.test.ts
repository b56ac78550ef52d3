import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { addonProblems, nodeProblems, peerProblems } from "../../dist/doctor/problems.js";
import { elfArchitecture, missingEnd } from "../../dist/native/elf.js";
import { temporaryFolder } from "../native/helpers.js";

const temporary = await temporaryFolder();

describe("what the doctor says of", () => {
  it("Node.js: older than 20.19 is a problem, by numbers and not by text", () => {
    for (const version of ["20.19.0", "20.20.2", "22.0.0", "100.1.0"]) assert.deepEqual(nodeProblems(version), []);
    for (const version of ["20.18.9", "20.9.0", "18.20.8", "9.99.99"]) {
      const [problem] = nodeProblems(version);
      assert.match(problem!.problem, new RegExp(`${version} is older than 20\\.19`));
    }
  });

  it("node-llama-cpp: none is fine, another version is not", () => {
    assert.deepEqual(peerProblems(null), []);
    assert.match(peerProblems("3.0.0")[0]!.fix, /^npm install node-llama-cpp@\d+\.\d+\.\d+$/);
  });

  it("an addon for a newer C library: build it here; libraries for a newer one: compile them too", async () => {
    const error = (file: string) =>
      `The native addon cannot be loaded (/lib/libc.so.6: version \`GLIBC_2.38' not found (required by ${file})).`;
    const fixOf = async (file: string) => (await addonProblems(error(file), [])).at(-1)!.fix;
    assert.equal(await fixOf("/a/@medilora/linux-x64/medilora.node"), "npm run build:native");
    for (const library of ["libllama.v0.5.0.so", "libggml-base.so"])
      assert.match(
        await fixOf(`/a/@node-llama-cpp/linux-x64/bins/linux-x64/${library}`),
        /^npm install node-llama-cpp@\d.* && MEDILORA_LLAMA=source npm run build:native$/,
      );
  });
});

describe("elfArchitecture", () => {
  const elf = (machine: number, byteOrder = 1): Buffer => {
    const header = Buffer.alloc(64);
    header.write("\x7fELF\x02", "latin1");
    header[5] = byteOrder;
    header.writeUInt16LE(machine, 18);
    return header;
  };

  it("reads the processor from the header, and nothing from what is no such file", async () => {
    const architectureOf = async (bytes: Uint8Array) => {
      await writeFile(temporary("file"), bytes);
      return elfArchitecture(temporary("file"));
    };
    assert.equal(await architectureOf(elf(62)), "x64");
    assert.equal(await architectureOf(elf(183)), "arm64");
    assert.equal(await architectureOf(elf(243)), "another processor");
    assert.equal(await architectureOf(elf(62, 2)), undefined);
    assert.equal(await architectureOf(elf(62).subarray(0, 19)), undefined);
    assert.equal(await architectureOf(Buffer.from("no library, but a text of some length")), undefined);
    assert.equal(elfArchitecture(temporary("none")), undefined);
  });
});

describe("missingEnd", () => {
  /** 64-bit, with one segment of 100 bytes at 200 that is mapped, one of 5000 that is not, and 2 sections at `sections`. */
  const elf = (size: number, sections = 0): Buffer => {
    const file = Buffer.alloc(500);
    file.write("\x7fELF\x02\x01", "latin1");
    file.writeBigUInt64LE(64n, 32);
    file.writeUInt16LE(2, 56);
    file.writeBigUInt64LE(BigInt(sections), 40);
    file.writeUInt16LE(64, 58);
    file.writeUInt16LE(sections === 0 ? 0 : 2, 60);
    for (const [i, type, offset, bytes] of [
      [0, 1, 200, 100],
      [1, 4, 0, 5000],
    ] as const) {
      file.writeUInt32LE(type, 64 + i * 56);
      file.writeBigUInt64LE(BigInt(offset), 64 + i * 56 + 8);
      file.writeBigUInt64LE(BigInt(bytes), 64 + i * 56 + 32);
    }
    return file.subarray(0, size);
  };
  const missingOf = async (bytes: Uint8Array) => {
    await writeFile(temporary("cut"), bytes);
    return missingEnd(temporary("cut"));
  };

  it("is what lies behind the file's end of the mapped segments and the section table", async () => {
    assert.equal(await missingOf(elf(300)), undefined);
    assert.equal(await missingOf(elf(299)), "299 of 300 bytes");
    assert.equal(await missingOf(elf(100)), "100 of 176 bytes", "within the table of segments");
    assert.equal(await missingOf(elf(428, 300)), undefined);
    assert.equal(await missingOf(elf(427, 300)), "427 of 428 bytes");
  });

  it("says nothing of what is no 64-bit ELF file, or has no header; the loader throws for those", async () => {
    const narrow = elf(250);
    narrow[4] = 1;
    for (const bytes of [elf(63), narrow, Buffer.alloc(0), Buffer.from("text ".repeat(40))])
      assert.equal(await missingOf(bytes), undefined);
    assert.equal(missingEnd(temporary("none")), undefined);
  });
});
