import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AttentionCheckCase } from "../../dist/native/binding.js";
import { native } from "../../dist/native/load.js";
import { makeRandom } from "./helpers.js";

const { kernels } = native().gemmInfo();

async function check(options: AttentionCheckCase): Promise<void> {
  const { error, alone, moved } = await native().attentionCheck(options);
  const what = JSON.stringify(options);
  assert.ok(error < 3e-6, `${what}: error ${error}`);
  assert.ok(alone, `${what}: a query's result depends on the others`);
  assert.ok(moved, `${what}: a query's result depends on where its cells lie`);
}

function randomCase(random: () => number): AttentionCheckCase {
  const kvHeads = 1 + (random() % 3);
  return {
    tokens: 1 + (random() % (random() % 2 === 0 ? 3 : 70)),
    cells: 1 + (random() % (random() % 2 === 0 ? 40 : 500)),
    kvHeads,
    heads: kvHeads * (1 + (random() % 5)),
    keyLength: 32 * (1 + (random() % 4)),
    valueLength: 32 * (1 + (random() % 4)),
    type: ["f32", "f16", "bf16", "q8_0", "q4_0"][random() % 5]!,
    softcap: random() % 4 === 0 ? 2 : 0,
    biased: random() % 4 === 0,
    seed: random() % 1000,
    threads: 1 + (random() % 3),
  };
}

describe("attention over the cells of a cache", () => {
  for (const kernel of kernels)
    it(`${kernel}: is right, and a query depends on its own cells alone, at random shapes`, async () => {
      const random = makeRandom(11);
      for (let i = 0; i < 40; i++) await check({ ...randomCase(random), kernel });
    });

  it("edges: one less, exactly and one more than the runs and tiles", async () => {
    const shape = { heads: 4, kvHeads: 2, keyLength: 64, valueLength: 64, type: "f16", threads: 2 };
    for (const cells of [1, 31, 32, 33, 127, 128, 129, 256, 257]) await check({ ...shape, tokens: 5, cells });
    for (const tokens of [1, 11, 12, 13, 24, 25]) await check({ ...shape, tokens, cells: 140 });
  });

  it("heads whose length no vector divides", async () => {
    await check({ tokens: 9, cells: 77, heads: 6, kvHeads: 3, keyLength: 20, valueLength: 13, type: "f16" });
  });

  it("refuses heads that do not divide", async () => {
    const shape = { tokens: 1, cells: 1, keyLength: 32, valueLength: 32 };
    await assert.rejects(native().attentionCheck({ ...shape, heads: 3, kvHeads: 2 }), {
      code: "ARGUMENT_INVALID",
      message: /kvHeads/,
    });
  });
});
