import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { parse } from "yaml";
import { parseTrainConfig } from "../../dist/config/load.js";
import { defineTask } from "../../dist/eval/define/defineTask.js";
import type { TaskDefinition } from "../../dist/eval/define/schema.js";
import { parsePipeline } from "../../dist/pipeline/load.js";
import { repoFile } from "../native/helpers.js";
import { anchors, type CodeBlock, codeBlocks, documents, prose } from "../unit/helpers/markdown.js";
import { allFlags, commandProblem, ourCommands, unknownNames } from "../unit/helpers/shellCommands.js";

const blocks = documents().flatMap((path) => codeBlocks(path));
const blocksOf = (language: string): CodeBlock[] => blocks.filter((block) => block.language === language);

/** Checks every command of the blocks; `problemOf` says what is wrong, or nothing. */
function checkCommands(language: string, problemOf: (command: string[]) => string | undefined): void {
  const commands = blocksOf(language).flatMap(({ where, text }) =>
    ourCommands(text).map((command) => ({ where, command })),
  );
  const problems = commands.flatMap(({ where, command }) => {
    const problem = problemOf(command);
    return problem === undefined ? [] : [`${where}: ${command.join(" ")}: ${problem}`];
  });
  assert.deepEqual(problems, []);
  assert.ok(commands.length >= 20, `only ${commands.length} commands were found`);
}

test("shell blocks hold command lines that the CLI takes", () => {
  checkCommands("sh", commandProblem);
});

test("synopses and indented commands name commands and flags that exist", () => {
  checkCommands("indented", (command) => unknownNames(command).join(", ") || undefined);
});

/** Flags of other programs that the text speaks of: the benches, Slurm, container engines. */
const FOREIGN = new Set(["--quick", "--cpus-per-task", "--cpus"]);

test("commands and flags inside sentences exist", () => {
  const known = allFlags();
  const wrong: string[] = [];
  for (const path of documents())
    for (const [, code] of prose(path).matchAll(/`([^`]+)`/g)) {
      const flag = /^--[a-z-]*[a-z]/.exec(code!)?.[0];
      const unknown = [
        ...(flag === undefined || known.has(flag) || FOREIGN.has(flag) ? [] : [flag]),
        ...ourCommands(code!.replace(/\n/g, " ")).flatMap(unknownNames),
      ];
      if (unknown.length > 0) wrong.push(`${path}: ${code}: ${unknown.join(", ")}`);
    }
  assert.deepEqual(wrong, []);
  assert.ok(known.size > 50);
});

test("YAML blocks are configurations, pipelines or tasks that are taken", () => {
  for (const { where, text } of blocksOf("yaml")) {
    const object = parse(text) as Record<string, unknown>;
    const check = (): unknown => {
      if ("kind" in object) return defineTask(object as TaskDefinition & { kind: "generation" });
      return Array.isArray(object.train) ? parsePipeline(object) : parseTrainConfig(object);
    };
    assert.doesNotThrow(check, where);
  }
  assert.ok(blocksOf("yaml").length >= 5);
});

test("TypeScript blocks compile against the package's types", async () => {
  // Inside the package, so that it finds itself by its name.
  const folder = await mkdtemp(repoFile("test-dist/docs-"));
  try {
    const examples = blocksOf("ts");
    assert.ok(examples.length >= 5);
    const files = examples.map((_, i) => join(folder, `block${i}.mts`));
    await Promise.all(examples.map(({ text }, i) => writeFile(files[i]!, `${text}\nexport {};\n`)));
    const problems = compile(files).map(
      ({ file, messageText }) =>
        `${examples[files.indexOf(file?.fileName ?? "")]?.where}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
    assert.deepEqual(problems, []);
  } finally {
    await rm(folder, { recursive: true });
  }
});

function compile(files: string[]): readonly ts.Diagnostic[] {
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2023,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ["node"],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  });
  return ts.getPreEmitDiagnostics(program);
}

test("relative links lead to files and headings", () => {
  const broken: string[] = [];
  let checked = 0;
  for (const path of documents())
    for (const [, target] of prose(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      checked += 1;
      if (!leadsSomewhere(path, target!)) broken.push(`${path}: ${target}`);
    }
  assert.deepEqual(broken, []);
  assert.ok(checked >= 50, `only ${checked} links were found`);
});

function leadsSomewhere(from: string, target: string): boolean {
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? from : join(dirname(from), file);
  if (!existsSync(repoFile(path))) return false;
  return anchor === undefined || (!statSync(repoFile(path)).isDirectory() && anchors(path).has(anchor));
}

test("the checks find what is wrong", () => {
  assert.match(commandProblem(["medilora", "quantise", "a", "b"]) ?? "", /unknown command/);
  assert.match(commandProblem(["medilora", "train", "a.yaml", "--resme"]) ?? "", /unknown option/);
  assert.match(commandProblem(["medilora", "merge", "--base", "b.gguf"]) ?? "", /required option/);
  assert.equal(commandProblem(["medilora-eval", "m.gguf", "--task", "pubmedqa"]), undefined);
  assert.deepEqual(unknownNames(["medilora", "merge", "--base", "B", "[--sclae", "X]"]), ["--sclae"]);
  assert.deepEqual(unknownNames(["medilora", "prepare", "pubmedqa|medqb", "IN"]), ["medqb"]);
  assert.deepEqual(ourCommands("npx medilora doctor --json > a.json # why\ncd /tmp"), [
    ["medilora", "doctor", "--json"],
  ]);
  assert.equal(leadsSomewhere("docs/cli.md", "evaluation.md#no-such-heading"), false);
  assert.equal(leadsSomewhere("docs/cli.md", "evaluation.md#strategies"), true);
  const [block] = codeBlocks("x.md", "text\n\n```sh\nmedilora doctor\n```\n");
  assert.deepEqual(block, { where: "x.md, line 3", language: "sh", text: "medilora doctor\n" });
});
