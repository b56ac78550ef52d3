import { appendFile, open, readFile } from "node:fs/promises";
import { fileError } from "../errors.js";
import { writeFileAtomic } from "../util/atomicFile.js";

/**
 * JSON lines that a run writes step by step, mode 0600. A run that is resumed keeps its lines up to its checkpoint and
 * writes the later ones again, so that no step is lost and none stands twice, however the run before it ended.
 */
export class RunLog<Line extends { step: number }> {
  #kept: Line[] | undefined;

  /**
   * @param run    key of the run, part of every line: the folder's earlier lines may be of another one
   * @param header lines of text that the file begins with
   */
  constructor(
    readonly path: string,
    private readonly run: string,
    private readonly header = "",
  ) {}

  /**
   * Keeps this run's lines up to `step`. The file of before is replaced at the first line, so that a run that is stopped
   * before it leaves it.
   * @returns the lines that are kept
   */
  async begin(step: number): Promise<readonly Line[]> {
    this.#kept = step > 0 ? (await this.#read()).filter((line) => line.step <= step) : [];
    return this.#kept;
  }

  /** @throws MediloraError `DISK_FULL`, `FILE_WRITE` */
  async add(line: Line): Promise<void> {
    await this.replaceOld();
    await appendFile(this.path, this.#textOf(line)).catch((error: unknown) => {
      throw fileError(error, this.path, "write");
    });
  }

  /**
   * Replaces the file of before now, if no line has yet.
   * @returns whether it did
   */
  async replaceOld(): Promise<boolean> {
    if (this.#kept === undefined) return false;
    await writeFileAtomic(this.path, this.header + this.#kept.map((line) => this.#textOf(line)).join(""));
    this.#kept = undefined;
    return true;
  }

  /** Has the lines on the disk before a checkpoint counts on them; there may be none yet. */
  async sync(): Promise<void> {
    if (this.#kept !== undefined) return;
    try {
      await using file = await open(this.path, "r+");
      await file.sync();
    } catch (error) {
      throw fileError(error, this.path, "write");
    }
  }

  #textOf(line: Line): string {
    return `${JSON.stringify({ ...line, run: this.run })}\n`;
  }

  async #read(): Promise<Line[]> {
    const text = await readFile(this.path, "utf8").catch(() => "");
    // A line that was cut short by a crash is after the checkpoint anyway.
    return text.split("\n").flatMap((line) => {
      try {
        const { run, ...content } = JSON.parse(line) as Line & { run?: string };
        return run === this.run ? [content as unknown as Line] : [];
      } catch {
        return [];
      }
    });
  }
}
