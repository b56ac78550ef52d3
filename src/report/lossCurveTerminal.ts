import { MediloraError } from "../errors.js";
import { type LossPoint, lossRanges, type Range, tickDigits, validationPoints, type XY } from "./lossScale.js";

/** How {@link lossCurveTerminal} draws. */
export interface TerminalPlotOptions {
  /** Columns of the terminal, axis labels included. */
  width: number;
  /** Lines, axis and legend included. */
  height: number;
  /** Braille dots, 2 x 4 a character; without, ASCII. */
  unicode: boolean;
}

/**
 * The loss curve as text: the mean loss of each column, joined to a line, validation losses as marks over it, the loss
 * axis on the left, steps below and a legend.
 * @param points in the order of their steps
 * @returns `height` lines at most, joined by newlines, none wider than `width`
 * @throws MediloraError `DATA_EMPTY` when no loss is finite; `ARGUMENT_INVALID` for a size below 30 x 8
 */
export function lossCurveTerminal(points: readonly LossPoint[], options: TerminalPlotOptions): string {
  const { width, height, unicode } = options;
  if (!(Number.isInteger(width) && Number.isInteger(height) && width >= 30 && height >= 8))
    throw new MediloraError("ARGUMENT_INVALID", "A loss curve needs 30 columns and 8 lines of text at least.");
  const { steps, losses } = lossRanges(points);
  const rows = height - 3;
  const labels = rowLabels(losses, rows);
  const gutter = Math.max(...labels.map((label) => label.length)) + 1;
  const columns = width - gutter - 1;
  const canvas = new Canvas(columns, rows, unicode);
  const toX = (step: number) => Math.round(((step - steps.low) / (steps.high - steps.low)) * (canvas.dotColumns - 1));
  const toY = (loss: number) => Math.round(((losses.high - loss) / (losses.high - losses.low)) * (canvas.dotRows - 1));
  drawLine(canvas, columnMeans(points, toX), toY);
  const validation = validationPoints(points);
  for (const { x, y } of validation) canvas.mark(toX(x), toY(y));
  const [vertical, corner, horizontal] = unicode ? ["│", "└", "─"] : ["|", "+", "-"];
  const [first, last] = [String(Math.ceil(steps.low)), String(Math.floor(steps.high))];
  return [
    ...canvas.lines().map((line, row) => `${labels[row]!.padStart(gutter)}${vertical}${line}`.trimEnd()),
    `${" ".repeat(gutter)}${corner}${horizontal!.repeat(columns)}`,
    `${" ".repeat(gutter + 1)}${first}${last.padStart(columns - first.length)}`,
    `${" ".repeat(gutter + 1)}loss by step${validation.length > 0 ? `, ${canvas.markCharacter} validation` : ""}`,
  ].join("\n");
}

/** Labels at the first and last row and every third between; digits by the distance of two labels. */
function rowLabels({ low, high }: Range, rows: number): string[] {
  const gap = (high - low) / (rows - 1);
  const digits = tickDigits([0, 3 * gap]);
  return Array.from({ length: rows }, (_, row) =>
    row === rows - 1 || (row % 3 === 0 && row < rows - 2) ? (high - row * gap).toFixed(digits) : "",
  );
}

/** The mean loss of each dot column with points, from left to right; NaN where none of them is finite. */
function columnMeans(points: readonly LossPoint[], toX: (step: number) => number): XY[] {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const { step, loss } of points) {
    const column = toX(step);
    const { sum, count } = sums.get(column) ?? { sum: 0, count: 0 };
    sums.set(column, Number.isFinite(loss) ? { sum: sum + loss, count: count + 1 } : { sum, count });
  }
  return [...sums].map(([x, { sum, count }]) => ({ x, y: sum / count })).sort((a, b) => a.x - b.x);
}

function drawLine(canvas: Canvas, line: readonly XY[], toY: (loss: number) => number): void {
  line.forEach((to, i) => {
    if (!Number.isFinite(to.y)) return;
    const from = i > 0 && Number.isFinite(line[i - 1]!.y) ? line[i - 1]! : to;
    const [x0, y0, x1, y1] = [from.x, toY(from.y), to.x, toY(to.y)];
    const dots = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
    for (let dot = 0; dot <= dots; dot++)
      canvas.dot(Math.round(x0 + ((x1 - x0) * dot) / dots), Math.round(y0 + ((y1 - y0) * dot) / dots));
  });
}

/** Bits of a braille character (U+2800 + bits), by row and column of the dot. */
const BRAILLE_BITS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

class Canvas {
  readonly dotColumns: number;
  readonly dotRows: number;
  readonly markCharacter: string;
  readonly #cells: Uint8Array;
  readonly #marks = new Set<number>();

  constructor(
    readonly columns: number,
    readonly rows: number,
    readonly unicode: boolean,
  ) {
    this.dotColumns = columns * (unicode ? 2 : 1);
    this.dotRows = rows * (unicode ? 4 : 1);
    this.markCharacter = unicode ? "●" : "o";
    this.#cells = new Uint8Array(columns * rows);
  }

  dot(x: number, y: number): void {
    this.#cells[this.#cell(x, y)]! |= this.unicode ? BRAILLE_BITS[y % 4]![x % 2]! : 1;
  }

  mark(x: number, y: number): void {
    this.#marks.add(this.#cell(x, y));
  }

  lines(): string[] {
    const text = [...this.#cells].map((bits, cell) => {
      if (this.#marks.has(cell)) return this.markCharacter;
      if (bits === 0) return " ";
      return this.unicode ? String.fromCodePoint(0x2800 + bits) : "*";
    });
    return Array.from({ length: this.rows }, (_, row) =>
      text.slice(row * this.columns, (row + 1) * this.columns).join(""),
    );
  }

  #cell(x: number, y: number): number {
    const [across, down] = this.unicode ? [2, 4] : [1, 1];
    return Math.floor(y / down) * this.columns + Math.floor(x / across);
  }
}
