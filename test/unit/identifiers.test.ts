import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IDENTIFIER_RULES, type IdentifierRule } from "../../dist/data/identifierRules.js";
import {
  checkRuleNames,
  failOnIdentifiers,
  findIdentifiers,
  type IdentifierMatch,
  scanIdentifiers,
} from "../../dist/data/identifiers.js";
import { jsonLines, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();

function rule(name: string): IdentifierRule {
  const found = IDENTIFIER_RULES.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

/** All names, numbers and addresses are invented; 555-01xx and example.org are set aside for that. */
const CASES: Record<string, { found: Array<[string, string[]]>; clear: string[] }> = {
  "name-after-title": {
    found: [
      ["Seen by Dr. Example-Smith today.", ["Dr. Example-Smith"]],
      ["Mrs Jane O'Neill and Mr. McTest", ["Mrs Jane O'Neill", "Mr. McTest"]],
      ["MR. SAMPLE was seen by DR. TEST", ["MR. SAMPLE", "DR. TEST"]],
      ["Doctor Élan agreed", ["Doctor Élan"]],
      ["by Dr.Smith, MR SMITH and MS. JONES", ["Dr.Smith", "MR SMITH", "MS. JONES"]],
      ["Dr. van der Berg, Mrs. de la Cruz, Ms. d'Angelo", ["Dr. van der Berg", "Mrs. de la Cruz", "Ms. d'Angelo"]],
      ["Dr. EXAMPLE and Drs. Sample", ["Dr. EXAMPLE", "Drs. Sample"]],
      ["DR TEST CALLED", ["DR TEST CALLED"]],
      ["Dr. J. Example, Dr. A.B. Sample, MR. J. TEST", ["Dr. J. Example", "Dr. A.B. Sample", "MR. J. TEST"]],
    ],
    clear: [
      "Dr. X's note",
      "seen by Dr. X. The plan",
      "seen by Dr. X. They agreed",
      "the doctor said",
      "MR imaging",
      "MR IMAGING AND MR ANGIOGRAPHY",
      "MS Contin 15 mg",
      "MS CONTIN 15 MG",
      "TRACE MR IS SEEN",
      "Doctor: Hello",
      "Mr. T",
      "Ms.",
      "Ask your doctor. The dose",
      "Dr. The",
      "MRSA POSITIVE",
      "Dr. van der",
    ],
  },
  date: {
    found: [
      ["on 12/31/2009 and 1-2-09", ["12/31/2009", "1-2-09"]],
      ["31.12.2009, then 2009-12-31.", ["31.12.2009", "2009-12-31"]],
      ["December 31, 2009; 3rd of May 2010", ["December 31, 2009", "3rd of May 2010"]],
      ["SEPT. 5 1999", ["SEPT. 5 1999"]],
      ["31-Dec-2009, 1-JAN-09, 3/May/2010", ["31-Dec-2009", "1-JAN-09", "3/May/2010"]],
      ["Dec-31-2009; 05FEB2011; March 3,2012", ["Dec-31-2009", "05FEB2011", "March 3,2012"]],
    ],
    clear: [
      "12/31",
      "in 2009",
      "BP 120/80/60",
      "0.5.10",
      "13/32/2009",
      "May 2010",
      "1/2/3/4",
      "version 1.2.34.5",
      "99/99/99",
      "2-Dec",
      "10-May-day",
      "3 may 20",
      "1.5-Mar-10",
    ],
  },
  phone: {
    found: [
      ["Call (555) 555-0100 or 555-555-0101.", ["(555) 555-0100", "555-555-0101"]],
      ["1-555-555-0102; +44 20 7946 0000", ["1-555-555-0102", "+44 20 7946 0000"]],
      ["555.555.0103", ["555.555.0103"]],
      ["+1 (555) 555-0100", ["+1 (555) 555-0100"]],
      ["Phone: 5550100199, cell 15550100199", ["Phone: 5550100199", "cell 15550100199"]],
      ["fax number is 555-0104; called at 5550105", ["fax number is 555-0104", "called at 5550105"]],
      ["5550100199 (mobile)", ["5550100199 (mobile"]],
      ["Phone: 5550100198 (cell 5550100199)", ["Phone: 5550100198", "cell 5550100199"]],
      ["Phone: 5550100198 (cell)", ["Phone: 5550100198"]],
    ],
    clear: [
      "555-0100",
      "1234567890",
      "5-555-555-01000",
      "+5 mg",
      "+ 12 34",
      "platelets 5550100199",
      "call 911",
      "contact 12 times",
      "phone 55501001990",
      "microtel 5550105",
    ],
  },
  "record-number": {
    found: [
      ["MRN: 12345678, Acct # 0012345", ["MRN: 12345678", "Acct # 0012345"]],
      ["medical record number 55555", ["medical record number 55555"]],
      ["Patient ID: AB-123456", ["Patient ID: AB-123456"]],
      ["MRN is 1234567; M.R.N. 7654321", ["MRN is 1234567", "M.R.N. 7654321"]],
      ["MR# 1234567, Record number: 1234567", ["MR# 1234567", "Record number: 1234567"]],
      ["MRN 12-34-56-7, MRN: 123 456 789", ["MRN 12-34-56-7", "MRN: 123 456 789"]],
    ],
    clear: [
      "MRN 1234",
      "MRN 12-34",
      "MRN 1 2 3 4",
      "chart 1 2 3 4 5",
      "medical record of 3",
      "the medical record",
      "record of 120000 patients",
      "a record 120000 patients",
      "MR 120000",
      "unit 5",
      "mrnx 12345678",
    ],
  },
  "social-security-number": {
    found: [
      ["SSN 123-45-6789", ["123-45-6789"]],
      ["his number 078 05 1120.", ["078 05 1120"]],
      ["social security number: 123456789", ["social security number: 123456789"]],
      ["SSN is 123456789, SS# 123456789", ["SSN is 123456789", "SS# 123456789"]],
    ],
    clear: [
      "000-12-3456",
      "666-12-3456",
      "912-12-3456",
      "123-00-4567",
      "123-45-0000",
      "1123-45-6789",
      "123-45-67890",
      "000 12 3456",
      "5 123 45 6789",
      "123 45 6789 12",
      "120.123 45 6789",
      "123 45 6789.5",
      "912 12 3456",
    ],
  },
  email: {
    found: [["Write to a.b+c@mail.example.org.", ["a.b+c@mail.example.org"]]],
    clear: ["5 @ 3", "a@b", "@example.org", "a@.org"],
  },
  "street-address": {
    found: [
      ["lives at 12 North Sample Street.", ["12 North Sample Street"]],
      ["1201 L St, P.O. Box 77", ["1201 L St", "P.O. Box 77"]],
      ["5 W. 4th Ave", ["5 W. 4th Ave"]],
      ["at 20 Main Dr, or 7 Old Mill Dr. Apt 3", ["20 Main Dr", "7 Old Mill Dr"]],
      ["8 Elm Way", ["8 Elm Way"]],
      ["LIVES AT 12 SAMPLE STREET", ["12 SAMPLE STREET"]],
    ],
    clear: [
      "On 3 Monday Dr. Smith",
      "at 10 AM Dr called",
      "5 Days Dr.Smith",
      "2 Dr",
      "2 Patients Seen By Dr",
      "5 mg St",
      "10 Street",
      "12 north sample street",
      "12 LEAD EKG SHOWED ST ELEVATION",
      "2 CHEST TUBES IN PLACE",
    ],
  },
};

for (const [name, { found, clear }] of Object.entries(CASES))
  test(`${name}: finds its forms and lets others pass`, () => {
    for (const [text, expected] of found) assert.deepEqual(findIdentifiers(rule(name), text), expected, text);
    for (const text of clear) assert.deepEqual(findIdentifiers(rule(name), text), [], text);
  });

test("every rule has cases", () => {
  assert.deepEqual(
    IDENTIFIER_RULES.map(({ name }) => name),
    Object.keys(CASES),
  );
});

test("no rule throws on any text, and none takes more than linear time", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      for (const one of IDENTIFIER_RULES)
        for (const found of findIdentifiers(one, text)) assert.ok(text.includes(found));
    }),
  );
  // A rule of quadratic time would take hours on these two million characters.
  const units = [
    "a",
    "a.",
    "A",
    "Aa ",
    "1",
    "1-",
    "1/",
    "1 ",
    "1 A",
    "+1 ",
    "a@",
    "a@a.",
    "Dr. ",
    "Dr. Aa",
    "May ",
    "mrn ",
    "mrn #",
    "p.o. ",
    "(",
    "Dr.",
    "Dr. van ",
    "van ",
    "MR ",
    "DR A",
    "1-Dec-",
    "1Dec",
    "Dec-1-",
    "phone ",
    "phone # is ",
    "call 1",
    "1555",
    "mrn 1-",
    "mrn 1 ",
    "123 45 ",
    "1 Main ",
    "1 Main Dr. ",
  ];
  for (const unit of units)
    for (const one of IDENTIFIER_RULES) findIdentifiers(one, unit.repeat(2_000_000 / unit.length));
});

