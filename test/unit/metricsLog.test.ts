import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { MetricsLog } from "../../dist/train/metrics.js";

let root: string;
let folder: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "medilora-metrics-"));
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, "run-"));
});
after(() => rm(root, { recursive: true }));

const line = (step: number, loss = 10 - step) => ({
  step,
  totalSteps: 4,
  epoch: step / 2,
  loss,
  learningRate: 1e-4,
  gradNorm: 1,
  tokensPerSecond: 100,
  rss: 1e8,
  skipped: false,
});

async function logged(run: string, from: number, steps: number[]): Promise<MetricsLog> {
  const log = new MetricsLog(folder, run);
  await log.begin(from);
  for (const step of steps) await log.add(line(step));
  return log;
}

const stepsIn = async (log: MetricsLog) =>
  (await readFile(log.path, "utf8"))
    .trim()
    .split("\n")
    .map((text) => (JSON.parse(text) as { step: number }).step);

test("a resumed run keeps its lines up to its step, and logs the later ones again", async () => {
  await logged("a", 0, [1, 2, 3]);
  const log = await logged("a", 2, [3, 4]);
  assert.deepEqual(await stepsIn(log), [1, 2, 3, 4]);
  assert.deepEqual(
    log.history.map(({ step }) => step),
    [1, 2, 3, 4],
  );
});

test("lines of another run in the same folder are not taken for its own", async () => {
  await logged("b", 0, [1, 2]);
  const log = await logged("a", 2, [3]);
  assert.deepEqual(await stepsIn(log), [3]);
  assert.deepEqual(
    log.history.map(({ step }) => step),
    [3],
  );
});

test("a run replaces the files of before at its first line, not sooner; the old curve goes with them", async () => {
  const old = await logged("a", 0, [1, 2]);
  await old.draw();
  const log = await logged("b", 0, []);
  assert.deepEqual(await stepsIn(log), [1, 2]);
  assert.equal(existsSync(log.lossCurve), true);
  assert.equal(existsSync(log.lossPage), true);
  await log.add(line(1));
  assert.deepEqual(await stepsIn(log), [1]);
  assert.equal(existsSync(log.lossCurve), false, "it is drawn from other lines");
  assert.equal(existsSync(log.lossPage), false);
});

test("without a loss of its own a run has no curve, and no other run's either", async () => {
  await (await logged("b", 0, [1])).draw();
  const log = await logged("a", 1, []);
  await log.draw();
  assert.equal(existsSync(log.lossCurve), false);
  assert.equal(await readFile(log.path, "utf8"), "");
});

test("a loss that is not finite comes back as a gap, and a line that was cut short is dropped", async () => {
  const log = await logged("a", 0, [1]);
  await log.add(line(2, Number.NaN));
  await writeFile(log.path, `${await readFile(log.path, "utf8")}{"step":3,`);
  const resumed = await logged("a", 2, [3]);
  assert.deepEqual(
    resumed.history.map(({ loss }) => loss),
    [9, Number.NaN, 7],
  );
  assert.deepEqual(await stepsIn(resumed), [1, 2, 3]);
});

test("validation losses stand at their step", async () => {
  const log = await logged("a", 0, [1, 2]);
  await log.add({ step: 2, evalLoss: 3 });
  const { history } = await logged("a", 2, []);
  assert.deepEqual(
    history.map(({ evalLoss }) => evalLoss),
    [undefined, 3],
  );
});
