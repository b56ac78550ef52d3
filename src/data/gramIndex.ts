import { words } from "./words.js";

/** Words of a gram, as GPT-3's contamination analysis uses. */
export const GRAM_WORDS = 13;

const BASE = 0x01000193;
/** BASE ** GRAM_WORDS modulo 2^32: the weight of the word that leaves the window. */
const LEAVING = (() => {
  let power = 1;
  for (let i = 0; i < GRAM_WORDS; i++) power = Math.imul(power, BASE);
  return power;
})();

/**
 * All 13-grams of the questions of benchmarks, to look up those of other texts. Grams never span two texts. Matches are
 * exact: the rolling hash only finds candidates. Memory: about 200 bytes a word of the benchmarks.
 */
export class GramIndex {
  readonly #vocabulary = new Map<string, number>();
  /** Word numbers of all texts, end to end. */
  readonly #words: number[] = [];
  /** Hash of a gram to the newest gram that has it. */
  readonly #byHash = new Map<number, number>();
  /** Of each distinct gram: where it begins in the words, the next older gram with its hash, and its questions. */
  readonly #starts: number[] = [];
  readonly #older: number[] = [];
  readonly #owners: number[][] = [];

  /** Number of distinct grams. */
  get size(): number {
    return this.#starts.length;
  }

  /**
   * Adds a text of a question.
   * @returns the numbers of its grams, repeats left out
   */
  add(question: number, text: string): number[] {
    const numbers = words(text).map((word) => {
      const known = this.#vocabulary.get(word) ?? this.#vocabulary.size;
      this.#vocabulary.set(word, known);
      return known;
    });
    const offset = this.#words.length;
    for (const number of numbers) this.#words.push(number);
    const found = new Set<number>();
    slide(numbers, (hash, start) => {
      const gram = this.#lookUp(hash, numbers, start) ?? this.#insert(hash, offset + start);
      const owners = this.#owners[gram] as number[];
      if (owners.at(-1) !== question) owners.push(question);
      found.add(gram);
    });
    return [...found];
  }

  /** Calls `onMatch` with each gram of the index that occurs in a text, as often as it does, and with its questions. */
  match(text: string, onMatch: (gram: number, questions: readonly number[]) => void): void {
    // A word that no benchmark has gets -1, and no gram holds that.
    const numbers = words(text).map((word) => this.#vocabulary.get(word) ?? -1);
    slide(numbers, (hash, start) => {
      const gram = this.#lookUp(hash, numbers, start);
      if (gram !== undefined) onMatch(gram, this.#owners[gram] as number[]);
    });
  }

  #lookUp(hash: number, numbers: readonly number[], start: number): number | undefined {
    let gram = this.#byHash.get(hash) ?? -1;
    while (gram !== -1 && !this.#equals(this.#starts[gram] as number, numbers, start))
      gram = this.#older[gram] as number;
    return gram === -1 ? undefined : gram;
  }

  #equals(own: number, numbers: readonly number[], start: number): boolean {
    for (let i = 0; i < GRAM_WORDS; i++) if (this.#words[own + i] !== numbers[start + i]) return false;
    return true;
  }

  #insert(hash: number, start: number): number {
    const gram = this.#starts.length;
    this.#starts.push(start);
    this.#older.push(this.#byHash.get(hash) ?? -1);
    this.#owners.push([]);
    this.#byHash.set(hash, gram);
    return gram;
  }
}

/** Rolling hash of every window of 13 numbers, with the window's start. */
function slide(numbers: readonly number[], onWindow: (hash: number, start: number) => void): void {
  let hash = 0;
  for (let end = 0; end < numbers.length; end++) {
    hash = (Math.imul(hash, BASE) + (numbers[end] as number) + 1) | 0;
    const start = end - GRAM_WORDS + 1;
    if (start > 0) hash = (hash - Math.imul(LEAVING, (numbers[start - 1] as number) + 1)) | 0;
    if (start >= 0) onWindow(hash, start);
  }
}
