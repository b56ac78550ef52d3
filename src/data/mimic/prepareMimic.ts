import { MediloraError } from "../../errors.js";
import { DocumentWriter, documentsPath } from "../documents.js";
import { checkDistinctFiles, type Manifest, type ManifestSource, tokenizerSource, writeManifest } from "../manifest.js";
import { type ProgressOptions, ProgressReport } from "../progress.js";
import type { Note, NoteFilter, NoteSource } from "./notes.js";
import { cleanNote, explainNote, type KeptSections, mimicRuleNames } from "./rules.js";
import { SECTION_NAMES, type SectionName } from "./sectionNames.js";
import { CsvNoteSource } from "./sourceCsv.js";
import { PostgresNoteSource, type PostgresOptions } from "./sourcePostgres.js";

/** Where the notes are: exactly one of the two. */
export interface MimicInput {
  /** NOTEEVENTS.csv or NOTEEVENTS.csv.gz. */
  csv?: string;
  database?: Omit<PostgresOptions, "signal">;
}

/** What {@link prepareMimic} reads, keeps and writes. */
export interface PrepareMimicOptions extends ProgressOptions {
  input: MimicInput;
  /** Completion rows, JSON lines; `<output>.manifest.json` and `<output>.documents.jsonl` stand beside it. */
  output: string;
  /** Categories of notes, case and blanks around them aside; `all` for every one. Default: discharge summaries. */
  categories?: readonly string[] | "all";
  /** Sections to keep; `whole` keeps notes whole, for categories without headers. Default: every known section. */
  sections?: readonly SectionName[] | "whole";
  /** Stops after so many used notes. */
  limit?: number;
  /** A GGUF model whose tokenizer counts the tokens of the rows. */
  model?: string;
}

/** How the rows of {@link prepareMimic} came to be; `characters` counts UTF-16 code units of the used notes. */
export interface MimicManifest extends Manifest {
  source: ManifestSource;
  rules: { format: string; categories: string[]; sections: string[]; clean: string[] };
  /** Notes in which each section was kept. */
  sections: Partial<Record<SectionName, number>>;
  /** Characters (UTF-16 units) of the used notes before and after. */
  characters: { in: number; out: number };
}

export const DEFAULT_CATEGORIES: readonly string[] = ["discharge summary"];

/**
 * Turns MIMIC-III's notes into completion rows, one a note, with the note's row_id as id (`#2` behind a repeated one).
 * Streams: of the notes that are cleaned the ids stay in memory, about 40 bytes each.
 *
 * A note is skipped when it is marked as an error (`iserror`), is of another category (`category`), has none of the
 * sections (`no-section`), or nothing is left of it (`empty`). What was done to each note, skipped ones included, stands
 * in `<output>.documents.jsonl`, without text. All files have mode 0600 and appear only when complete.
 * @throws MediloraError `ARGUMENT_INVALID`, `ABORTED`, `DATA_EMPTY`, `DATA_INVALID`, `FILE_NOT_FOUND`, `FILE_READ`,
 *   `DISK_FULL`, `FILE_WRITE`
 */
export async function prepareMimic(options: PrepareMimicOptions): Promise<MimicManifest> {
  const { output, model } = options;
  const limit = checkLimit(options.limit);
  const kept = keptSections(options.sections);
  const filter = noteFilter(options.categories);
  const { csv } = options.input;
  const inputs = [csv, model].filter((path) => path !== undefined);
  checkDistinctFiles(inputs, [output, documentsPath(output)]);
  const source = openSource(options.input, filter, options.signal);
  await using writer = await DocumentWriter.open(output, model);
  const cleaner = new NoteWriter(writer, kept);
  const progress = new ProgressReport("read", options);
  for await (const note of source.notes()) {
    progress.add();
    await cleaner.add(note);
    if (writer.counts.used === limit) break;
  }
  progress.end();
  const outputs = await writer.commit(noneUsed(writer, filter));
  return writeManifest<MimicManifest>(output, {
    source: await source.describe(),
    rules: {
      format: "mimic/noteevents@1",
      categories: filter.categories === "all" ? ["all"] : [...filter.categories],
      sections: kept === "whole" ? ["whole"] : [...kept],
      clean: mimicRuleNames(kept),
    },
    ...(await tokenizerSource(model)),
    counts: writer.counts,
    sections: cleaner.sections,
    characters: cleaner.characters,
    outputs,
  });
}

/** Which note {@link explainMimic} shows. */
export interface ExplainMimicOptions extends Pick<PrepareMimicOptions, "input" | "sections" | "signal"> {
  /** The note's row_id; its category does not matter. */
  rowId: string;
}

/**
 * One note before, after each rule, and after, as text to read; it holds the note's text.
 * @throws MediloraError `DATA_EMPTY` when there is no such note, and what {@link prepareMimic} throws
 */
export async function explainMimic(options: ExplainMimicOptions): Promise<string> {
  return explainNote(await findNote(options), keptSections(options.sections));
}