test("the report counts matches and rows, and holds no text", async () => {
  const input = await folder.write(
    "rows.jsonl",
    jsonLines([
      { id: "a", text: "Dr. Example and Dr. Sample on 01/02/2003" },
      {
        id: "b",
        messages: [
          { role: "user", content: "Mr. Test" },
          { role: "assistant", content: "x@example.org" },
        ],
      },
      { id: "c", text: "nothing" },
    ]),
  );
  const matches: IdentifierMatch[] = [];
  const report = await scanIdentifiers({ inputs: [input], onMatch: (match) => matches.push(match) });
  assert.equal(report.rows, 3);
  assert.equal(report.rules.length, IDENTIFIER_RULES.length);
  assert.deepEqual(
    report.rules.filter((one) => one.matches > 0),
    [
      { rule: "name-after-title@3", matches: 3, rows: 2 },
      { rule: "date@3", matches: 1, rows: 1 },
      { rule: "email@1", matches: 1, rows: 1 },
    ],
  );
  assert.match(report.notice, /not a de-identification tool/);
  assert.ok(!/Example|Sample|Test|2003|@example/.test(JSON.stringify(report)));
  assert.deepEqual(
    matches.map(({ row, rule: name, text }) => `${row} ${name} ${text}`),
    [
      "a name-after-title Dr. Example",
      "a name-after-title Dr. Sample",
      "a date 01/02/2003",
      "b name-after-title Mr. Test",
      "b email x@example.org",
    ],
  );
  failOnIdentifiers(report, []);
  failOnIdentifiers(report, ["phone"]);
  assert.throws(() => failOnIdentifiers(report, ["phone", "date"]), {
    code: "DATA_INVALID",
    message: /\(date@3: 1 in 1 rows\)/,
  });
  assert.throws(() => failOnIdentifiers(report, ["all"]), {
    message: /name-after-title@3: 3 in 2 rows; date@3.*email@1/,
  });
  assert.throws(() => checkRuleNames(["fone"]), { code: "ARGUMENT_INVALID", message: /Did you mean phone\?/ });
});
