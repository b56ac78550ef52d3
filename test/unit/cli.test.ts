import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runCli } from "./helpers/cli.js";

const root = new URL("../../", import.meta.url);
const sample = fileURLToPath(new URL("assets/sample/pubmedqa-synthetic.json", root));
const evalScript = fileURLToPath(new URL("dist/cli/medilora-eval.js", root));
const version = (JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { version: string }).version;

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-cli-"));
});
after(async () => {
  await rm(folder, { recursive: true });
});

/** For `--import`: says on stderr when the process loads an addon, or a module that only commands at work need. */
const HOOKS = `export async function load(url, context, next) {
  if (/native.load|node_modules.(zod|yaml|node-llama-cpp)/.test(url)) process._rawDebug("import " + url);
  return next(url, context);
}`;
const SPY = dataUrl(`
  import { register } from "node:module";
  const load = process.dlopen;
  process.dlopen = function (module, path, ...rest) {
    process.stderr.write("dlopen " + path + "\\n");
    return load.call(this, module, path, ...rest);
  };
  register(${JSON.stringify(dataUrl(HOOKS))});`);

function dataUrl(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

test("--help lists the commands, exits with 0 and loads no native code", async () => {
  const { code, stdout, stderr } = await runCli(["--help"], { nodeArgs: ["--import", SPY] });
  assert.equal(code, 0);
  for (const name of ["prepare", "preview", "train", "merge", "imatrix", "quantize", "perplexity", "eval", "debug"])
    assert.match(stdout, new RegExp(`^  ${name} `, "m"));
  assert.equal(stderr, "");
});

test("the spy on native code would see it", async () => {
  const { stderr } = await runCli(["quantize", "--type", "list"], { nodeArgs: ["--import", SPY] });
  assert.match(stderr, /import .*native\/load\.js/);
});

test("every command has its own help, without native code", async () => {
  const commands = [
    ["prepare", "pubmedqa"],
    ["preview"],
    ["train"],
    ["merge"],
    ["imatrix"],
    ["quantize"],
    ["perplexity"],
    ["eval"],
    ["debug", "gradients"],
  ];
  for (const command of commands) {
    const { code, stdout, stderr } = await runCli([...command, "--help"], { nodeArgs: ["--import", SPY] });
    assert.equal(code, 0, command.join(" "));
    assert.ok(stdout.startsWith(`Usage: medilora ${command.join(" ")}`), stdout);
    assert.equal(stderr, "");
  }
});

test("medilora-eval is the eval command under its own name", async () => {
  const { code, stdout } = await runCli(["--help"], { script: evalScript });
  assert.equal(code, 0);
  assert.match(stdout, /^Usage: medilora-eval \[options\] \[models\.\.\.\]/);
  assert.match(stdout, /--sampler <preset>/);
  const missing = await runCli([], { script: evalScript });
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /^medilora: missing required argument 'models' \[ARGUMENT_INVALID\]\n$/);
});

test("--version prints the package's version", async () => {
  const { code, stdout } = await runCli(["--version"]);
  assert.deepEqual([code, stdout], [0, `${version}\n`]);
});

test("a wrong command line exits with 2 and suggests the near name", async () => {
  const cases: Array<[string[], RegExp]> = [
    [["trian"], /^medilora: unknown command 'trian' \(Did you mean train\?\) \[ARGUMENT_INVALID\]\n$/],
    [["merge", "--bsae", "x"], /^medilora: unknown option '--bsae' \(Did you mean --base\?\) \[ARGUMENT_INVALID\]\n$/],
    [["train"], /^medilora: missing required argument 'config' \[ARGUMENT_INVALID\]\n$/],
    [["quantize", "--type", "Q3_K_L"], /^medilora: missing required argument 'input' \[ARGUMENT_INVALID\]\n$/],
    [["quantize", "in.gguf", "--type", "Q3_K_L"], /missing required argument 'output'/],
    [["eval", "m.gguf", "--data", "d", "--limit", "0"], /--limit <n>.*whole number from 1 on/],
    [["eval", "m.gguf", "--data", "d", "--seed", "4294967296"], /whole number from 0 to 4294967295/],
    [["eval", "m.gguf", "--data", "d", "--sampler", "top40"], /Allowed choices are llama-cpp-python-2023/],
    [["preview", "rows.jsonl"], /--model is missing/],
    [["prepare", "pubmedqa", sample, "--output", "x", "--eval-size", "3"], /evalOutput and evalSize go together/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await runCli(args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
    assert.equal(stdout, "");
  }
});

test("no command at all shows the help on stderr and exits with 2", async () => {
  for (const args of [[], ["prepare"], ["debug"]]) {
    const { code, stdout, stderr } = await runCli(args);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^Usage: medilora/);
  }
});

test("--json makes errors one JSON document on stdout", async () => {
  const usage = await runCli(["trian", "--json"]);
  assert.equal(usage.code, 2);
  assert.deepEqual(JSON.parse(usage.stdout), {
    error: { code: "ARGUMENT_INVALID", message: "unknown command 'trian' (Did you mean train?)" },
  });
  const missing = join(folder, "missing.json");
  const failure = await runCli(["prepare", "pubmedqa", missing, "--output", join(folder, "out.jsonl"), "--json"]);
  assert.equal(failure.code, 1);
  assert.deepEqual(JSON.parse(failure.stdout), {
    error: { code: "FILE_NOT_FOUND", message: `${missing} does not exist. Check the path.` },
  });
  assert.equal(failure.stderr, "");
});

test("an unknown key of the configuration is named with the near one, in the file and in --set", async () => {
  const path = join(folder, "run.yaml");
  await writeFile(
    path,
    "base_model: m.gguf\nadapter: qlora\ndatasets: [{path: a.jsonl, type: chatml}]\noutput_dir: o\n",
  );
  const set = await runCli(["train", path, "--set", "learning_rte=1e-4"]);
  assert.equal(set.code, 1);
  assert.match(set.stderr, /learning_rte: is no known key\. Did you mean learning_rate\?\s*\[CONFIG_INVALID\]/);
  await writeFile(
    path,
    "bse_model: m.gguf\nadapter: qlora\ndatasets: [{path: a.jsonl, type: chatml}]\noutput_dir: o\n",
  );
  const file = await runCli(["train", path]);
  assert.equal(file.code, 1);
  assert.match(file.stderr, /bse_model: is no known key\. Did you mean base_model\?/);
});

test("prepare prints a summary, or the manifest as JSON, and exits with 0", async () => {
  const output = join(folder, "train.jsonl");
  const held = join(folder, "held.json");
  const args = ["prepare", "pubmedqa", sample, "--output", output, "--eval-output", held, "--eval-size", "60"];
  const text = await runCli(args);
  assert.equal(text.code, 0);
  assert.equal(
    text.stdout,
    `360 of 360 records used\ntrain  ${output}: 300 rows, 355462 characters (165 yes, 102 no, 33 maybe)\n` +
      `eval   ${held}: 60 rows, 70625 characters (33 yes, 20 no, 7 maybe)\n`,
  );
  const json = await runCli([...args, "--limit", "100", "--seed", "7", "--answer", "label", "--json"]);
  const manifest = JSON.parse(json.stdout) as {
    seed: number;
    rules: { answer: string };
    counts: { used: number; skipped: Record<string, number> };
  };
  assert.equal(manifest.seed, 7);
  assert.equal(manifest.rules.answer, "pubmedqa/label@1");
  assert.equal(manifest.counts.used, 100);
  assert.equal(manifest.counts.skipped["over-limit"], 260);
});
