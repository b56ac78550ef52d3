import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runAction, whenStderrSays } from "./helpers/cli.js";

/** Work that heeds the signal; the timer stands for what would keep the process alive. */
const WAIT = `
  const timer = setTimeout(() => {}, 60_000);
  context.out.note("ready");
  await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
  clearTimeout(timer);
  context.out.note("tidied up");
  throw new MediloraError("ABORTED", "Stopped on request.");`;

for (const name of ["SIGINT", "SIGTERM"] as const)
  test(`${name} aborts the work in order, and the exit code is 130`, async () => {
    const { code, stderr } = await runAction(WAIT, { onStart: whenStderrSays("ready", (child) => child.kill(name)) });
    assert.equal(code, 130);
    assert.match(stderr, /tidied up\nmedilora: Stopped on request\. \[ABORTED\]\n$/);
  });

test("a second signal ends the process at once, although the work goes on", async () => {
  const deaf = `context.out.note("ready"); await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  const { code, stderr } = await runAction(deaf, {
    onStart(child) {
      whenStderrSays("ready", () => child.kill("SIGINT"))(child);
      whenStderrSays("stopping", () => child.kill("SIGINT"))(child);
    },
  });
  assert.equal(code, 130);
  assert.match(stderr, /^ready\nmedilora: stopping; press again to stop at once\n$/);
});

test("work that ends well after a signal still counts as done", async () => {
  const action = `
    const timer = setInterval(() => {}, 1000);
    context.out.note("ready");
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    clearInterval(timer);
    context.out.data("done");`;
  const { code, stdout } = await runAction(action, {
    onStart: whenStderrSays("ready", (child) => child.kill("SIGINT")),
  });
  assert.deepEqual([code, stdout], [0, "done\n"]);
});

test("an abort that no signal asked for is a plain failure", async () => {
  const { code } = await runAction(`throw new MediloraError("ABORTED", "Stopped.");`);
  assert.equal(code, 1);
});

test("an error of ours shows its message and code, with its stack only on MEDILORA_DEBUG=1", async () => {
  const action = `throw new MediloraError("MODEL_INVALID", "m.gguf is cut short.", { cause: new RangeError("inner") });`;
  const plain = await runAction(action);
  assert.deepEqual(
    [plain.code, plain.stdout, plain.stderr],
    [1, "", "medilora: m.gguf is cut short. [MODEL_INVALID]\n"],
  );
  const debug = await runAction(action, { env: { MEDILORA_DEBUG: "1" } });
  assert.match(debug.stderr, /\n +at .*\n[\s\S]*Caused by: RangeError: inner\n +at /);
});

test("a foreign error shows its kind and never its message, which may quote data", async () => {
  const { code, stderr } = await runAction(`JSON.parse("patient Smith");`);
  assert.equal(code, 1);
  assert.match(stderr, /^medilora: Unexpected failure \(SyntaxError\)\..*MEDILORA_DEBUG=1.*\[INTERNAL\]\n$/);
  assert.doesNotMatch(stderr, /Smith/);
});

test("a reader of stdout that goes away is no failure", async () => {
  const action = `
    context.out.note("ready");
    for (let i = 0; i < 200; i++) {
      context.out.data("x".repeat(100_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    context.out.note("went on");`;
  const onStart = whenStderrSays("ready", (child) => child.stdout?.destroy());
  const { code, signal, stderr } = await runAction(action, { onStart });
  assert.deepEqual([code, signal, stderr], [0, null, "ready\nwent on\n"]);
});

test("stdout on a full disk fails with DISK_FULL and without a stack", {
  skip: existsSync("/dev/full") ? false : "there is no /dev/full here",
}, async () => {
  const script = fileURLToPath(new URL("../../dist/cli/medilora.js", import.meta.url));
  for (const options of ["--version", "--help"]) {
    const command = `'${process.execPath}' '${script}' ${options} > /dev/full`;
    const { status, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
    assert.equal(status, 1, options);
    assert.match(stderr, /^medilora: No space left while writing stdout\..* \[DISK_FULL\]\n$/, options);
  }
});

test("--json turns failures into one JSON document", async () => {
  const action = `throw new MediloraError("DISK_FULL", "No space left.");`;
  const { code, stdout, stderr } = await runAction(action, { args: ["--json"] });
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(stdout), { error: { code: "DISK_FULL", message: "No space left." } });
  assert.equal(stderr, "");
});
