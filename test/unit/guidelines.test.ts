import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { references } from "../../dist/data/guidelineReferences.js";
import { prepareGuidelines } from "../../dist/data/guidelines.js";
import { boilerplate, citationMarks, pageNumbers } from "../../dist/data/guidelineText.js";
import { loadRows } from "../../dist/data/rows.js";
import { sha256File } from "../../dist/util/hash.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medilora-guidelines-"));
});
after(() => rm(folder, { recursive: true }));

test("references: from their heading to the next one of the same level or above", () => {
  const cases: Array<[string, string]> = [
    ["# A\ntext\n## References\n1. x\n### Books\ny\n## B\nmore", "# A\ntext\n## B\nmore"],
    ["text\nREFERENCES:\nSmith J. 2001\nfree text\n2 Methods\nmore", "text\n2 Methods\nmore"],
    ["text\n9. Bibliography\nMiller A, Jones B.\n1. WHO. Report, 2016.\nAPPENDIX\nmore", "text\nAPPENDIX\nmore"],
    ["text\nReferences and notes\n\n[1] Doe A. Title.\n", "text\n"],
    ["See the references below.\nReferences are listed.", "See the references below.\nReferences are listed."],
    // A list of contents, and text that goes on behind the list.
    ["Methods\nReferences\nAppendix\n\n1. Offer aspirin.", "Methods\nReferences\nAppendix\n\n1. Offer aspirin."],
    ["References\nDoe A. Title\nof it. 2001.\n\nGive aspirin daily.", "\nGive aspirin daily."],
    ["References\nMethods\nGive.\nReferences\nDoe A. Title. 2001.", "References\nMethods\nGive."],
    ["a\n**References**\n\n1. Doe A. Foo. 2010.\n- Roe B. Bar. 2011.\n**Next**\nb", "a\n**Next**\nb"],
    ["a\n**References:**\n[1] https://doi.org/10.1/x\n\nGive iron.", "a\n\nGive iron."],
    ["## References\nx\n# Works cited\ny\n# End", "# End"],
  ];
  for (const [text, expected] of cases) assert.equal(references.apply(text), expected, text);
});

test("references: entries of a list go wherever they stand, recommendations with years stay", () => {
  const entries = [
    "12. Smith J, Doe A. Title of a paper. Lancet 2010;375:123-30.",
    "[3] Doe A et al. Another paper. 1998.",
    "Miller AB, Jones C. On guidelines. BMJ 2004; 328(7454): 1490.",
  ];
  const kept = [
    "1. Offer annual review to adults diagnosed after 2010.",
    "In 2015 the committee met again (see et al. above).",
    "2. Give 500 mg twice daily.",
    "3. Give metal plates (Lancet 2010;375:123-30) no second look.",
    "4. Give 5 mg of vitamin K, as Smith et al. 2011 did, for bleeding.",
    "5. Give iron in 2 doses (Smith et al. 2012).",
    "6. Vitamin K. Offer it at birth (Lancet 2010;375:123-30).",
    "7. Doe A. Alone among recommendations. Lancet 2010;375:123-30.",
    "8. Measure dialysate, doing so since 2010.",
  ];
  assert.equal(references.apply([...entries, ...kept].join("\n")), kept.join("\n"));
});

test("boilerplate: short lines of a page's frame go, headings and long paragraphs stay", () => {
  const dropped = [
    "\u00a9 2020 Some Society. All rights reserved.",
    "Copyright 2019",
    "Back to top",
    "  Skip to main content",
    "Page 3 of 90",
    "- 4 -",
    "Page 17",
    "Cookie policy",
    "We use cookies.",
    "This site uses cookies to improve your visit.",
    "https://example.org/guideline",
    "Last updated: May 2021",
    "Conflicts of interest: none",
    "* Download PDF",
    "We use cookies to give you the best experience.",
    'By clicking "Accept", you agree to the storing of cookies on your device.',
    "Accept all",
    "Home > Guidelines > Asthma",
    "Was this page helpful?",
    "doi: 10.1016/j.lung.2020.01.002",
    "10.1001/jama.2016.0287",
    "PMID: 1234567",
    "Received: 1 May 2020 / Accepted: 3 June 2020",
    "Correspondence to: a.b@example.org",
  ];
  const kept = [
    "# Management of back pain",
    "Background",
    "Search",
    "Home oxygen > 15 hours a day",
    "We use cookies of oat.",
    "By using a spacer, the dose is lowered.",
    "10.5/1.2",
    "Received: two doses.",
    "17",
    "Cookies and sweets raise blood glucose.",
    "Share this decision with the patient.",
    "Follow using the local protocol.",
    "Disclaimer: none of the doses is for children.",
    "Conflicts of interest should be declared.",
    "17 patients were seen.",
    "Copyright of drugs ".repeat(20),
    "The page is long.",
    "Click with the tongue",
    "",
  ];
  assert.equal(boilerplate.apply([...dropped, ...kept].join("\n")), kept.join("\n"));
});

