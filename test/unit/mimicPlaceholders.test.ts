import assert from "node:assert/strict";
import { test } from "node:test";
import { isRange, placeholderKind } from "../../dist/data/mimic/placeholderKinds.js";
import { placeholderSpans } from "../../dist/data/mimic/placeholderSpans.js";
import { placeholders } from "../../dist/data/mimic/placeholders.js";

function check(cases: ReadonlyArray<readonly [string, string]>): void {
  for (const [text, expected] of cases) assert.equal(placeholders.apply(text), expected, JSON.stringify(text));
}

test("what a placeholder stands for", () => {
  const kinds: Array<[string, string]> = [
    ["2151-7-16", "date"],
    ["7-16", "date"],
    ["Month/Day (2) 1096", "date"],
    ["Date range (1) 8", "date"],
    ["Known lastname 5501", "patient"],
    ["Known firstname", "patient"],
    ["Last Name (STitle) 1021", "name"],
    ["Name10 (NameIs) 3", "name"],
    ["Initials (NamePattern4) 2", "name"],
    ["Hospital1 18", "hospital"],
    ["Hospital Ward Name 332", "ward"],
    ["Hospital Unit Name 153", "unit"],
    ["Holiday 5", "date"],
    ["Location (un) 86", "place"],
    ["Street Address(2) 4", "place"],
    ["Age over 90 ", "age"],
    ["Telephone/Fax (1) 40112", "other"],
    ["Medical Record Number 5", "other"],
    ["Job Number 33", "other"],
    ["", "other"],
  ];
  for (const [content, kind] of kinds) assert.equal(placeholderKind(content), kind, content);
  assert.deepEqual(["5-7", " 12-25 ", "2151-7-16", "7/16", "5", "Name 5-7"].map(isRange), [
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test("spans: pairs, markers without counterpart, and what is too long", () => {
  const spans = (text: string) => [...placeholderSpans(text)].map(({ start, end, content }) => [start, end, content]);
  assert.deepEqual(spans("a [**b**] c"), [[2, 9, "b"]]);
  assert.deepEqual(spans("[**a[**b**]"), [
    [0, 3, undefined],
    [4, 11, "b"],
  ]);
  assert.deepEqual(spans("**] [**"), [
    [0, 3, undefined],
    [4, 7, undefined],
  ]);
  // A date or the name of a kind goes with a marker that was not closed, other words do not.
  assert.deepEqual(spans("a [**2151-7-16 b"), [[2, 14, "2151-7-16"]]);
  assert.deepEqual(spans("[**Last Name (STitle) 7** b"), [[0, 25, "Last Name (STitle) 7"]]);
  assert.deepEqual(spans("[**Known lastname 7] b"), [[0, 20, "Known lastname 7"]]);
  assert.deepEqual(spans("[**Aspirin 81 mg"), [[0, 3, undefined]]);
  assert.deepEqual(spans("[***]"), [[0, 3, undefined]]);
  assert.deepEqual(spans("[****]"), [[0, 6, ""]]);
  assert.deepEqual(spans(`[**${"x".repeat(200)}**]`)[0]?.slice(0, 2), [0, 206]);
  assert.deepEqual(spans(`[**${"x".repeat(201)}**]`), [
    [0, 3, undefined],
    [204, 207, undefined],
  ]);
});

test("people", () => {
  check([
    ["Mr. [**Known lastname 1**] is a 62 year old man.", "The patient is a 62 year old man."],
    ["We told Mrs. [**Last Name (un) 2**] so.", "We told the patient so."],
    ["[**Known firstname 1**] [**Known lastname 2**] slept.", "The patient slept."],
    ["[**Known lastname 1**]'s wound", "The patient's wound"],
    ["seen by Dr. [**First Name (STitle) 1**] [**Last Name (STitle) 2**] today", "seen by the physician today"],
    ["seen by Dr.[**Last Name (STitle) 2**].", "seen by the physician."],
    ["His daughter, Mrs. [**Name (NI) 3**], called", "His daughter called"],
    ["His wife [**First Name8 (NamePattern2) 1**] called", "His wife called"],
    ["discussed with [**Name (NI) 1**].", "discussed."],
    ["The patient [**Known lastname 1**] slept", "The patient slept"],
  ]);
});

test("places, dates and numbers, with what led to them", () => {
  check([
    ["admitted on [**2151-7-16**] with fever", "admitted with fever"],
    ["On [**2151-7-16**], the fever rose", "The fever rose"],
    ["In [**2149**] he had a stroke.", "He had a stroke."],
    ["we met from [**7-1**] to [**7-4**] again", "we met again"],
    ["admitted on\n[**7-16**] with fever", "admitted with fever"],
    ["moved to [**Hospital1 18**] at noon", "moved to the hospital at noon"],
    ["an outside [**Hospital**] and the [**Hospital1 3**] ED", "an outside hospital and the hospital ED"],
    ["the [**Hospital Ward Name 12**]", "the ward"],
    ["lives in [**Location (un) 1**].", "lives."],
    ["a surgeon ([**Telephone/Fax (1) 5**]) called", "a surgeon called"],
    ["record #[**Numeric Identifier 5**] was lost", "record was lost"],
    ["a [**Age over 90 **] year old", "an over 90 year old"],
    ["A [**Age over 90 **] year-old, [**Age over 90 **] now", "An over 90 year-old, over 90 now"],
    ["Mr. [**Known lastname 1**], [**2151-7-16**], 55 years", "The patient, 55 years"],
    ["from home, [**Location (un) 1**] , [**7-16**], 55", "from home, 55"],
    ["seen [[**7-16**]] at noon", "seen at noon"],
    ["WBC on [**7-16**]: 10.2 K/uL", "WBC: 10.2 K/uL"],
    ["[**2151-7-16**] 06:10AM BLOOD WBC-8.1*", "06:10AM BLOOD WBC-8.1*"],
    ["[**Hospital1 18**]ED", "The hospital ED"],
  ]);
});

test("broken markers go, and nothing else", () => {
  check([
    ["a [** b", "a   b"],
    ["a **] b", "a   b"],
    ["no marker [x] ** here", "no marker [x] ** here"],
    ["", ""],
    ["[**x**]", ""],
  ]);
  // Removing one marker must not make another.
  for (const text of ["[[**x**]**y", "[[****", "*[**x**]*]", "**([**1**])]", "[[[****]**a"]) {
    const result = placeholders.apply(text);
    assert.ok(!result.includes("[**") && !result.includes("**]"), JSON.stringify([text, result]));
  }
});
