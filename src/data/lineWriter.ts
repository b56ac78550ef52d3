import { AtomicWriter } from "../util/atomicFile.js";

/** UTF-16 units that are gathered before they go to the file: a call for every row would cost more than the row. */
const BUFFERED = 1 << 20;

/** Writes JSON lines in large pieces, mode 0600; the file appears under its name at {@link commit}. */
export class LineWriter implements AsyncDisposable {
  /** Lines written so far. */
  lines = 0;
  readonly #file: AtomicWriter;
  #pending: string[] = [];
  #size = 0;

  private constructor(file: AtomicWriter) {
    this.#file = file;
  }

  /** @throws MediloraError `FILE_WRITE` or `DISK_FULL`, here and in {@link write} and {@link commit} */
  static async open(path: string): Promise<LineWriter> {
    return new LineWriter(await AtomicWriter.open(path));
  }

  /** @returns a promise only when there is something to wait for; await it before the next call */
  write(value: object): Promise<void> | undefined {
    const line = `${JSON.stringify(value)}\n`;
    this.#pending.push(line);
    this.#size += line.length;
    this.lines += 1;
    return this.#size >= BUFFERED ? this.#flush() : undefined;
  }

  async commit(): Promise<void> {
    await this.#flush();
    await this.#file.commit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.discard();
  }

  async #flush(): Promise<void> {
    const text = this.#pending.join("");
    this.#pending = [];
    this.#size = 0;
    await this.#file.write(text);
  }
}
