import type { ManifestSource } from "../manifest.js";

/** Which notes to read. */
export interface NoteFilter {
  /** Categories in lower case and without blanks around them; `all` takes every one. */
  categories: ReadonlySet<string> | "all";
  /** Only this note; a source that cannot look for it gives others too. */
  rowId?: string;
}

/** One row of NOTEEVENTS. */
export interface Note {
  rowId: string;
  /** Why it is left out: marked as an error, or of another category. Its text is then empty. */
  skip?: "iserror" | "category";
  text: string;
}

/** NOTEEVENTS from somewhere, one note at a time, in an order that is the same each time. */
export interface NoteSource {
  /** To call once. @throws MediloraError `DATA_INVALID`, `FILE_READ`, `FILE_NOT_FOUND` */
  notes(): AsyncGenerator<Note>;
  /** What was read, for the manifest; to call after {@link notes}, also when that was left early. */
  describe(): Promise<ManifestSource>;
}

/** What marks a note as an error, in lower case, also for PostgreSQL: copies of MIMIC-III have it as 1, 1.0 or a boolean. */
export const ERROR_FLAG = "^(0*1([.]0*)?|t|true|y|yes)$";
const IS_ERROR = new RegExp(ERROR_FLAG);

/** MIMIC-III pads some of its categories with blanks ("Physician "). */
export function skipReason(category: string, isError: string, { categories }: NoteFilter): Note["skip"] {
  if (IS_ERROR.test(isError.trim().toLowerCase())) return "iserror";
  if (categories === "all" || categories.has(category.trim().toLowerCase())) return undefined;
  return "category";
}