/** The same for programs; it holds the note's text, too. */
export interface MimicExplanation {
  rowId: string;
  /** The note as it was read. */
  text: string;
  /** The rules in their order, each with the text behind it, or null where it changed nothing. */
  steps: Array<{ rule: string; text: string | null }>;
  result: string;
  sections: SectionName[];
}

/** What {@link explainMimic} tells, as data. */
export async function explainMimicSteps(options: ExplainMimicOptions): Promise<MimicExplanation> {
  const text = await findNote(options);
  const steps: MimicExplanation["steps"] = [];
  let before = text;
  const clean = cleanNote(text, keptSections(options.sections), (rule, after) => {
    steps.push({ rule, text: after === before ? null : after });
    before = after;
  });
  return { rowId: options.rowId, text, steps, result: clean.text, sections: clean.sections };
}

async function findNote({ input, sections, signal, rowId }: ExplainMimicOptions): Promise<string> {
  keptSections(sections);
  if (!/^\d{1,18}$/.test(rowId)) throw new MediloraError("ARGUMENT_INVALID", "The row_id must be a whole number.");
  for await (const note of openSource(input, { categories: "all", rowId }, signal).notes()) {
    if (signal?.aborted) throw new MediloraError("ABORTED", "The search for the note was aborted.");
    if (note.rowId !== rowId) continue;
    if (note.skip === undefined) return note.text;
    throw new MediloraError("DATA_EMPTY", `Note ${rowId} is marked as an error (iserror) and is never used.`);
  }
  throw new MediloraError("DATA_EMPTY", `There is no note with row_id ${rowId}. Check the number.`);
}

/** Cleans notes and writes them, and keeps the manifest's sums. */
class NoteWriter {
  readonly sections: Partial<Record<SectionName, number>> = {};
  readonly characters = { in: 0, out: 0 };

  constructor(
    private readonly writer: DocumentWriter,
    private readonly kept: KeptSections,
  ) {}

  async add({ rowId, skip, text }: Note): Promise<void> {
    if (skip !== undefined) {
      await this.writer.record({ id: rowId, outcome: skip });
      return;
    }
    const removed: Record<string, number> = {};
    let length = text.length;
    const clean = cleanNote(text, this.kept, (rule, after) => {
      if (after.length !== length) removed[rule] = length - after.length;
      length = after.length;
    });
    const outcome = this.#outcome(text, clean.text);
    const id = this.writer.uniqueId(rowId);
    await this.writer.record({
      id,
      outcome,
      charactersIn: text.length,
      charactersOut: clean.text.length,
      sections: clean.sections,
      removed,
    });
    if (outcome !== "used") return;
    this.characters.in += text.length;
    this.characters.out += clean.text.length;
    for (const name of new Set(clean.sections)) this.sections[name] = (this.sections[name] ?? 0) + 1;
    await this.writer.row(id, clean.text);
  }

  #outcome(before: string, after: string): string {
    if (after !== "") return "used";
    return this.kept === "whole" || before.trim() === "" ? "empty" : "no-section";
  }
}

function openSource(input: MimicInput, filter: NoteFilter, signal?: AbortSignal): NoteSource {
  const { csv, database } = input;
  if (csv !== undefined && database === undefined) return new CsvNoteSource(csv, filter);
  if (csv === undefined && database !== undefined)
    return new PostgresNoteSource(signal === undefined ? database : { ...database, signal }, filter);
  throw new MediloraError("ARGUMENT_INVALID", "Give either NOTEEVENTS.csv or the URL of a database.");
}

function noteFilter(categories: readonly string[] | "all" = DEFAULT_CATEGORIES): NoteFilter {
  if (categories === "all") return { categories };
  const names = new Set(categories.map((name) => name.trim().toLowerCase()).filter((name) => name !== ""));
  if (names.size > 0) return { categories: names };
  throw new MediloraError("ARGUMENT_INVALID", "categories is empty; name some, such as Discharge summary, or all.");
}

function keptSections(sections: readonly SectionName[] | "whole" = SECTION_NAMES): KeptSections {
  if (sections === "whole") return sections;
  const unknown = sections.find((name) => !SECTION_NAMES.includes(name));
  if (unknown === undefined && sections.length > 0) return new Set(sections);
  throw new MediloraError("ARGUMENT_INVALID", `sections must be whole, or some of ${SECTION_NAMES.join(", ")}.`);
}

function checkLimit(limit = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(limit) && limit >= 1) return limit;
  throw new MediloraError("ARGUMENT_INVALID", "limit must be a whole number from 1 on.");
}

function noneUsed({ counts }: DocumentWriter, filter: NoteFilter): string {
  const reasons = Object.entries(counts.skipped).map(([reason, count]) => `${count} ${reason}`);
  const wanted = filter.categories === "all" ? "all" : [...filter.categories].join(", ");
  return `None of ${counts.read} notes could be used (${reasons.join(", ") || "there are none"}). Categories: ${wanted}.`;
}
