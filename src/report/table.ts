import { stripVTControlCharacters } from "node:util";
import { MediloraError } from "../errors.js";

export interface TableColumn {
  title: string;
  /** Left by default. */
  align?: "left" | "right" | "center";
}

/** How a table is drawn as text. */
export interface TableOptions {
  /** Box-drawing lines, the default; without, ASCII. */
  unicode?: boolean;
}

const UNICODE_LINES = { top: "┌┬┐", middle: "├┼┤", bottom: "└┴┘", horizontal: "─", vertical: "│" };
const ASCII_LINES = { top: "+++", middle: "+++", bottom: "+++", horizontal: "-", vertical: "|" };

/**
 * A table for a terminal with a fixed-width font; columns are as wide as their widest cell on the screen.
 *
 * Line breaks in a cell become a blank. Colours (ANSI sequences) take no room.
 * @returns the lines, joined by newlines, without one at the end
 * @throws MediloraError `ARGUMENT_INVALID` for a row with more or fewer cells than columns
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: ReadonlyArray<readonly string[]>,
  options: TableOptions = {},
): string {
  checkRows(columns, rows);
  const lines = (options.unicode ?? true) ? UNICODE_LINES : ASCII_LINES;
  const [header, ...body] = [columns.map(({ title }) => title), ...rows].map((row) =>
    row.map((cell) => cell.replace(/\s*[\r\n]+\s*/g, " ")),
  ) as [string[], ...string[][]];
  const widths = columns.map((_, i) => Math.max(...[header, ...body].map((row) => displayWidth(row[i]!))));
  const rule = ([left, cross, right]: string) =>
    left + widths.map((width) => lines.horizontal.repeat(width + 2)).join(cross) + right;
  const line = (row: string[]) => {
    const cells = row.map((cell, i) => ` ${pad(cell, widths[i]!, columns[i]!.align)} `);
    return lines.vertical + cells.join(lines.vertical) + lines.vertical;
  };
  return [rule(lines.top), line(header), rule(lines.middle), ...body.map(line), rule(lines.bottom)].join("\n");
}

const MARKDOWN_RULES = { left: ":---", right: "---:", center: ":---:" };

/**
 * The same table in GitHub's Markdown. Pipes and backslashes are escaped, line breaks become `<br>`, and characters that
 * would start HTML are written as entities.
 * @throws MediloraError `ARGUMENT_INVALID` for a row with more or fewer cells than columns
 */
export function markdownTable(columns: readonly TableColumn[], rows: ReadonlyArray<readonly string[]>): string {
  checkRows(columns, rows);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ title }) => escapeMarkdown(title))),
    line(columns.map(({ align }) => MARKDOWN_RULES[align ?? "left"])),
    ...rows.map((row) => line(row.map(escapeMarkdown))),
  ].join("\n");
}

function escapeMarkdown(cell: string): string {
  return stripVTControlCharacters(cell)
    .trim()
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replace(/[\\|]/g, "\\$&")
    .replace(/\r\n|\r|\n/g, "<br>");
}

function checkRows(columns: readonly TableColumn[], rows: ReadonlyArray<readonly string[]>): void {
  const index = rows.findIndex((row) => row.length !== columns.length);
  if (index === -1) return;
  throw new MediloraError(
    "ARGUMENT_INVALID",
    `rows[${index}] has ${rows[index]!.length} cells, the table has ${columns.length} columns. Give a cell for each.`,
  );
}

function pad(cell: string, width: number, align: TableColumn["align"] = "left"): string {
  const room = width - displayWidth(cell);
  const before = align === "left" ? 0 : align === "right" ? room : Math.floor(room / 2);
  return " ".repeat(before) + cell + " ".repeat(room - before);
}

// East Asian wide and fullwidth blocks; the emoji outside them are known by their property.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;
const INVISIBLE = /^[\p{M}\p{Cc}\p{Cf}]*$/u;
const GRAPHEMES = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * Columns that a text takes in a terminal: 2 for East Asian wide characters and emoji, 0 for combining marks, control
 * characters and ANSI sequences, else 1 for each character that a person sees.
 * @see Unicode Standard Annex 11, East Asian Width
 */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(stripVTControlCharacters(text)))
    if (!INVISIBLE.test(segment)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}
