import { z } from "zod";
import { MediloraError } from "../errors.js";
import { AnswersFile } from "../eval/answersFile.js";
import type { ChunkScores } from "../native/measureBinding.js";

const numbers = z.array(z.number());
const chunkSchema = z.object({
  /** Number of the chunk, from 0. */
  id: z.string(),
  logprobs: numbers,
  referenceLogprobs: numbers,
  divergences: numbers,
  sameTop: numbers,
});
type StoredChunk = z.infer<typeof chunkSchema>;

/** The scores of a run's chunks as JSON lines, each written as it comes (see {@link AnswersFile}). */
export class ChunkScoresFile {
  readonly #file: AnswersFile<StoredChunk>;
  /** What the file held when it was opened: the first chunks of the text. */
  readonly stored: readonly ChunkScores[];

  private constructor(file: AnswersFile<StoredChunk>, stored: readonly ChunkScores[]) {
    this.#file = file;
    this.stored = stored;
  }

  /**
   * @param key what the scores depend on
   * @throws MediloraError what {@link AnswersFile.open} throws, and `DATA_INVALID` for a file that lacks a chunk before its
   *   last
   */
  static async open(path: string, key: object, overwrite: boolean): Promise<ChunkScoresFile> {
    const file = await AnswersFile.open(path, key, { schema: chunkSchema, overwrite });
    try {
      return new ChunkScoresFile(
        file,
        file.stored.map((chunk, index) => fromStored(path, chunk, index)),
      );
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** @throws MediloraError `FILE_WRITE`, `DISK_FULL` */
  append(scores: ChunkScores): void {
    this.#file.append({
      id: String(scores.chunk),
      logprobs: [...scores.logprobs],
      referenceLogprobs: [...scores.referenceLogprobs],
      divergences: [...scores.divergences],
      sameTop: [...scores.sameTop],
    });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function fromStored(path: string, { id, ...scores }: StoredChunk, index: number): ChunkScores {
  if (id !== String(index))
    throw new MediloraError("DATA_INVALID", `${path} lacks chunk ${index}. Set overwrite to begin anew.`);
  return {
    chunk: index,
    logprobs: Float64Array.from(scores.logprobs),
    referenceLogprobs: Float64Array.from(scores.referenceLogprobs),
    divergences: Float64Array.from(scores.divergences),
    sameTop: Uint8Array.from(scores.sameTop),
  };
}
