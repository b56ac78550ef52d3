import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const root = new URL("../../../", import.meta.url);

/** Path of a file of the repository. */
export function repoFile(path: string): string {
  return fileURLToPath(new URL(path, root));
}

/** Path of a file in published form that was written for the tests. */
export function fixture(name: string): string {
  return repoFile(`test/fixtures/data/${name}`);
}

/** Path of a file of the shared real data, and the reason to skip a test that needs it, or false. */
export function shared(path: string): { path: string; skip: string | false } {
  const file = repoFile(`../shared/data/${path}`);
  return { path: file, skip: existsSync(file) ? false : `../shared/data/${path} is absent` };
}

export interface Folder {
  /** A path inside. */
  path(name: string): string;
  /** Writes a file and gives its path. */
  write(name: string, content: string | Uint8Array): Promise<string>;
}

/** A folder that lives as long as the test file runs. */
export async function temporaryFolder(): Promise<Folder> {
  const place = await mkdtemp(join(tmpdir(), "medilora-data-"));
  after(() => rm(place, { recursive: true, force: true }));
  const path = (name: string) => join(place, name);
  return {
    path,
    async write(name, content) {
      await writeFile(path(name), content);
      return path(name);
    },
  };
}

export function jsonLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}

export async function readJsonLines<T>(path: string): Promise<T[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as T);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
