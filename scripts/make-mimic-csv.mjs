// Writes made-up notes in the form of MIMIC-III's NOTEEVENTS.csv, of any size, for benchmarks and tests:
//   node scripts/make-mimic-csv.mjs OUTPUT.csv (--bytes N | --notes N) [--from notes.jsonl] [--seed N]
// Text comes from sentences below or, with --from, from the field `transcription` of JSON lines; placeholders, headers,
// hard wraps and rulers as in MIMIC-III are put in. The same arguments give the same bytes. Of ten notes eight are
// discharge summaries, one is of another category and one is marked as an error or padded with blanks.
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";

const HEADER = "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CHARTTIME,STORETIME,CATEGORY,DESCRIPTION,CGID,ISERROR,TEXT";
const SECTIONS = [
  ["HISTORY OF PRESENT ILLNESS", "History of Present Illness"],
  ["PAST MEDICAL HISTORY", "Past Medical History"],
  ["MEDICATIONS ON ADMISSION", "Medications on Admission"],
  ["ALLERGIES", "Allergies"],
  ["SOCIAL HISTORY", "Social History"],
  ["PHYSICAL EXAMINATION", "Physical Exam"],
  ["LABORATORY DATA", "Pertinent Results"],
  ["HOSPITAL COURSE", "Brief Hospital Course"],
  ["DISCHARGE DIAGNOSIS", "Discharge Diagnosis"],
  ["CONDITION ON DISCHARGE", "Discharge Condition"],
];
const SENTENCES = [
  "The patient had three days of fever and a cough with yellow sputum.",
  "He denied chest pain, and his weight had not changed.",
  "Blood pressure was 132/78, heart rate 88, and oxygen saturation 96% on room air.",
  "Creatinine rose from 0.9 to 1.4 mg/dL and fell again after two liters of fluid.",
  "Potassium was 3.1 [3.5-5.0] and was replaced by mouth.",
  "A computed tomography of the abdomen showed a thickened wall of the sigmoid colon, without abscess.",
  "Metoprolol was raised to 50 mg twice daily, and furosemide was held.",
  "Lungs were clear, the abdomen was soft, and there was no edema.",
  "He lives alone, smokes half a pack a day, and drinks a beer on weekends.",
  "Cultures grew Escherichia coli, sensitive to ceftriaxone, and the fever was gone on the third day.",
  "She will see her doctor in one week and have her blood drawn before.",
  "The wound was clean [sic], and the drain came out on the second day.",
];
const PLACEHOLDERS = [
  "She was seen by Dr. [**Last Name (STitle) 1021**] on [**2151-7-16**].",
  "Mr. [**Known lastname 5501**] was moved to [**Hospital1 18**] from [**Location (un) 86**].",
  "[**Known firstname 77**] [**Known lastname 5501**] asked for the family to be told ([**Telephone/Fax (1) 40112**]).",
  "In [**2149**] the same was found at an outside hospital.",
  "The results were discussed with [**First Name8 (NamePattern2) 900**] [**Last Name (NamePattern1) 901**].",
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { bytes: { type: "string" }, notes: { type: "string" }, from: { type: "string" }, seed: { type: "string" } },
});
const [output] = positionals;
if (output === undefined || (values.bytes === undefined) === (values.notes === undefined))
  throw new Error("usage: make-mimic-csv.mjs OUTPUT.csv (--bytes N | --notes N) [--from notes.jsonl] [--seed N]");
const wantedBytes = Number(values.bytes ?? Number.POSITIVE_INFINITY);
const wantedNotes = Number(values.notes ?? Number.POSITIVE_INFINITY);
const sentences = values.from === undefined ? SENTENCES : sentencesOf(values.from);
let state = Number(values.seed ?? 1) >>> 0;

/** Mulberry32: an integer from 0 to `bound` - 1. */
function draw(bound) {
  state = (state + 0x6d2b79f5) >>> 0;
  let word = Math.imul(state ^ (state >>> 15), state | 1);
  word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
  return ((word ^ (word >>> 14)) >>> 0) % bound;
}

function pick(items) {
  return items[draw(items.length)];
}

/** What the notes are built of: sentences without headers, of 30 to 200 ASCII characters. */
function sentencesOf(path) {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => (JSON.parse(line).transcription ?? "").split(/(?<=[.!?]),?\s+|,(?=[A-Z])/))
    .map((sentence) => sentence.trim())
    .filter((sentence) => /^[A-Z0-9][ -9;-~]{28,198}[.!?]$/.test(sentence));
}

function body() {
  const parts = [];
  for (let left = 3 + draw(10); left > 0; left--) parts.push(pick(draw(6) === 0 ? PLACEHOLDERS : sentences));
  return parts.join("  ");
}

function wrapped(text, width) {
  const lines = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line.length + word.length >= width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

function note() {
  const style = draw(3);
  const parts = [
    `Admission Date:  [**2151-${1 + draw(12)}-${1 + draw(28)}**]              Discharge Date:   [**2151-12-3**]`,
  ];
  if (style === 0) parts.push("_".repeat(60));
  for (const [upper, title] of SECTIONS)
    parts.push(style === 1 ? `${title}:\n${wrapped(body(), 72)}` : wrapped(`${upper}:  ${body()}`, 72));
  parts.push("DISCHARGE MEDICATIONS:\n1)  Metoprolol 50 mg twice daily.\n2)  Aspirin 81 mg daily.");
  parts.push(`Dictated By:[**Name8 (MD) ${draw(9999)}**]`);
  // In a third of the notes headers stand in the middle of lines.
  return style === 2 ? wrapped(parts.join("  ").replaceAll("\n", " "), 76) : parts.join("\n\n");
}

function record(id) {
  const last = id % 10;
  const category = last === 8 ? "Nursing/other" : last === 9 ? "Discharge summary " : "Discharge summary";
  const isError = id % 20 === 19 ? "1" : "";
  const text = note().replaceAll('"', '""');
  return `${id},${1 + (id >> 3)},,2151-07-16,,,"${category}","Report",,${isError},"${text}"\n`;
}

const file = openSync(output, "w");
let bytes = writeSync(file, `${HEADER}\n`);
for (let id = 1; id <= wantedNotes && bytes < wantedBytes; ) {
  let piece = "";
  for (; id <= wantedNotes && piece.length < 1 << 20 && bytes + piece.length < wantedBytes; id++) piece += record(id);
  bytes += writeSync(file, piece);
}
closeSync(file);
