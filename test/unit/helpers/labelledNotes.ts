import { readFileSync } from "node:fs";

export interface LabelledNote {
  id: string;
  text: string;
  /** Kept sections, offsets as in findSections. */
  sections: Array<{ name: string; start: number; end: number }>;
}

/** The notes of a file in test/fixtures/mimic, without their marks. */
export function labelledNotes(name: string): LabelledNote[] {
  const file = new URL(`../../../test/fixtures/mimic/${name}`, import.meta.url);
  return readFileSync(file, "utf8")
    .split(/^=== /m)
    .slice(1)
    .map((block) => {
      const lineEnd = block.indexOf("\n");
      return { id: block.slice(0, lineEnd), ...withoutMarks(block.slice(lineEnd + 1)) };
    });
}

function withoutMarks(marked: string): Pick<LabelledNote, "text" | "sections"> {
  const pieces = marked.split(/<<(\w+)>>/);
  let text = pieces[0] ?? "";
  const sections: LabelledNote["sections"] = [];
  for (let i = 1; i < pieces.length; i += 2) {
    const start = text.length;
    text += pieces[i + 1] ?? "";
    sections.push({ name: pieces[i] as string, start, end: text.length });
  }
  return { text, sections: sections.filter(({ name }) => name !== "other") };
}

type Labelled = LabelledNote["sections"][number];

/** Micro-averaged over the notes; a section counts as right when name, start and end are the labelled ones. */
export function scoreSections(
  notes: readonly LabelledNote[],
  find: (text: string) => readonly Labelled[],
): { precision: number; recall: number; wanted: number } {
  const key = ({ name, start, end }: Labelled) => `${name} ${start} ${end}`;
  let found = 0;
  let wanted = 0;
  let right = 0;
  for (const { text, sections } of notes) {
    const labels = new Set(sections.map(key));
    const mine = find(text).map(key);
    found += mine.length;
    wanted += labels.size;
    right += mine.filter((one) => labels.has(one)).length;
  }
  return { precision: right / found, recall: right / wanted, wanted };
}
