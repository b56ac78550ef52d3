/** Makes the ids of an output's rows unique: a repeated one gets `#2`, `#3`, ... behind it. Memory holds every id. */
export class UniqueIds {
  /** Ids that were given a number because they had occurred before. */
  repeated = 0;
  /** Ids given out, each with how often it was asked for. */
  readonly #taken = new Map<string | number, number>();

  take(id: string): string {
    let count = this.#taken.get(compact(id)) ?? 0;
    let unique = id;
    while (this.#taken.has(compact(unique))) unique = `${id}#${++count}`;
    if (unique !== id) {
      this.repeated += 1;
      this.#taken.set(compact(id), count);
    }
    this.#taken.set(compact(unique), 1);
    return unique;
  }
}

/** As numbers, database ids take half the memory: 30 MB a million. */
function compact(id: string): string | number {
  return /^[1-9]\d{0,8}$/.test(id) ? Number(id) : id;
}
