import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import type { ErrorCode } from "../../dist/errors.js";
import { isMediloraError } from "../../dist/errors.js";

const root = new URL("../../", import.meta.url);

/** Path of a file of the repository. */
export function repoFile(path: string): string {
  return fileURLToPath(new URL(path, root));
}

/** Path of a file of the shared data; undefined where it is absent. */
export function sharedFile(path: string): string | undefined {
  const file = repoFile(`../shared/data/${path}`);
  return existsSync(file) ? file : undefined;
}

/** Reason to skip a test that needs this shared file, or false. */
export function skipWithout(path: string): string | false {
  return sharedFile(path) === undefined ? `../shared/data/${path} is absent` : false;
}

/** A folder that lives as long as the test file runs. */
export async function temporaryFolder(): Promise<(name: string) => string> {
  const folder = await mkdtemp(join(tmpdir(), "medilora-test-"));
  after(() => rm(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** Asserts that a promise rejects with a MediloraError of this code, whose message says something. */
export async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, message?: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(isMediloraError(error), `not a MediloraError: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message ?? /\w+ \w+/);
    return true;
  });
}

/** Relative L2 distance |a - b| / |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Largest |a - b|. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

/** One sequence as a micro-batch whose every token but the last predicts the next. */
export function plainBatch(tokens: ArrayLike<number>) {
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from(tokens, (_, i) => i),
    sequences: new Int32Array(tokens.length),
    labels: Int32Array.from(tokens, (_, i) => tokens[i + 1] ?? -100),
  };
}

/** mulberry32: draws of 32 bits. */
export function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return (word ^ (word >>> 14)) >>> 0;
  };
}
