import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanNote } from "../../dist/data/mimic/rules.js";
import { HEADERS, SECTION_NAMES, type SectionName } from "../../dist/data/mimic/sectionNames.js";
import { findSections, mergeSections } from "../../dist/data/mimic/sections.js";
import { labelledNotes, scoreSections } from "./helpers/labelledNotes.js";

const all: ReadonlySet<SectionName> = new Set(SECTION_NAMES);

function names(text: string): string[] {
  return findSections(text).map(({ name }) => name);
}

test("forty labelled notes: sections with the right name, start and end", () => {
  const notes = labelledNotes("labelled-notes.txt");
  assert.equal(notes.length, 40);
  const { precision, recall, wanted } = scoreSections(notes, (text) =>
    findSections(text).filter(({ name }) => name !== "other"),
  );
  assert.ok(wanted > 200, `only ${wanted} labelled sections`);
  assert.ok(precision >= 0.95 && recall >= 0.95, `precision ${precision}, recall ${recall}`);
});

test("the same after the rules that come before the sections", () => {
  let right = 0;
  let found = 0;
  let wanted = 0;
  for (const { text, sections } of labelledNotes("labelled-notes.txt")) {
    const expected = sections.map(({ name }) => name);
    const mine = cleanNote(text, all).sections;
    found += mine.length;
    wanted += expected.length;
    right += longestCommonSubsequence(mine, expected);
  }
  assert.ok(right / found >= 0.95 && right / wanted >= 0.95, `${right} of ${found} found, ${wanted} labelled`);
});

test("every spelling is found as a header alone on its line, with a colon", () => {
  for (const [spelling, name] of HEADERS)
    for (const header of [spelling.toUpperCase(), spelling.charAt(0).toUpperCase() + spelling.slice(1), spelling])
      assert.deepEqual(names(`${header}:\ntext`), [name], header);
});

test("words of headers in prose are none", () => {
  for (const text of [
    "Her medications were changed, and her allergies: none of them new, are listed.",
    "The plan: surgery.",
    "We discussed the social history: it was long.",
    "Allergies were reviewed. The results came.",
    "A known family history of gout",
    "Time: 10:30",
    ":::",
    "",
  ])
    assert.deepEqual(names(text), [], text);
});

test("offsets: the header's first character, the one behind its colon, the next header", () => {
  const text = "Intro. ALLERGIES: none. MEDICATIONS : a";
  assert.deepEqual(findSections(text), [
    { name: "allergies", start: 7, bodyStart: 17, end: 24 },
    { name: "medications", start: 24, bodyStart: 37, end: 39 },
  ]);
});

test("the header may be wrapped, numbered, or followed by a parenthesis", () => {
  assert.deepEqual(names("well. PAST MEDICAL\n  HISTORY: none"), ["past_medical_history"]);
  assert.deepEqual(names("PHYSICAL\nEXAMINATION: well"), ["physical_examination"]);
  assert.deepEqual(names("1. ALLERGIES: none"), ["allergies"]);
  assert.deepEqual(names("Medications (home): a"), ["medications"]);
  assert.deepEqual(names("HOSPITAL COURSE - he slept"), ["hospital_course"]);
  assert.deepEqual(names("HOSPITAL COURSE  he slept"), ["hospital_course"]);
  assert.deepEqual(names("HOSPITAL COURSE he slept"), []);
});

test("inside imaging an impression begins nothing", () => {
  assert.deepEqual(names("IMAGING: film\nIMPRESSION: clear"), ["imaging"]);
  assert.deepEqual(names("ALLERGIES: none\nIMPRESSION: flu"), ["allergies", "assessment_and_plan"]);
});

test("merging keeps the chosen ones in order, each behind its own header", () => {
  const text = "Sex: F\nADMISSION LABS:  a\nHPI: b\nMEDICATIONS:\n\nPAST MEDICAL\nHISTORY: c\n2. DISCHARGE LABS: d";
  const sections = findSections(text);
  assert.equal(
    mergeSections(text, sections, all),
    "ADMISSION LABS:\na\n\nHPI:\nb\n\nPAST MEDICAL HISTORY:\nc\n\nDISCHARGE LABS:\nd",
  );
  assert.equal(mergeSections(text, sections, new Set(["history_of_present_illness"] as const)), "HPI:\nb");
  assert.equal(mergeSections(text, sections, new Set(["allergies"] as const)), "");
});

function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  let previous = new Array<number>(b.length + 1).fill(0);
  for (const one of a) {
    const row = [0];
    for (let j = 0; j < b.length; j++) row.push(one === b[j] ? previous[j]! + 1 : Math.max(previous[j + 1]!, row[j]!));
    previous = row;
  }
  return previous[b.length]!;
}
