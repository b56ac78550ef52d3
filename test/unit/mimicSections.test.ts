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

/** Files of labelled notes, with their notes and labelled sections. */
const LABELLED = [
  ["labelled-notes.txt", 40, 231],
  ["labelled-notes-2.txt", 24, 183],
] as const;

test("labelled notes: sections with the right name, start and end", () => {
  for (const [file, count, labels] of LABELLED) {
    const notes = labelledNotes(file);
    assert.equal(notes.length, count);
    const { precision, recall, wanted } = scoreSections(notes, (text) =>
      findSections(text).filter(({ name }) => name !== "other"),
    );
    assert.equal(wanted, labels);
    assert.ok(precision >= 0.95 && recall >= 0.95, `${file}: precision ${precision}, recall ${recall}`);
  }
});

test("the same after the rules that come before the sections", () => {
  for (const [file] of LABELLED) {
    let right = 0;
    let found = 0;
    let wanted = 0;
    for (const { text, sections } of labelledNotes(file)) {
      const expected = sections.map(({ name }) => name);
      const mine = cleanNote(text, all).sections;
      found += mine.length;
      wanted += expected.length;
      right += longestCommonSubsequence(mine, expected);
    }
    assert.ok(
      right / found >= 0.95 && right / wanted >= 0.95,
      `${file}: ${right} of ${found} found, ${wanted} labelled`,
    );
  }
});

test("every spelling is found as a header alone on its line, with a colon", () => {
  for (const [spelling, name] of HEADERS)
    for (const header of [spelling.toUpperCase(), spelling.charAt(0).toUpperCase() + spelling.slice(1), spelling])
      assert.deepEqual(names(`${header}:\ntext`), [spelling === "findings" ? "other" : name], header);
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

test("forms of one header", () => {
  for (const header of [
    "# HPI",
    "** HPI **",
    "**HPI:**",
    "HPI -",
    "HPI - ",
    "== HPI ==",
    "1. HPI",
    "2) HPI:",
    "- HPI:",
    "HPI",
    "hpi:",
    "Hpi :",
    "> HPI:",
    "HPI ([**2151-7-16**]):",
    "HPI [**2151-7-16**]:",
  ]) {
    const text = `${header}${header.endsWith("-") ? " " : "\n"}a cough`;
    assert.deepEqual(names(text), ["history_of_present_illness"], header);
    const merged = mergeSections(text, findSections(text), all);
    assert.match(merged, /^hpi(?: \(?\[.*\]\)?)?:\na cough$/i, header);
  }
  for (const text of [
    "- Diet: regular",
    "1. Pain: none",
    "-- and then",
    "# 30 tablets",
    "EGD\nbanding",
    "Hospital - Boston",
  ])
    assert.deepEqual(names(text), [], text);
  assert.deepEqual(names("a cough\n24 Hour Events:\nslept"), ["history_of_present_illness"]);
  assert.deepEqual(names("Flowsheet Data as of  10:30 AM\nHR: 80"), ["other"]);
});

test("items and sentences of a course, a plan or instructions begin no section, what comes behind them does", () => {
  const course = "HOSPITAL COURSE:\n# Sepsis: better. MEDICATIONS: see below.\n";
  const cases: Array<[string, string[]]> = [
    [`${course}1. Diabetes: Labs: A1c 8.\n# PE: heparin\n# Code status: full`, ["hospital_course"]],
    [`${course}Meds: as before`, ["hospital_course"]],
    [`${course}TTE: repeated`, ["hospital_course"]],
    [`${course}PE: on heparin`, ["hospital_course"]],
    [`${course}\nMeds: as before`, ["hospital_course", "medications"]],
    [`${course}Meds:\nasa`, ["hospital_course", "medications"]],
    [`${course}MEDS: asa`, ["hospital_course", "medications"]],
    [`${course}4. DISCHARGE DIAGNOSIS: sepsis`, ["hospital_course", "discharge_diagnosis"]],
    [`${course}Discharge Diagnosis: sepsis`, ["hospital_course", "discharge_diagnosis"]],
    ["HOSPITAL COURSE: He slept. Plan: rest. PLAN: more rest.", ["hospital_course", "assessment_and_plan"]],
    ["1. HOSPITAL COURSE: slept\n2. ALLERGIES: none", ["hospital_course", "allergies"]],
    ["Assessment: flu. Plan: rest.", ["assessment_and_plan", "assessment_and_plan"]],
    ["Assessment: 1. Flu. Plan: rest.", ["assessment_and_plan"]],
    ["Discharge Instructions:\nMedications: take them.\nAllergies:\nnone", ["discharge_instructions"]],
    ["PMH:\n1. gout\n2. OTHER PAST MEDICAL HISTORY: none\n3. ALLERGIES: sulfa", ["past_medical_history", "allergies"]],
  ];
  for (const [text, expected] of cases) assert.deepEqual(names(text), expected, text);
});

test("inside imaging a study or an impression begins nothing, findings are imaging behind a radiologist's headers", () => {
  assert.deepEqual(names("IMAGING: film\nCT ABDOMEN: clear\nIMPRESSION: clear"), ["imaging"]);
  assert.deepEqual(names("LABS: K 4\nCXR [**7-16**]: clear\nEKG: paced\nLABS: K 3"), [
    "laboratory_studies",
    "imaging",
    "laboratory_studies",
  ]);
  assert.deepEqual(names("COMPARISON: none\nFINDINGS: clear\nIMPRESSION: clear"), ["other", "imaging"]);
  assert.deepEqual(names("ANESTHESIA: general\nINDICATION: pain\nFINDINGS: pus\nPROCEDURE: cut"), [
    "other",
    "other",
    "other",
    "other",
  ]);
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
