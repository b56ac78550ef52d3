import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GUIDELINE_RULES } from "../../dist/data/guidelines.js";
import { placeholders } from "../../dist/data/mimic/placeholders.js";
import { cleanNote, MIMIC_RULES } from "../../dist/data/mimic/rules.js";
import { SECTION_NAMES } from "../../dist/data/mimic/sectionNames.js";
import { findSections, mergeSections, SECTIONS_RULE } from "../../dist/data/mimic/sections.js";
import { characters } from "../../dist/data/text/characters.js";
import type { TextRule } from "../../dist/data/text/rule.js";
import { stripRule, unicode } from "../../dist/data/textbookText.js";

const all = new Set(SECTION_NAMES);
const sections: TextRule = { name: SECTIONS_RULE, apply: (text) => mergeSections(text, findSections(text), all) };
const RULES: readonly TextRule[] = [
  ...new Map(
    [...MIMIC_RULES, sections, ...GUIDELINE_RULES, unicode, stripRule("symbols"), stripRule("all")].map((rule) => [
      rule.name,
      rule,
    ]),
  ).values(),
];
/** Rules whose documentation promises it. */
const IDEMPOTENT = [
  "text/characters@1",
  "text/blanks@1",
  "mimic/placeholders@2",
  "mimic/brackets@2",
  "mimic/rulers@2",
  "guidelines/references@2",
  "guidelines/boilerplate@2",
  "textbook/unicode@1",
  "textbook/strip-symbols@1",
  "textbook/strip-all@1",
];

/** Strings of what the rules look for, with arbitrary ones between. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ..."[,],{,},(,),[**,**],*,-,_,=,.,:,;, ,  ,\n,\n\n,#,1.,2),3,ALLERGIES:,Plan:,HPI,Dr. ,Mr. ,on ".split(","),
      ),
      fc.constantFrom(
        ",",
        "[**Known lastname 1**]",
        "[**2151-7-16**]",
        "[3.5]",
        "References\n",
        "\n3. Smith J, Doe A. Title. Lancet 2010;375:123-30.\n",
        "\nDoe A. Report, 2016.\n",
        "[ ]",
        "[x]",
        "+ + +",
        "# Heading\n",
        "copyright ",
      ),
      fc.constantFrom(
        "The patient was brought in by ambulance after he was found",
        "\u0301",
        "\u00b5",
        "\ufb01",
        "\u212b",
      ),
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: "binary" }),
    ),
    { maxLength: 40, size: "max" },
  )
  .map((parts) => parts.join(""));

test("no rule throws, and none returns anything but a string", () => {
  for (const { name, apply } of RULES)
    fc.assert(
      fc.property(text, (input) => {
        assert.equal(typeof apply(input), "string", name);
      }),
    );
  fc.assert(
    fc.property(text, (input) => {
      cleanNote(input, all);
      cleanNote(input, "whole");
    }),
  );
});

test("idempotent rules are", () => {
  for (const wanted of IDEMPOTENT) {
    const rule = RULES.find(({ name }) => name === wanted);
    assert.ok(rule, wanted);
    fc.assert(
      fc.property(text, (input) => {
        // `blanks` is documented to expect the result of `characters`.
        const once = rule.apply(wanted === "text/blanks@1" ? characters.apply(input) : input);
        assert.equal(rule.apply(once), once, wanted);
      }),
      { numRuns: 2000 },
    );
  }
});

test("no marker of a placeholder or bracket is left, and no number is lost", () => {
  const markers = fc
    .array(
      fc.constantFrom("[", "]", "*", "**", "(", ")", " ", "#", "on ", "Dr. ", "[**1**]", "[**Hospital**]", "[**x**]"),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(markers, (input) => {
      assert.ok(!/\[\*\*|\*\*\]/.test(placeholders.apply(input)));
    }),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(text, (input) => {
      const { text: clean } = cleanNote(input, "whole");
      assert.ok(
        !/\[\*\*|\*\*\]|[[\]{}]/.test(
          clean.replace(/\[ ?[xX*+\u2713\u2714\u2611-]? ?\]|\{ ?[xX*+\u2713\u2714\u2611-]? ?\}/g, ""),
        ),
      );
    }),
    { numRuns: 2000 },
  );
  // Numbers outside of placeholders stay, in their order.
  const digits = (one: string) => one.replace(/[^0-9]/g, "");
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("K 3.1", " [3.5-5.0]", "\n", " 12/5 ", "x", " - ", "{4 mg}", "  ", ":")),
      (parts) => {
        assert.equal(digits(cleanNote(parts.join(""), "whole").text), digits(parts.join("")));
      },
    ),
  );
});

test("sections are in order, do not overlap and lie within the note", () => {
  fc.assert(
    fc.property(text, (input) => {
      let before = 0;
      for (const { start, bodyStart, end } of findSections(input)) {
        assert.ok(start >= before && bodyStart > start && end >= bodyStart && end <= input.length);
        before = end;
      }
    }),
    { numRuns: 1000 },
  );
});

const SIZE = 5 * 2 ** 20;
const fill = (piece: string) => (length: number) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
/** What a careless expression would go through again and again. */
const HARD: Record<string, (length: number) => string> = {
  "one line of prose": fill("The patient was brought in by ambulance after he was found on the floor. "),
  "one line of headers": fill("ALLERGIES: none. PAST MEDICAL HISTORY: gout. Plan: rest. "),
  "opening brackets": fill("["),
  "closing brackets": fill("]"),
  "opening markers": fill("[**"),
  "closing markers": fill("**]"),
  "nested markers": (length) => fill("[**")(length / 2) + fill("**]")(length / 2),
  "placeholders in brackets": fill("([**Known lastname 1**])"),
  "empty placeholders": fill("[****]"),
  "open parentheses before placeholders": (length) => fill("(")(length / 2) + fill("[**1**])")(length / 2),
  spaces: fill(" "),
  "line feeds": fill("\n"),
  "spaces and line feeds": fill("   \n"),
  "a letter, then spaces": (length) => `x${fill(" ")(length - 2)}x`,
  dashes: fill("-"),
  "dashes and spaces": fill("- "),
  colons: fill(":"),
  "closing parentheses before colons": fill("):"),
  "capitals without an end": fill("A"),
  "words of headers": fill("PAST MEDICAL AND "),
  "short lines without a colon": fill("a\n"),
  "markers of lists": fill("1.\n"),
  digits: fill("1"),
  "citations without an end": fill("[1, 2, 3, 4"),
  "combining marks in disorder": fill("\u0327\u0301"),
  ligatures: fill("\ufb01"),
};

test("every rule takes time in proportion to the length; notes of 5 MB in one line or in brackets", () => {
  // 16 times the text take a quadratic rule 256 times as long. The rest of the factor, the floor and the best of three
  // are for shared machines and the collector.
  const time = (apply: (input: string) => string, input: string, runs: number): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < runs; run++) {
      const start = performance.now();
      apply(input);
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };
  for (const { name, apply } of RULES)
    for (const [kind, make] of Object.entries(HARD)) {
      const large = /line|brackets/.test(kind) ? SIZE : SIZE / 4;
      const before = time(apply, make(large / 16), 3);
      const after = time(apply, make(large), 1);
      assert.ok(after < 100 * Math.max(before, 3), `${name} on ${kind}: ${before} ms, 16 times the text ${after} ms`);
    }
});
