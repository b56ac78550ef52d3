import assert from "node:assert/strict";
import { test } from "node:test";
import { blanks } from "../../dist/data/text/blanks.js";
import { characters } from "../../dist/data/text/characters.js";
import { applyRules } from "../../dist/data/text/rule.js";

function check(apply: (text: string) => string, cases: ReadonlyArray<readonly [string, string]>): void {
  for (const [text, expected] of cases) assert.equal(apply(text), expected, JSON.stringify(text));
}

test("characters: line ends, blanks and invisible characters", () => {
  check(characters.apply, [
    ["a\r\nb\rc\nd", "a\nb\nc\nd"],
    ["a\u0085b\u2028c\u2029d", "a\nb\nc\nd"],
    ["a\tb\u00a0c\u2003d\u3000e\u202ff\fg\u000bh", "a b c d e f g h"],
    ["so\u00adft\u200b \ufeffx\u0000y\u001bz\u200ew", "soft xyzw"],
    ["37 \u00b0C, \u03b2-blocker, \u00b5g, caf\u00e9", "37 \u00b0C, \u03b2-blocker, \u00b5g, caf\u00e9"],
    ["", ""],
  ]);
});

test("blanks: runs, line edges, blank lines", () => {
  check(blanks.apply, [
    ["a  b   c", "a b c"],
    [" a \n  b  \n", "a\nb"],
    ["a\n\n\n\nb\n\nc\nd", "a\n\nb\n\nc\nd"],
    ["a\n  \n b", "a\n\nb"],
    ["   \n ", ""],
    ["", ""],
    ["ab", "ab"],
  ]);
});

test("blanks: no space in front of punctuation that ends a word", () => {
  check(blanks.apply, [
    ["pain .", "pain."],
    ["a , b ; c : d", "a, b; c: d"],
    ["a , , b", "a,, b"],
    ["dose of .5 mg", "dose of .5 mg"],
    ["ratio :1 and , b", "ratio :1 and, b"],
    ["a\n, b", "a\n, b"],
    ["a  ,b", "a ,b"],
  ]);
});

test("rules are applied in their order, and each step is told", () => {
  const steps: string[] = [];
  const upper = { name: "u@1", apply: (text: string) => text.toUpperCase() };
  const twice = { name: "t@1", apply: (text: string) => `${text}${text}` };
  assert.equal(
    applyRules("a", [upper, twice], ({ name }, text) => steps.push(`${name} ${text}`)),
    "AA",
  );
  assert.deepEqual(steps, ["u@1 A", "t@1 AA"]);
});
