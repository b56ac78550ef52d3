import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { open, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { SafetensorsFile, safetensorsHeader } from "../../dist/adapter/safetensors.js";
import { allFinite, permuteHeads, scaledToFloat32 } from "../../dist/adapter/tensorBytes.js";
import { parseStrictJson } from "../../dist/util/strictJson.js";
import { rejectsWith, temporaryFolder } from "../native/helpers.js";
import { rawSafetensors, safetensors } from "../native/peftFiles.js";

const temporary = await temporaryFolder();

async function refused(
  bytes: Buffer,
  message: RegExp,
  code: "ADAPTER_INVALID" | "TYPE_UNSUPPORTED" = "ADAPTER_INVALID",
) {
  const path = temporary("bad.safetensors");
  await writeFile(path, bytes);
  await rejectsWith(code, SafetensorsFile.open(path), message);
}

const header = (entries: object) => JSON.stringify(entries);
const tensor = (shape: unknown, offsets: unknown, dtype: unknown = "F32") => ({ dtype, shape, data_offsets: offsets });

describe("a safetensors file", () => {
  it("is read tensor by tensor", async () => {
    const path = temporary("good.safetensors");
    const file = safetensors(
      {
        b: { type: "BF16", shape: [2, 3], values: [1, -2, 0.5, 3, 4, -0.25] },
        a: { type: "F32", shape: [2], values: [7, 8] },
      },
      { __metadata__: { format: "pt" } },
    );
    await writeFile(path, file);
    await using opened = await SafetensorsFile.open(path);
    assert.deepEqual([...opened.tensors.keys()], ["b", "a"]);
    assert.deepEqual(opened.metadata, { format: "pt" });
    const a = await opened.read(opened.tensors.get("a")!);
    assert.deepEqual([a.readFloatLE(0), a.readFloatLE(4)], [7, 8]);
    const b = await opened.read(opened.tensors.get("b")!);
    assert.deepEqual(Array.from(new Uint16Array(b.buffer)), [0x3f80, 0xc000, 0x3f00, 0x4040, 0x4080, 0xbe80]);
  });

  it("is written as it is read, its header padded to 8 bytes", async () => {
    const tensors = [
      { name: "x", type: "F16" as const, shape: [3], bytes: 6 },
      { name: "y", type: "F32" as const, shape: [1, 2], bytes: 8 },
    ];
    const bytes = safetensorsHeader(tensors, { format: "pt" });
    assert.equal(bytes.length % 8, 0);
    const path = temporary("written.safetensors");
    await writeFile(path, Buffer.concat([bytes, Buffer.alloc(14)]));
    await using opened = await SafetensorsFile.open(path);
    assert.deepEqual(
      [...opened.tensors.values()],
      [
        { ...tensors[0], offset: bytes.length },
        { ...tensors[1], offset: bytes.length + 6 },
      ],
    );
  });

  it("is refused with a header of an impossible length", async () => {
    await refused(Buffer.alloc(0), /too short/);
    await refused(Buffer.alloc(7), /too short/);
    await refused(rawSafetensors("{}", Buffer.alloc(0), 3), /ends inside its header/);
    await refused(rawSafetensors("{}", Buffer.alloc(0), 2 ** 30), /longer than/);
    await refused(Buffer.alloc(64, 0xff), /longer than/);
  });

  it("is refused with a header that is no plain JSON object", async () => {
    for (const json of ["", "[]", "null", "{", '{"a":1}{', "{'a':1}"])
      await refused(rawSafetensors(json, Buffer.alloc(0)), /header|other fields/);
    const twice = `{"a":${header(tensor([1], [0, 4]))},"\\u0061":${header(tensor([1], [0, 4]))}}`;
    await refused(rawSafetensors(twice, Buffer.alloc(4)), /distinct keys/);
    await refused(rawSafetensors(`{"a":${"[".repeat(100_000)}`, Buffer.alloc(0)), /header/);
    const latin = Buffer.from('{"\u00e9":1}', "latin1");
    await refused(Buffer.concat([Buffer.from([latin.length, 0, 0, 0, 0, 0, 0, 0]), latin]), /header/);
    await refused(rawSafetensors(header({ __metadata__: { a: 1 } }), Buffer.alloc(0)), /__metadata__/);
  });

  it("is refused where type, shape and bytes disagree", async () => {
    const one = (entry: unknown, bytes = 4) => rawSafetensors(header({ t: entry }), Buffer.alloc(bytes));
    await refused(one(tensor([1], [0, 4], "F64")), /"t".*element type/, "TYPE_UNSUPPORTED");
    await refused(one(tensor([1], [0, 4], "constructor")), /element type/, "TYPE_UNSUPPORTED");
    await refused(one(tensor([2], [0, 4])), /"t" has 4 bytes, but its shape takes 8/);
    await refused(one(tensor([1], [4, 0])), /has -4 bytes/);
    for (const shape of ["1", [-1], [1.5], [null], [2 ** 60], Array(9).fill(1)])
      await refused(one(tensor(shape, [0, 4])), /shape/);
    await refused(one(tensor([2 ** 30, 2 ** 30, 2 ** 30], [0, 4])), /its shape takes/);
    for (const offsets of [[0], [0, 4, 8], [-4, 0], ["0", "4"], null])
      await refused(one(tensor([1], offsets)), /offsets/);
    await refused(one({ ...tensor([1], [0, 4]), extra: 1 }), /other fields/);
    await refused(one(5), /other fields/);
    await refused(
      rawSafetensors('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}', Buffer.alloc(8)),
      /has 8 bytes/,
    );
  });

  it("is refused where tensors overlap, leave gaps or the file ends early or late", async () => {
    const two = (a: number[], b: number[], bytes: number) =>
      rawSafetensors(header({ a: tensor([1], a), b: tensor([1], b) }), Buffer.alloc(bytes));
    await refused(two([0, 4], [0, 4], 8), /overlaps/);
    await refused(two([0, 4], [2, 6], 8), /overlaps/);
    await refused(two([0, 4], [8, 12], 12), /gap/);
    await refused(two([4, 8], [8, 12], 12), /gap/);
    await refused(two([0, 4], [4, 8], 7), /ends inside "b"/);
    await refused(two([0, 4], [4, 8], 9), /1 bytes at its end/);
  });

  it("is no folder and no FIFO", async () => {
    execFileSync("mkfifo", [temporary("fifo")]);
    await rejectsWith("FILE_READ", SafetensorsFile.open(temporary("fifo")), /regular file/);
    await rejectsWith("FILE_READ", SafetensorsFile.open(temporary(".")), /is a folder/);
    await rejectsWith("FILE_NOT_FOUND", SafetensorsFile.open(temporary("absent")));
  });

  it("that becomes shorter while it is read is an error", async () => {
    const path = temporary("cut.safetensors");
    await writeFile(path, safetensors({ t: { type: "F32", shape: [4], values: [1, 2, 3, 4] } }));
    await using opened = await SafetensorsFile.open(path);
    const handle = await open(path, "r+");
    await handle.truncate(20);
    await handle.close();
    await rejectsWith("FILE_READ", opened.read(opened.tensors.get("t")!));
  });
});

describe("bytes of tensors", () => {
  const f32 = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
  const halves = (...values: number[]) => Buffer.from(Uint16Array.from(values).buffer);

  it("are finite or not", () => {
    assert.ok(allFinite("F32", f32(0, -3.4e38, 1e-45)));
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      assert.equal(allFinite("F32", f32(1, bad)), false);
    assert.ok(allFinite("F16", halves(0x7bff, 0xfbff, 0)));
    assert.ok(allFinite("BF16", halves(0x7f7f, 0x7c00)));
    for (const bad of [0x7c00, 0xfc00, 0x7e01]) assert.equal(allFinite("F16", halves(0, bad)), false);
    for (const bad of [0x7f80, 0xff80, 0x7fc1]) assert.equal(allFinite("BF16", halves(0, bad)), false);
  });

  it("are scaled in float32", () => {
    assert.deepEqual(scaledToFloat32("F32", f32(1, -2.5), 2), f32(2, -5));
    // 1, -2, the smallest subnormal, the largest.
    assert.deepEqual(scaledToFloat32("F16", halves(0x3c00, 0xc000, 1, 0x7bff), 0.5), f32(0.5, -1, 2 ** -25, 32752));
    assert.deepEqual(scaledToFloat32("BF16", halves(0x3f80, 0xc040, 0), 3), f32(3, -9, 0));
  });

  it("change places by head: halves that follow each other become neighbours", () => {
    // Two heads of four rows; a row is one number.
    const hf = f32(0, 1, 2, 3, 10, 11, 12, 13);
    const gguf = f32(0, 2, 1, 3, 10, 12, 11, 13);
    assert.deepEqual(permuteHeads(hf, 8, { heads: 2, to: "gguf" }), gguf);
    assert.deepEqual(permuteHeads(gguf, 8, { heads: 2, to: "hf" }), hf);
    // One head of six rows of two numbers, where there and back differ.
    const six = f32(0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5);
    const there = permuteHeads(six, 6, { heads: 1, to: "gguf" });
    assert.deepEqual(there, f32(0, 0.5, 3, 3.5, 1, 1.5, 4, 4.5, 2, 2.5, 5, 5.5));
    assert.deepEqual(permuteHeads(there, 6, { heads: 1, to: "hf" }), six);
  });
});

describe("strict JSON", () => {
  it("is JSON", () => {
    for (const text of [
      '{"a":[{"b":"x"},{"b":"y"}],"b":{"a":1}}',
      '{"a\\"":1,"a":2}',
      '"a:1"',
      '{"k":"a\\\\","l":":"}',
    ])
      assert.deepEqual(parseStrictJson(text), JSON.parse(text));
  });

  it("has distinct keys and 32 levels", () => {
    for (const text of ['{"a":1,"a":2}', '{"x":[{"b":1, "b" : 2}]}', '{"a":{"a":1},"\\u0061":2}'])
      assert.throws(() => parseStrictJson(text), SyntaxError, text);
    assert.doesNotThrow(() => parseStrictJson(`${"[".repeat(32)}${"]".repeat(32)}`));
    assert.throws(() => parseStrictJson(`${"[".repeat(33)}${"]".repeat(33)}`), SyntaxError);
    assert.throws(() => parseStrictJson('{"a":'), SyntaxError);
  });

  it("is refused without searching from each of a million quotes when its string does not end", () => {
    const quotes = '\\"'.repeat(1e6);
    for (const text of [`{"a":"${quotes}`, `{"${quotes}\\`]) assert.throws(() => parseStrictJson(text), SyntaxError);
    assert.deepEqual(parseStrictJson(`{"a":"${quotes}"}`), { a: '"'.repeat(1e6) });
  });
});