test("citation marks go, other brackets stay", () => {
  assert.equal(
    citationMarks.apply("Aspirin helps [3], as shown [1, 4-6], again [12\u201314][2]. Give [see table] 2 mg [1.5-2]."),
    "Aspirin helps, as shown, again. Give [see table] 2 mg [1.5-2].",
  );
  assert.equal(
    citationMarks.apply("It was shown.[7] It heals, [8] mostly [1], [2-4]."),
    "It was shown. It heals, mostly.",
  );
  assert.equal(
    citationMarks.apply("Screen at 24 to 28 weeks [1]. Give 30 mL/kg.^[2] Measure lactate [ 17 ], [12, 14\u201316]."),
    "Screen at 24 to 28 weeks. Give 30 mL/kg. Measure lactate.",
  );
  const kept = [
    "see reference [12] for more",
    "age 54 years [41-63]",
    "a dose of [5] a day",
    "in the range [3-5]",
    "between [3] and [5]",
    "age 54 [41-63]",
    "give aspirin [75-150] mg",
    "reduced [20]%",
    "reduced [20] percent",
    "median [12, 30]",
    "infused over hours [2-4]",
    "target: [6-7]",
    "[2] units",
  ];
  for (const line of kept) assert.equal(citationMarks.apply(line), line);
});

test("page numbers go in sequence with pages between them, other numbers stay", () => {
  const page = "Offer review. ".repeat(20);
  assert.equal(
    pageNumbers.apply(["7", page, "8", page, " 9 ", page, "500"].join("\n")),
    [page, page, page, "500"].join("\n"),
  );
  const kept = [
    ["Dose", "17"],
    ["1", "mild", "2", "moderate", "3", "severe"],
    ["1", page, "2", page],
    ["3", page, "2", page, "1"],
    ["1", page, "3", page, "5"],
    ["1", page, "2", "30", page, "3"],
  ];
  for (const lines of kept) assert.equal(pageNumbers.apply(lines.join("\n")), lines.join("\n"));
});

const lines = [
  {
    id: "g1",
    source: "nice",
    title: "Asthma",
    clean_text: "# Asthma\n\nOffer a plan [2].\n\n## References\n1. x",
    raw_text: "no",
  },
  { id: 7, source: "nice", title: "Gout", clean_text: "", raw_text: "Give colchicine.\nBack to top" },
  { source: "who", title: "", text: "Wash hands." },
  { id: "g4", source: "who", title: "Empty", clean_text: "Back to top" },
  { id: "g5", title: "Nothing" },
];

test("guidelines become rows, counted by source", async () => {
  const place = await mkdtemp(join(folder, "all-"));
  const input = join(place, "in.jsonl");
  const output = join(place, "out.jsonl");
  await writeFile(input, lines.map((line) => `${JSON.stringify(line)}\n`).join("\n"));
  const manifest = await prepareGuidelines({ input, output });
  assert.deepEqual(await loadRows(output), [
    { id: "g1", text: "# Asthma\n\nOffer a plan." },
    { id: "7", text: "# Gout\n\nGive colchicine." },
    { id: "who-5", text: "Wash hands." },
  ]);
  assert.deepEqual(manifest.counts, { read: 5, used: 3, skipped: { empty: 1, "no-text": 1 } });
  assert.deepEqual(manifest.bySource, {
    nice: { read: 2, used: 2, characters: 23 + 24 },
    who: { read: 2, used: 1, characters: 11 },
    unknown: { read: 1, used: 0, characters: 0 },
  });
  assert.deepEqual(manifest.source, { path: input, sha256: await sha256File(input) });
  assert.deepEqual(JSON.parse(await readFile(`${output}.manifest.json`, "utf8")), manifest);
  const records = (await readFile(`${output}.documents.jsonl`, "utf8")).trimEnd().split("\n");
  assert.deepEqual(
    records.map((record) => (JSON.parse(record) as { id: string; outcome: string }).outcome),
    ["used", "used", "used", "empty", "no-text"],
  );
});

