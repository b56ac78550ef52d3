import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { GemmCheckCase, GemmKernel } from "../../dist/native/binding.js";
import { native } from "../../dist/native/load.js";
import { makeRandom } from "./helpers.js";

const { kernel: fastest, kernels, types } = native().gemmInfo();
const directions = ["forward", "backward", "multiply"] as const;
const loader = fileURLToPath(new URL("../../dist/native/load.js", import.meta.url));

/** A dimension from 1 to 700, the short ones as often as the long. */
function dimension(random: () => number): number {
  return 1 + (random() % (random() % 2 === 0 ? 40 : 700));
}

function randomCase(random: () => number, type: { name: string; block: number }): GemmCheckCase {
  const direction = directions[random() % (type.name === "f32" ? 3 : 2)]!;
  return {
    direction,
    type: type.name,
    rows: dimension(random),
    cols: Math.ceil(dimension(random) / type.block) * type.block,
    tokens: dimension(random),
    seed: random() % 1000,
    threads: 1 + (random() % 3),
    accumulate: random() % 3 === 0,
  };
}

async function check(options: GemmCheckCase): Promise<void> {
  const { error, identical, format, kernel } = await native().gemmCheck(options);
  const what = `${kernel} ${JSON.stringify(options)}: error ${error}`;
  // Roundings to bfloat16 average out over a matrix, not over a few numbers: each of two is at most 2^-9.
  const limit = format === "f32" ? 1e-5 : options.rows * options.tokens >= 64 ? 3e-3 : 8e-3;
  assert.ok(error <= limit, what);
  assert.ok(identical, `${what}; the result depends on the number of threads`);
}

function infoWith(value: string): { kernel: string; registered: boolean } {
  const script = `import(${JSON.stringify(loader)}).then(({ native }) => console.log(JSON.stringify(native().gemmInfo())))`;
  const env = { ...process.env, MEDILORA_GEMM: value };
  return JSON.parse(execFileSync(process.execPath, ["-e", script], { env, encoding: "utf8" })) as {
    kernel: string;
    registered: boolean;
  };
}

describe("matrix products", () => {
  for (const kernel of kernels)
    it(`${kernel}: every type and direction at random shapes is right, with any number of threads`, async () => {
      const random = makeRandom(7);
      const cases = [...types, ...types].map((type) => randomCase(random, type));
      for (const options of cases) await check({ ...options, kernel });
    });

  it("tile edges: one less, exactly and one more than the tiles and blocks", async () => {
    for (const size of [1, 11, 12, 13, 31, 32, 33, 255, 256, 257, 512, 513])
      for (const direction of directions) {
        const shape = { direction, type: "f32", rows: size, cols: 257, tokens: 13 };
        await check(shape);
        await check({ ...shape, rows: 33, cols: size, accumulate: true });
        await check({ ...shape, type: direction === "multiply" ? "f32" : "f16", rows: 65, cols: 514, tokens: size });
      }
  });

  it("more rows than are packed at once", async () => {
    for (const direction of directions) await check({ direction, type: "f32", rows: 40, cols: 64, tokens: 3100 });
    await check({ type: "q4_K", rows: 48, cols: 512, tokens: 1601, threads: 2 });
  });

  it("multiply takes matrices by rows, by columns and with gaps", async () => {
    for (let seed = 0; seed < 9; seed++)
      await check({ direction: "multiply", rows: 45, cols: 130, tokens: 50, seed, accumulate: seed % 2 === 0 });
  });

  it("f32 weights keep float32; other types use bfloat16 where the processor has it", async () => {
    const shape = { rows: 64, cols: 256, tokens: 64 };
    assert.equal((await native().gemmCheck({ ...shape, type: "f32" })).format, "f32");
    const expected = fastest.endsWith("bf16") ? "bf16" : "f32";
    for (const type of ["f16", "bf16", "q4_K"])
      assert.equal((await native().gemmCheck({ ...shape, type })).format, expected, type);
  });
});

describe("the ggml backend", () => {
  const skip = native().gemmInfo().registered ? false : "no kernel of ours is faster than ggml's on this processor";

  it("MUL_MAT and OUT_PROD of every type are right at random shapes", { skip }, async () => {
    const random = makeRandom(11);
    for (const type of types) {
      const { rows, cols, tokens, seed, threads } = randomCase(random, type);
      const shape = { type: type.name, rows, cols, seed, threads, throughGgml: true };
      await check({ ...shape, direction: "forward", tokens });
      await check({ ...shape, direction: "backward", tokens });
    }
  });
});

describe("MEDILORA_GEMM", () => {
  it("forces each instruction set, and registers it", () => {
    for (const kernel of kernels) assert.deepEqual(pick(infoWith(kernel)), { kernel, registered: true });
  });

  it("off registers nothing; the trainer still has the fastest set", () => {
    assert.deepEqual(pick(infoWith("off")), { kernel: kernels[0], registered: false });
  });

  it("says which sets there are when one does not run here", () => {
    assert.throws(() => infoWith("sse9"), /sse9/);
  });

  const pick = ({ kernel, registered }: { kernel: string; registered: boolean }) => ({ kernel, registered });
});

describe("arguments", () => {
  const shape = { rows: 8, cols: 256, tokens: 8 };
  const bad: Array<[string, GemmCheckCase]> = [
    ["cols that are no whole blocks", { ...shape, type: "q4_K", cols: 128 }],
    ["an unknown type", { ...shape, type: "q9_9" }],
    ["an unknown kernel", { ...shape, kernel: "mmx" as GemmKernel }],
    ["no rows", { ...shape, rows: 0 }],
    ["accumulating through ggml", { ...shape, tokens: 64, throughGgml: true, accumulate: true }],
  ];
  for (const [what, options] of bad)
    it(`refuses ${what}`, async () => {
      await assert.rejects(async () => native().gemmCheck(options), { code: "ARGUMENT_INVALID" });
    });
});
