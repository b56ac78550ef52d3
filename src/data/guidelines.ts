import { MediloraError } from "../errors.js";
import { DocumentWriter, documentsPath } from "./documents.js";
import { readJsonLines } from "./formats/jsonl.js";
import { numberText } from "./formats/record.js";
import { references } from "./guidelineReferences.js";
import { boilerplate, citationMarks, pageNumbers } from "./guidelineText.js";
import {
  checkDistinctFiles,
  type FileSource,
  fileSource,
  type Manifest,
  tokenizerSource,
  writeManifest,
} from "./manifest.js";
import { type ProgressOptions, ProgressReport } from "./progress.js";
import { blanks } from "./text/blanks.js";
import { characters } from "./text/characters.js";
import { applyRules, type TextRule } from "./text/rule.js";

/** What {@link prepareGuidelines} reads and writes. */
export interface PrepareGuidelinesOptions extends ProgressOptions {
  /** JSON lines {id, source, title, clean_text, raw_text or text, ...}. */
  input: string;
  /** Completion rows, JSON lines; `<output>.manifest.json` and `<output>.documents.jsonl` stand beside it. */
  output: string;
  /** A GGUF model whose tokenizer counts the tokens of the rows. */
  model?: string;
}

/** Documents of one publisher. */
export interface SourceCounts {
  read: number;
  used: number;
  /** Characters (UTF-16 units) of the used documents after cleaning. */
  characters: number;
}

/** How the rows of {@link prepareGuidelines} came to be; `bySource` counts documents by publisher. */
export interface GuidelinesManifest extends Manifest {
  source: FileSource;
  rules: { format: string; clean: string[] };
  bySource: Record<string, SourceCounts>;
}

/** In this order. */
export const GUIDELINE_RULES: readonly TextRule[] = [
  characters,
  references,
  boilerplate,
  pageNumbers,
  citationMarks,
  blanks,
];

/**
 * Turns clinical guidelines into completion rows, one a document. The text is `clean_text`, else `raw_text`, else `text`;
 * lists of references, boilerplate and citation marks go, headings stay, and the title becomes the first heading where the
 * text does not begin with it. A document of which nothing is left is skipped as `empty`, one without text as `no-text`.
 * A repeated id gets `#2` behind it. Memory holds one document, and the ids of all.
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_EMPTY`, `DATA_INVALID` with line and field,
 *   `FILE_NOT_FOUND`, `FILE_READ`, `DISK_FULL`, `FILE_WRITE`
 */
export async function prepareGuidelines(options: PrepareGuidelinesOptions): Promise<GuidelinesManifest> {
  const { input, output, model } = options;
  checkDistinctFiles(model === undefined ? [input] : [input, model], [output, documentsPath(output)]);
  const source = await fileSource(input);
  await using writer = await DocumentWriter.open(output, model);
  const bySource = new Map<string, SourceCounts>();
  const progress = new ProgressReport("read", options);
  for await (const { where, row, value } of readJsonLines(input)) {
    progress.add();
    await writeGuideline(toGuideline(value, where, row), writer, bySource);
  }
  progress.end();
  const outputs = await writer.commit(`${input} has no guideline with text. Give JSON lines with clean_text.`);
  return writeManifest<GuidelinesManifest>(output, {
    source,
    rules: { format: "guidelines/meditron@1", clean: GUIDELINE_RULES.map(({ name }) => name) },
    ...(await tokenizerSource(model)),
    counts: writer.counts,
    bySource: Object.fromEntries(bySource),
    outputs,
  });
}

interface Guideline {
  id: string;
  source: string;
  title: string;
  text: string;
}

async function writeGuideline(
  { id: ownId, source, title, text }: Guideline,
  writer: DocumentWriter,
  bySource: Map<string, SourceCounts>,
): Promise<void> {
  const removed: Record<string, number> = {};
  let length = text.length;
  const body = applyRules(text, GUIDELINE_RULES, ({ name }, after) => {
    if (after.length !== length) removed[name] = length - after.length;
    length = after.length;
  });
  const outcome = text.trim() === "" ? "no-text" : body === "" ? "empty" : "used";
  const clean = outcome === "used" ? withTitle(title, body) : "";
  const counts = bySource.get(source) ?? { read: 0, used: 0, characters: 0 };
  bySource.set(source, counts);
  counts.read += 1;
  const id = writer.uniqueId(ownId);
  await writer.record({ id, outcome, charactersIn: text.length, charactersOut: clean.length, removed });
  if (outcome !== "used") return;
  counts.used += 1;
  counts.characters += clean.length;
  await writer.row(id, clean);
}

function withTitle(title: string, body: string): string {
  const heading = applyRules(title, [characters, blanks]).replaceAll("\n", " ");
  const first = body.slice(0, body.indexOf("\n") + 1 || body.length).replace(/^#{1,6} /, "");
  return heading === "" || first.trim().toLowerCase() === heading.toLowerCase() ? body : `# ${heading}\n\n${body}`;
}

function toGuideline(value: Record<string, unknown>, where: string, row: number): Guideline {
  const text =
    ["clean_text", "raw_text", "text"].map((field) => optionalString(value, field, where)).find(Boolean) ?? "";
  const source = optionalString(value, "source", where).trim() || "unknown";
  const title = optionalString(value, "title", where);
  const { id } = value;
  if (id === undefined || id === null) return { id: `${source}-${row}`, source, title, text };
  if ((typeof id !== "string" || id.trim() === "") && typeof id !== "number")
    throw new MediloraError("DATA_INVALID", `${where}: field id must be a string that is not blank, or a number.`);
  return { id: typeof id === "number" ? numberText(id, where, "id") : id, source, title, text };
}

function optionalString(value: Record<string, unknown>, field: string, where: string): string {
  const found = value[field] ?? "";
  if (typeof found === "string") return found;
  throw new MediloraError("DATA_INVALID", `${where}: field ${field} must be a string.`);
}
