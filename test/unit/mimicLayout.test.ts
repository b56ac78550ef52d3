import assert from "node:assert/strict";
import { test } from "node:test";
import { brackets } from "../../dist/data/mimic/brackets.js";
import { fields } from "../../dist/data/mimic/fields.js";
import { isListItem, lists } from "../../dist/data/mimic/lists.js";
import { rulers } from "../../dist/data/mimic/rulers.js";
import { wraps } from "../../dist/data/mimic/wraps.js";
import type { TextRule } from "../../dist/data/text/rule.js";

function check({ apply }: TextRule, cases: ReadonlyArray<readonly [string, string]>): void {
  for (const [text, expected] of cases) assert.equal(apply(text), expected, JSON.stringify(text));
}

test("brackets become round, check boxes stay, editorial marks go", () => {
  check(brackets, [
    ["K 3.1 [3.5-5.0] low", "K 3.1 (3.5-5.0) low"],
    ["[x] fever [ ] chills [X] cough { } rash [] pain", "[x] fever [ ] chills [X] cough { } rash [] pain"],
    ["Na 140 [mmol/L], {mmol/L}", "Na 140 (mmol/L), (mmol/L)"],
    ["[left] knee, [II/VI] murmur, [6-7] days", "(left) knee, (II/VI) murmur, (6-7) days"],
    ["[illegible] [?] {Patient name} {insert date}", "       "],
    ["clean [sic], dry", "clean  , dry"],
    ["{template} and {2 mg}", "  and (2 mg)"],
    ["(kept) and <1.0", "(kept) and <1.0"],
    ["a [ b", "a   b"],
    ["a ] b }", "a   b  "],
    ["[a [1] b]", " a (1) b "],
    ["[a}", " a "],
    ["[] ]", "[]  "],
    ["[one\n\ntwo]", " one\n\ntwo "],
    ["[one\ntwo]", "(one\ntwo)"],
  ]);
  assert.equal(brackets.apply(`[${"x".repeat(201)}]`), ` ${"x".repeat(201)} `);
});

test("blank fields of a form go, drawn boxes stay boxes", () => {
  check(fields, [
    ["Name: [____] Date: {__} (___)", "Name:   Date:    "],
    ["[ ____ ____ ] a", "  a"],
    ["[_] fever (_) rash [x] chills", "[ ] fever [ ] rash [x] chills"],
    ["Pain: ____ /10", "Pain:   /10"],
    ["___ Yes _x_ No", "[ ] Yes [x] No"],
    ["[_X_] a [___] b\n___ c", "[x] a [ ] b\n  c"],
    ["a\n________\n _ _ \nb", "a\n________\n _ _ \nb"],
    ["snake_case a__b _ max_x_y", "snake_case a__b _ max_x_y"],
  ]);
  assert.equal(brackets.apply(fields.apply("Name: [____] left")), "Name:   left");
});

test("rulers: whole lines become empty, runs inside a line a space", () => {
  check(rulers, [
    ["a\n-----\nb", "a\n\nb"],
    ["a\n- - - -\nb\n- - -", "a\n\nb\n"],
    ["- a\n- b\n-\n-   \nc\n- -", "- a\n- b\n-\n-   \nc\n- -"],
    ["***", ""],
    ["+ + +\n- + -\n+++", "+ + +\n- + -\n+++"],
    ["+---+---+\n+ === +", "\n"],
    ["--", "--"],
    ["Name: ________ Date", "Name:   Date"],
    ["Hgb.......12.1", "Hgb 12.1"],
    ["wait... and T-38.9 + ++ --> x", "wait... and T-38.9 + ++ --> x"],
    ["a ==== b\n====", "a   b\n"],
  ]);
});

test("lists: one form of bullets and numbers", () => {
  check(lists, [
    ["* a\n\u2022 b\n# c\n-- d\n-> e", "- a\n- b\n- c\n- d\n- e"],
    ["1) a\n2)b\n3.c\n  4.  d", "1. a\n2. b\n3. c\n4. d"],
    ["** a\n***b\n** HPI **", "- a\n- b\n- HPI **"],
    ["(2) units given\n(3) Heparin", "(2) units given\n(3) Heparin"],
    ["1.5 mg\n#30 tablets\n12/5 shift\n100. x", "1.5 mg\n#30 tablets\n12/5 shift\n100. x"],
    ["+ bowel sounds\n- edema", "+ bowel sounds\n- edema"],
    ["1.\nAspirin\n2.\n\n  Heparin", "1. Aspirin\n2. Heparin"],
    ["1.\n2. b", "1.\n2. b"],
    ["last 3.\n4.", "last 3.\n4."],
    ["-\n-\na", "- -\na"],
  ]);
  assert.deepEqual(["- a", "2. b", "  + c", "-a", "2.5 mg", "word"].map(isListItem), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

const long = "The patient was brought in by ambulance after he was found"; // 58 characters
const middle = "He was then seen by the medical team and was"; // 44 characters

test("wraps: a line goes behind a long one, or behind one that ends open when it goes on in lower case", () => {
  check({ ...wraps }, [
    [`${long}\non the floor.\nNext`, `${long} on the floor.\nNext`],
    [`${long}\nBy his wife.`, `${long} By his wife.`],
    [`${middle}\nwell.`, `${middle} well.`],
    [`${middle}\nWell.`, `${middle}\nWell.`],
    [`${middle}.\nwell`, `${middle}.\nwell`],
    ["aspirin 81 mg\natorvastatin 20 mg", "aspirin 81 mg\natorvastatin 20 mg"],
    [`${long}\n(2) units were given.`, `${long} (2) units were given.`],
    [`${long} in follow-\nup`, `${long} in follow-up`],
    [`${long} in his/\nher`, `${long} in his/her`],
    [`  ${long}  \n   there.`, `  ${long} there.`],
  ]);
});

test("wraps: what begins anew stays on its line", () => {
  for (const line of [
    "",
    "- item",
    "2. item",
    "(2) Item",
    "CV: regular",
    "Past Medical History: none",
    "Physical Exam (on transfer): well",
    "PMH - AF, HTN",
    "- PMH",
    "06:10AM BLOOD WBC-8.1",
    "[**2151-7-16**] 06:10AM BLOOD WBC-8.1",
    "SOCIAL HISTORY",
    "Physical Exam",
    "FLUIDS, ELECTROLYTES AND NUTRITION: fed",
  ])
    assert.equal(wraps.apply(`${long}\n${line}`), `${long}\n${line}`);
  assert.equal(wraps.apply("a\n\nb\n"), "a\n\nb\n");
  assert.equal(wraps.apply(""), "");
});
