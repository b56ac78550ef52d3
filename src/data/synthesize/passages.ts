import { MediloraError } from "../../errors.js";
import { isChatRow, readRows } from "../rows.js";

/** A part of a document, short enough for one request. */
export interface Passage {
  /** `<document>#<part>`. */
  key: string;
  /** Id of the document's row. */
  document: string;
  text: string;
}

/**
 * The documents of a file of completion rows, cut into passages that cover them whole.
 * @param characters most UTF-16 units of a passage, at least 200
 * @throws MediloraError `DATA_INVALID` for a conversation or an id that occurs twice, and what {@link readRows} throws
 */
export async function* readPassages(path: string, characters: number): AsyncGenerator<Passage> {
  const seen = new Set<string>();
  for await (const row of readRows(path)) {
    if (isChatRow(row))
      throw new MediloraError("DATA_INVALID", `${path}: row ${row.id} is a conversation. Give documents ({id, text}).`);
    if (seen.has(row.id))
      throw new MediloraError("DATA_INVALID", `${path}: id ${row.id} occurs twice. Give each document its own id.`);
    seen.add(row.id);
    for (const [index, text] of cutPassages(row.text, characters).entries())
      yield { key: `${row.id}#${index + 1}`, document: row.id, text };
  }
}

/**
 * Cuts a text into parts of at most so many UTF-16 units: behind the last blank line of a part, else behind its last
 * sentence, its last blank, or where it is full, never inside a surrogate pair. Only white space is lost.
 */
export function cutPassages(text: string, characters: number): string[] {
  const parts: string[] = [];
  let rest = text.trim();
  while (rest.length > characters) {
    const end = cutPoint(rest, characters);
    parts.push(rest.slice(0, end).trim());
    rest = rest.slice(end).trim();
  }
  return rest === "" ? parts : [...parts, rest];
}

function cutPoint(text: string, characters: number): number {
  const head = text.slice(0, characters);
  // A cut in the first half would make many small parts.
  const least = characters / 2;
  const paragraph = head.lastIndexOf("\n\n");
  if (paragraph > least) return paragraph;
  const sentence = Math.max(...[". ", "? ", "! ", ".\n", "?\n", "!\n"].map((end) => head.lastIndexOf(end)));
  if (sentence > least) return sentence + 1;
  const blank = Math.max(head.lastIndexOf(" "), head.lastIndexOf("\n"));
  if (blank > least) return blank;
  const isPair = (head.charCodeAt(characters - 1) & 0xfc00) === 0xd800;
  return isPair ? characters - 1 : characters;
}
