import assert from "node:assert/strict";
import { test } from "node:test";
import { averageOrders, type OrderedScore } from "../../dist/eval/loglikelihood/averageOrders.js";
import { questionSeed, sampleSeed } from "../../dist/eval/samplers.js";
import { reasoningInstruction, withInstruction } from "../../dist/eval/strategies/chainOfThought.js";
import { type Embedded, nearestRows } from "../../dist/eval/strategies/neighbours.js";
import { drawOrders } from "../../dist/eval/strategies/shuffling.js";
import { checkStrategy, type EvaluationStrategy, strategyLabel } from "../../dist/eval/strategies/strategy.js";
import { majority } from "../../dist/eval/strategies/vote.js";
import { fails } from "./helpers/results.js";

test("the majority wins, invalid answers do not vote, ties go to the label that was voted for first", () => {
  const cases: Array<[Array<string | null>, string | null, number, number | null, boolean]> = [
    [["yes"], "yes", 0, 1, false],
    [[null], null, 0, null, false],
    [[null, null, null], null, 0, null, false],
    [["yes", "no", "no"], "no", 1, 2 / 3, false],
    [[null, null, null, "maybe"], "maybe", 3, 1, false],
    [["no", "yes"], "no", 0, 1 / 2, true],
    [["yes", "no"], "yes", 0, 1 / 2, true],
    [[null, "no", "yes", "yes", "no"], "no", 1, 1 / 2, true],
    [["maybe", "yes", "no", "no", "yes"], "yes", 1, 2 / 5, true],
    [["A", "B", "C", "D"], "A", 0, 1 / 4, true],
    [["A", null, "B", "B", null], "B", 2, 2 / 3, false],
  ];
  for (const [ballots, winner, first, share, isTie] of cases)
    assert.deepEqual(majority(ballots), { winner, first, vote: { ballots, share, isTie } }, JSON.stringify(ballots));
});

test("the first sample draws by the plain run's seed, each other one by its own", () => {
  assert.equal(sampleSeed(7, "q", 0), questionSeed(7, "q"));
  assert.equal(sampleSeed(7, "q", 3), questionSeed(7, "q\n3"));
  assert.equal(new Set(Array.from({ length: 1000 }, (_, i) => sampleSeed(0, "q", i))).size, 1000);
});

test("orders are permutations without repetition, of the question's own seed, fewer the first of more", () => {
  const orders = drawOrders("q1", 4, 24, 5);
  assert.equal(new Set(orders.map((order) => order.join())).size, 24);
  for (const order of orders) assert.deepEqual([...order].sort(), [0, 1, 2, 3]);
  assert.deepEqual(drawOrders("q1", 4, 6, 5), orders.slice(0, 6));
  assert.notDeepEqual(drawOrders("q2", 4, 24, 5), orders);
  assert.notDeepEqual(drawOrders("q1", 4, 24, 6), orders);
  assert.throws(() => drawOrders("q1", 3, 7, 0), fails("ARGUMENT_INVALID", /question has 3 options, .* 6 orders/));
  // Each of 4 options stands first about equally often over many questions: 4000 / 4, 5 standard deviations wide.
  const first = [0, 0, 0, 0];
  for (let i = 0; i < 4000; i++) first[drawOrders(`q${i}`, 4, 2, 0)[0]![0]!]! += 1;
  for (const count of first) assert.ok(Math.abs(count - 1000) < 137, first.join());
});

const score = (order: number[], probabilities: number[], more: Partial<OrderedScore> = {}): OrderedScore => ({
  ...{ id: "x", promptSha256: "", isGreedy: order.map(() => true), tokens: order.map(() => 1), cut: 0, seconds: 0 },
  order,
  logprobs: probabilities.map(Math.log),
  ...more,
});

function assertClose(found: readonly number[], wanted: readonly number[]): void {
  assert.equal(found.length, wanted.length);
  found.forEach((value, i) => {
    assert.ok(Math.abs(value - wanted[i]!) < 1e-12, `${found.join()} for ${wanted.join()}`);
  });
}

test("an option's probability is its mean over the orders, each made to add up to 1", () => {
  // Order 1 as in the data: shares .5 .25 .25. Order 2 has option 2 first: option 2 .8, option 0 .1, option 1 .1.
  const mean = averageOrders([
    score([0, 1, 2], [0.2, 0.1, 0.1], { cut: 3, seconds: 1, tokens: [1, 2, 1] }),
    score([2, 0, 1], [0.08, 0.01, 0.01], { isGreedy: [true, false, true], seconds: 2 }),
  ]);
  assertClose(mean.logprobs.map(Math.exp), [0.3, 0.175, 0.525]);
  assert.deepEqual(mean.isGreedy, [false, true, true]);
  assert.deepEqual([mean.tokens, mean.cut, mean.seconds], [[1, 2, 1], 3, 2]);
});

