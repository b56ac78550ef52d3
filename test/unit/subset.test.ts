import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseSubset, subsetRows } from "../../dist/data/subset.js";
import { jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const labels = (counts: Record<string, number>) =>
  Object.entries(counts).flatMap(([label, count]) => Array.from({ length: count }, () => label));

function shares(all: readonly string[], chosen: ReadonlySet<number>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const index of chosen) counts[all[index] as string] = (counts[all[index] as string] ?? 0) + 1;
  return counts;
}

test("shares are kept by Webster's method", () => {
  // Places of the first items: yes .05 .15 .25 ..., no 1/12 3/12 5/12, maybe 1/8 3/8: in order
  // yes .05, no .083, maybe .125, yes .15, no .25 before yes .25 by name, yes .25, yes .35, maybe .375.
  const all = labels({ yes: 10, no: 6, maybe: 4 });
  assert.deepEqual(shares(all, chooseSubset(all, 4, 0)), { yes: 2, no: 1, maybe: 1 });
  assert.deepEqual(shares(all, chooseSubset(all, 5, 0)), { yes: 2, no: 2, maybe: 1 });
  assert.deepEqual(shares(all, chooseSubset(all, 8, 0)), { yes: 4, no: 2, maybe: 2 });
  assert.deepEqual(shares(all, chooseSubset(all, 20, 0)), { yes: 10, no: 6, maybe: 4 });
});

test("subsets nest, have the size asked for, and depend on the seed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "b", "c", ""), { minLength: 1, maxLength: 60 }),
      fc.nat(5),
      (all, seed) => {
        let before = new Set<number>();
        for (let size = 1; size <= all.length; size++) {
          const chosen = chooseSubset(all, size, seed);
          assert.equal(chosen.size, size);
          for (const index of before) assert.ok(chosen.has(index));
          for (const index of chosen) assert.ok(index >= 0 && index < all.length);
          before = chosen;
        }
      },
    ),
    { numRuns: 50 },
  );
  const all = labels({ a: 50, b: 50 });
  assert.deepEqual([...chooseSubset(all, 20, 1)], [...chooseSubset(all, 20, 1)]);
  assert.notDeepEqual([...chooseSubset(all, 20, 1)].sort(), [...chooseSubset(all, 20, 2)].sort());
});

const rows = Array.from({ length: 30 }, (_, i) => ({
  id: `r${i}`,
  messages: [
    { role: "user", content: "Q" },
    { role: "assistant", content: "A" },
  ],
  ...(i % 3 === 0 ? { label: "yes" } : i % 3 === 1 ? { label: "no" } : {}),
  source_document: `d${i}`,
}));

test("subset and rest are the file, in its order and with all fields", async () => {
  const input = await folder.write("in.jsonl", jsonLines(rows));
  const options = {
    input,
    output: folder.path("out.jsonl"),
    rest: folder.path("rest.jsonl"),
    size: 12,
    stratify: true,
  };
  const manifest = await subsetRows({ ...options, seed: 4 });
  const chosen = await readJsonLines<(typeof rows)[number]>(options.output);
  const others = await readJsonLines<(typeof rows)[number]>(options.rest);
  assert.equal(chosen.length, 12);
  const number = ({ id }: { id: string }) => Number(id.slice(1));
  for (const part of [chosen, others]) {
    assert.deepEqual(
      part.map(number),
      part.map(number).sort((a, b) => a - b),
    );
  }
  assert.deepEqual(
    [...chosen, ...others].sort((a, b) => number(a) - number(b)),
    rows,
  );
  const count = (label: string | undefined) => chosen.filter((row) => row.label === label).length;
  assert.deepEqual([count("yes"), count("no"), count(undefined)], [4, 4, 4]);
  assert.deepEqual(manifest.counts, { read: 30, used: 12, skipped: { "not-chosen": 18 } });
  assert.deepEqual(
    manifest.outputs.map((file) => [file.kind, file.rows]),
    [
      ["subset", 12],
      ["rest", 18],
    ],
  );
  assert.equal(manifest.seed, 4);
});

test("sizes and seeds that cannot be are refused", async () => {
  const input = await folder.write("in.jsonl", jsonLines(rows));
  const output = folder.path("no.jsonl");
  for (const [options, message] of [
    [{ size: 31 }, /size is 31, but .* has 30 rows/],
    [{ size: 0 }, /size/],
    [{ size: 1.5 }, /size/],
    [{ size: 1, seed: -1 }, /seed/],
    [{ size: 1, rest: output }, /different files/],
  ] as const)
    await assert.rejects(subsetRows({ input, output, ...options }), { code: "ARGUMENT_INVALID", message });
});
