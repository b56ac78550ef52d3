import { recordError } from "../formats/record.js";
import { isChatRow, readRowLines } from "../rows.js";

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
 * @throws MediloraError `DATA_INVALID` with the line for a conversation or an id that occurs twice, and what
 *   {@link readRowLines} throws
 */
export async function* readPassages(path: string, characters: number): AsyncGenerator<Passage> {
  const seen = new Map<string, number>();
  for await (const { row, number } of readRowLines(path)) {
    const where = `${path}, line ${number}`;
    if (isChatRow(row)) throw recordError(where, "is a conversation; give documents ({id, text})");
    const twin = seen.get(row.id);
    if (twin !== undefined) throw recordError(where, `has the id of line ${twin}; give each document its own`);
    seen.set(row.id, number);
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