test("impossible letters count as 0, an order without any possible one for none", () => {
  const mean = averageOrders([
    score([1, 0], [0.5, 0], {}),
    score([0, 1], [], { logprobs: [Number.NaN, Math.log(0.3)] }),
    score([0, 1], [0, 0]),
    score([0, 1], [], { logprobs: [Number.NaN, Number.NaN] }),
  ]);
  assert.deepEqual(mean.logprobs.map(Math.exp), [0, 0.5]);
  assert.equal(mean.logprobs[0], Number.NEGATIVE_INFINITY);
});

const at = (id: string, degrees: number, text = `text ${id}`): Embedded => ({
  id,
  text,
  vector: Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)),
});

async function nearest(question: Embedded, rows: Embedded[], shots: number): Promise<string[]> {
  const [found] = await nearestRows([question], rows, shots, undefined);
  return found!.map((i) => rows[i]!.id);
}

test("the nearest rows by cosine, the nearest last, of equal ones the earlier nearer", async () => {
  const rows = [at("far", 90), at("near", 10), at("twin", -10), at("nearer", 5), at("back", 180)];
  assert.deepEqual(await nearest(at("q", 0), rows, 1), ["nearer"]);
  assert.deepEqual(await nearest(at("q", 0), rows, 5), ["back", "far", "twin", "near", "nearer"]);
});

test("no row of the question's id or text, and of rows with one text only the first", async () => {
  const rows = [
    at("q", 0, "another text under its id"),
    at("same", 0, " Does  ASPIRIN\nhelp? "),
    at("wide", 0, "Ｄoes aspirin help?"),
    at("a", 20, "Does it?"),
    at("b", 1, "does it?"),
    at("c", 30),
  ];
  assert.deepEqual(await nearest(at("q", 0, "Does aspirin help?"), rows, 2), ["c", "a"]);
  await assert.rejects(
    nearest(at("q", 0, "Does aspirin help?"), rows, 3),
    fails("ARGUMENT_INVALID", /Question 1 has 2 other questions .* 3 shots/),
  );
  await assert.rejects(
    nearestRows([at("q", 0)], rows, 1, AbortSignal.abort()),
    fails("ABORTED", /before a question was asked/),
  );
});

test("the instruction stands behind the system prompt, or is one", () => {
  const instruction = reasoningInstruction("the option that you choose");
  assert.equal(
    instruction,
    'Reason step by step before you answer. Then end your reply with one last line: "Answer:" and behind it the option ' +
      "that you choose.",
  );
  const user = { role: "user", content: "Q" } as const;
  assert.deepEqual(withInstruction([{ role: "system", content: "S." }, user], "I."), [
    { role: "system", content: "S. I." },
    user,
  ]);
  assert.deepEqual(withInstruction([user], "I."), [{ role: "system", content: "I." }, user]);
});

test("a strategy's label names its parts in one order", () => {
  const strategy: EvaluationStrategy = {
    chainOfThought: {},
    neighbours: { train: "t", shots: 2 },
    choiceShuffling: { permutations: 4 },
    selfConsistency: { samples: 3 },
  };
  assert.equal(strategyLabel(strategy), "self-consistency 3 + choice shuffling 4 + nearest shots 2 + chain of thought");
});

test("a strategy that is none is refused by the name of what is wrong", () => {
  const cases: Array<[unknown, RegExp]> = [
    [{}, /sets nothing/],
    [{ selfConsistency: undefined }, /sets nothing/],
    [null, /strategy must be an object/],
    [{ selfConsistancy: { samples: 3 } }, /no option selfConsistancy/],
    [{ selfConsistency: 3 }, /strategy\.selfConsistency must be an object/],
    [{ selfConsistency: { samples: 1 } }, /selfConsistency\.samples/],
    [{ selfConsistency: { samples: 101 } }, /selfConsistency\.samples/],
    [{ selfConsistency: { sample: 3 } }, /no option sample/],
    [{ choiceShuffling: { permutations: 1.5 } }, /choiceShuffling\.permutations/],
    [{ choiceShuffling: { permutations: 2, seed: 0.5 } }, /choiceShuffling\.seed/],
    [{ neighbours: { shots: 0, train: "t" } }, /neighbours\.shots/],
    [{ neighbours: { shots: 1 } }, /neighbours\.train/],
    [{ chainOfThought: { maxTokens: 0 } }, /chainOfThought\.maxTokens/],
    [{ chainOfThought: true }, /strategy\.chainOfThought must be an object/],
  ];
  for (const [strategy, message] of cases)
    assert.throws(() => checkStrategy(strategy as EvaluationStrategy), fails("ARGUMENT_INVALID", message));
});
