import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { GUIDELINE_RULES } from "../../dist/data/guidelines.js";
import { placeholders } from "../../dist/data/mimic/placeholders.js";
import { cleanNote, mimicRuleNames } from "../../dist/data/mimic/rules.js";
import { SECTION_NAMES } from "../../dist/data/mimic/sectionNames.js";
import { findSections, mergeSections, SECTIONS_RULE } from "../../dist/data/mimic/sections.js";
import { characters } from "../../dist/data/text/characters.js";
import { limitMarks } from "../../dist/data/text/marks.js";
import type { TextRule } from "../../dist/data/text/rule.js";
import { LineJoiner, stripRule } from "../../dist/data/textbookText.js";

const all = new Set(SECTION_NAMES);

/** Rules that are no {@link TextRule} of their own: they have an option, a name apart, or work line by line. */
const OTHERS: readonly TextRule[] = [
  { name: SECTIONS_RULE, apply: (text) => mergeSections(text, findSections(text), all) },
  { name: "limitMarks", apply: limitMarks },
  { name: LineJoiner.rule, apply: joinLines },
  stripRule("symbols"),
  stripRule("all"),
];

function joinLines(text: string): string {
  const joiner = new LineJoiner();
  const lines = text.split("\n").map((line) => joiner.add(line));
  return [...lines, joiner.end()].filter((line) => line !== undefined).join("\n");
}

function isRule(value: unknown): value is TextRule {
  return typeof value === "object" && value !== null && "name" in value && "apply" in value;
}

/** Every rule that a module of the cleaning exports: a new one is tested here without being named. */
async function exportedRules(): Promise<TextRule[]> {
  const data = new URL("../../dist/data/", import.meta.url);
  const files = readdirSync(data, { recursive: true })
    .map((file) => String(file).replaceAll("\\", "/"))
    .filter((file) => /^(?:mimic\/|text\/|textbook|guideline)[^/]*\.js$/.test(file));
  const modules = await Promise.all(files.map((file) => import(new URL(file, data).href) as Promise<object>));
  return modules.flatMap((module) => Object.values(module).filter(isRule));
}

const RULES = [...(await exportedRules()), ...OTHERS];
/** Rules whose documentation promises it. */
const IDEMPOTENT = new Set([
  "text/characters",
  "text/blanks",
  "mimic/fields",
  "mimic/placeholders",
  "mimic/brackets",
  "mimic/rulers",
  "guidelines/references",
  "guidelines/boilerplate",
  "textbook/unicode",
  "textbook/strip-symbols",
  "textbook/strip-all",
]);

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
        "[____]",
        "_x_",
        "____",
        "\n- - -\n",
        "\n** HPI **\n",
        "\n# PE: ",
        "HOSPITAL COURSE:\n1. ",
        "CXR [**7-16**]: ",
        "[**Last Name (STitle) 1** ",
        "Mr. and Mrs. ",
        "his wife, ",
        " to ",
        " days",
        "\n**References**\n",
        "10.1001/jama.2016.0287\n",
        "\u2600\ufe0f",
        "\u207b\u2075",
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

test("the rules are those of the three pipelines, each once", () => {
  const names = RULES.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
  for (const name of [...mimicRuleNames(all), ...GUIDELINE_RULES.map(({ name }) => name)])
    assert.ok(names.includes(name), name);
});

test("idempotent rules are", () => {
  const rules = RULES.filter(({ name }) => IDEMPOTENT.has(name.replace(/@.*/, "")));
  assert.equal(rules.length, IDEMPOTENT.size);
  for (const { name, apply } of rules)
    fc.assert(
      fc.property(text, (input) => {
        // `blanks` is documented to expect the result of `characters`.
        const once = apply(name.startsWith("text/blanks") ? characters.apply(input) : input);
        assert.equal(apply(once), once, name);
      }),
      { numRuns: 2000 },
    );
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
  "one line of items in a course": (length) => `HOSPITAL COURSE: 1. ${fill("Pain: Labs: K. ")(length)}`,
  "lines of items in a course": (length) => `HOSPITAL COURSE:\n${fill("# Pain: Labs: K\n")(length)}`,
  "studies in imaging": (length) => `IMAGING:\n${fill("CT CHEST: clear. ")(length)}`,
  "marked headers": fill("# HPI\n** PMH **\n1. ALL: none\n"),
  "a mark, then spaces": (length) => `-${fill(" ")(length)}`,
  underscores: fill("_"),
  "underscores in a bracket": (length) => `[${fill("_ ")(length)}`,
  "ticked fields": fill("_x_ "),
  "unclosed placeholders": fill("[**Last Name (STitle) 1** "),
  "placeholders apart": fill("[**7-16**] to [**7-18**] days, his wife, [**Name (NI) 1**], "),
  "many commas": fill(", "),
  "home and arrows": (length) => `Home ${fill("> a ")(length)}`,
  "symbols with marks": fill("\u2600\ufe0f"),
  "words of headers": fill("PAST MEDICAL AND "),
  "short lines without a colon": fill("a\n"),
  "markers of lists": fill("1.\n"),
  digits: fill("1"),
  "citations without an end": fill("[1, 2, 3, 4"),
  "combining marks in disorder": fill("\u0327\u0301"),
  ligatures: fill("\ufb01"),
};

test("every rule takes time in proportion to the length; notes of 5 MB in one line or in brackets", () => {
  // 16 times the text take a quadratic rule 256 times as long. CPU time, so that other programs do not count; the rest of
  // the factor, the floor and the best of three are for the collector.
  const time = (apply: (input: string) => string, input: string): number => {
    const { user, system } = process.cpuUsage();
    apply(input);
    const spent = process.cpuUsage({ user, system });
    return (spent.user + spent.system) / 1000;
  };
  const best = (measure: () => number, enough: number): number => {
    let least = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 3 && least > enough; run++) least = Math.min(least, measure());
    return least;
  };
  for (const { name, apply } of RULES)
    for (const [kind, make] of Object.entries(HARD)) {
      const large = /^one line|brackets/.test(kind) ? SIZE : SIZE / 8;
      const [short, long] = [make(large / 16), make(large)];
      const before = best(() => time(apply, short), 0);
      const limit = 100 * Math.max(before, 3);
      const after = best(() => time(apply, long), limit);
      assert.ok(after < limit, `${name} on ${kind}: ${before} ms, 16 times the text ${after} ms`);
    }
});
