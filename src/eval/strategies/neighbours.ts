import { MediloraError } from "../../errors.js";
import { nextTurn } from "../../util/turn.js";

/** A question among others, by its own words and their embedding. */
export interface Embedded {
  id: string;
  text: string;
  /** Of length 1. */
  vector: Float32Array;
}

/** Cosines are compared to six decimals: float32 numbers tell no smaller differences. */
const COSINE_DECIMALS = 1e6;

/**
 * The rows of the training file that are nearest to each question by the cosine of their embeddings, the nearest last.
 *
 * Never a row with the question's id, unless the id is only the row's number, nor one whose text is the question's, up to
 * case, width (NFKC) and white space; of rows with one text only the first counts. Of equal cosines (to six decimals) the earlier row is nearer.
 * @returns indexes into `rows`, `shots` a question
 * @throws MediloraError `ARGUMENT_INVALID` naming the question when too few rows are left; `ABORTED`
 */
export async function nearestRows(
  questions: readonly Embedded[],
  rows: readonly Embedded[],
  shots: number,
  signal: AbortSignal | undefined,
): Promise<number[][]> {
  const texts = rows.map(({ text }) => plain(text));
  const first = new Map([...texts.entries()].reverse().map(([i, text]) => [text, i]));
  const distinct = [...first.values()].reverse();
  const found: number[][] = [];
  for (const [i, question] of questions.entries()) {
    // Thousands of rows take milliseconds a question: others get their turn in between.
    await nextTurn(signal);
    found.push(nearestTo(question, rows, { texts, distinct, shots, number: i + 1 }));
  }
  return found;
}

/** Ids of rows that have none of their own: the number of a row tells nothing of another file's row. */
const PLACE = /^(?:row|medqa|medmcqa)-\d+$/;

function nearestTo(
  question: Embedded,
  rows: readonly Embedded[],
  {
    texts,
    distinct,
    shots,
    number,
  }: { texts: readonly string[]; distinct: readonly number[]; shots: number; number: number },
): number[] {
  const own = plain(question.text);
  const isRow = (i: number) => rows[i]!.id === question.id && !PLACE.test(question.id);
  const others = distinct.filter((i) => !isRow(i) && texts[i] !== own);
  if (others.length < shots)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `Question ${number} has ${others.length} other questions in the training file; ${shots} shots are asked for. ` +
        "Ask for fewer, or give a larger file.",
    );
  const scored = others.map((i) => ({ i, cosine: cosine(question.vector, rows[i]!.vector) }));
  // The sort is stable, so equal cosines stay in the order of the file.
  scored.sort((a, b) => b.cosine - a.cosine);
  return scored
    .slice(0, shots)
    .map(({ i }) => i)
    .reverse();
}

function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return Math.round(sum * COSINE_DECIMALS) / COSINE_DECIMALS;
}

function plain(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();
}