test("a page with a frame, inline citations and a list of references keeps its headings and its advice", async () => {
  const place = await mkdtemp(join(folder, "page-"));
  const input = join(place, "in.jsonl");
  const output = join(place, "out.jsonl");
  const clean_text = [
    "Skip to content",
    "We use cookies to improve this website.",
    "# Asthma in adults",
    "Last updated: 12 March 2021",
    "## Recommendations",
    "Offer an inhaled corticosteroid [1,2]. Review after 4 weeks [3].",
    "1. Budesonide 200 mcg [100-400] twice daily.",
    "\u00a9 2021 A Society. All rights reserved.",
    "## References",
    "1. Smith J, Doe A. Title. Lancet 2010;375:123-30.",
    "2. World Health Organization. Report. Geneva: WHO; 2019.",
    "## Appendix",
    "A plan.",
  ].join("\n");
  await writeFile(input, `${JSON.stringify({ id: 1, source: "a", title: "Asthma in adults", clean_text })}\n`);
  const { bySource } = await prepareGuidelines({ input, output });
  const text = [
    "# Asthma in adults",
    "## Recommendations",
    "Offer an inhaled corticosteroid. Review after 4 weeks.",
    "1. Budesonide 200 mcg [100-400] twice daily.",
    "## Appendix",
    "A plan.",
  ].join("\n");
  assert.deepEqual(await loadRows(output), [{ id: "1", text }]);
  assert.deepEqual(bySource, { a: { read: 1, used: 1, characters: text.length } });
});

test("broken lines are named with their field, and nothing is written", async () => {
  const place = await mkdtemp(join(folder, "bad-"));
  const input = join(place, "in.jsonl");
  const cases: Array<[string, string, RegExp]> = [
    ["{", "DATA_INVALID", /line 1: is not valid JSON/],
    ['{"clean_text": 5}', "DATA_INVALID", /line 1: field clean_text must be a string/],
    ['{"id": {}, "text": "a"}', "DATA_INVALID", /line 1: field id must be/],
    ['{"id": " ", "text": "a"}', "DATA_INVALID", /line 1: field id must be/],
    ['{"id": "a", "text": " "}', "DATA_EMPTY", /no guideline with text/],
  ];
  for (const [content, code, message] of cases) {
    await writeFile(input, content);
    await assert.rejects(prepareGuidelines({ input, output: join(place, "out.jsonl") }), { code, message });
  }
  await assert.rejects(prepareGuidelines({ input, output: input }), { code: "ARGUMENT_INVALID" });
  assert.deepEqual(await readdir(place), ["in.jsonl"]);
});

const medquad = fileURLToPath(new URL("../../../shared/data/corpus/medquad.jsonl", import.meta.url));

test("NIH answers as guidelines: nearly all of the text is kept", {
  skip: existsSync(medquad) ? false : "shared/data/corpus is not here",
}, async () => {
  const input = join(folder, "medquad.jsonl");
  const output = join(folder, "medquad-out.jsonl");
  const answers = readFileSync(medquad, "utf8")
    .trimEnd()
    .split("\n")
    .map((line, index) => {
      const { source, focus, answer } = JSON.parse(line) as Record<string, string>;
      return { id: `q${index}`, source, title: focus, clean_text: answer };
    });
  await writeFile(input, answers.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const { counts, bySource } = await prepareGuidelines({ input, output });
  assert.equal(counts.read, answers.length);
  const sums = Object.values(bySource);
  assert.equal(
    sums.reduce((sum, { read }) => sum + read, 0),
    answers.length,
  );
  const withText = answers.filter(({ clean_text }) => clean_text?.trim()).length;
  assert.ok(counts.used > 0.99 * withText, `${counts.used} of ${withText}`);
  const before = answers.reduce((sum, { clean_text }) => sum + (clean_text?.length ?? 0), 0);
  assert.ok(sums.reduce((sum, { characters }) => sum + characters, 0) > 0.9 * before);
});
