import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TrainConfig } from "../config/schema.js";
import { fileError, MediloraError } from "../errors.js";
import type { NativeTrainer } from "../native/trainer.js";
import { makeFolder } from "../util/folder.js";
import type { StoppingState } from "./earlyStopping.js";

/** What a checkpoint says of the run beside the tensors. The position in the data follows from the step. */
export interface CheckpointNote {
  /** Optimizer steps taken, skipped ones included. */
  step: number;
  configSha256: string;
  dataSha256: string;
  /** Where validation stood. */
  stopping: StoppingState;
  /** The run was stopped before the validation that belongs to this step. */
  validationDue: boolean;
  /** Steps in a row, up to this one, whose loss or gradient was not finite. */
  notFinite?: number;
}

/** What tells one run from another. */
export type RunHashes = Pick<CheckpointNote, "configSha256" | "dataSha256">;

/** Keys that change where or how fast a run goes, not what it computes. */
const NEUTRAL_KEYS = new Set<string>([
  "output_dir",
  "resume_from_checkpoint",
  "threads",
  "logging_steps",
  "save_steps",
  "save_total_limit",
  "eval_steps",
  "eval_table_size",
  "eval_max_new_tokens",
  "gradient_checkpointing",
  "memory_budget",
  "datasets", // their contents are hashed apart
  "base_model",
  "tokenizer_model",
  "lora_model_dir",
]);

/** Hash of the keys that a resumed run must share with the run that wrote the checkpoint. */
export function configHash(config: TrainConfig): string {
  const entries = Object.entries(config).filter(([key, value]) => !NEUTRAL_KEYS.has(key) && value !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(entries)).digest("hex");
}

/** Short name of a run, `<configuration>-<data>`: 8 hex digits of each hash, so that it shows which of them differs. */
export function runKey({ configSha256, dataSha256 }: RunHashes): string {
  return `${configSha256.slice(0, 8)}-${dataSha256.slice(0, 8)}`;
}

/** The checkpoints of one run: `<output_dir>/checkpoints/<run key>/step-<n>.gguf`. Those of other runs stay untouched. */
export class Checkpoints {
  readonly #allRuns: string;
  readonly #key: string;
  readonly #folder: string;
  readonly #keep: number;
  /** Steps that an earlier attempt at the same run saved and that lie ahead of this one. */
  #superseded: number[] = [];

  /** @param keep how many to keep, the newest */
  constructor(outputDir: string, run: RunHashes, keep = Number.POSITIVE_INFINITY) {
    this.#allRuns = join(outputDir, "checkpoints");
    this.#key = runKey(run);
    this.#folder = join(this.#allRuns, this.#key);
    this.#keep = keep;
  }

  /**
   * Starts from `step`. Later checkpoints are of an earlier attempt, and a resumed run must not take one of them for its
   * own; they go when this attempt has saved its first one, so that an attempt that gets nowhere costs nothing.
   */
  async begin(step: number): Promise<void> {
    this.#superseded = (await stepsIn(this.#folder)).filter((saved) => saved > step);
  }

  /** @returns the path of the written file */
  async save(trainer: NativeTrainer, note: CheckpointNote): Promise<string> {
    await makeFolder(this.#folder);
    const path = this.#path(note.step);
    await trainer.saveState(path, JSON.stringify(note));
    await this.#removeSuperseded(note.step);
    for (const old of (await stepsIn(this.#folder)).slice(this.#keep)) await rm(this.#path(old), { force: true });
    return path;
  }

  /** Writes the weights with the lowest validation loss so far apart from the numbered checkpoints. */
  async saveBest(trainer: NativeTrainer, note: CheckpointNote): Promise<void> {
    await makeFolder(this.#folder);
    await trainer.saveState(this.bestPath, JSON.stringify(note));
    await this.#removeSuperseded();
  }

  get bestPath(): string {
    return join(this.#folder, "best.gguf");
  }

  /** Path of the newest one; undefined when there is none. */
  async newest(): Promise<string | undefined> {
    const [step] = await stepsIn(this.#folder);
    return step === undefined ? undefined : this.#path(step);
  }

  /** Why there is nothing to resume from. */
  async missing(): Promise<MediloraError> {
    const others: string[] = [];
    for (const name of await namesIn(this.#allRuns))
      if (RUN_KEY.test(name) && (await stepsIn(join(this.#allRuns, name))).length > 0) others.push(name);
    if (others.length === 0)
      return new MediloraError(
        "CHECKPOINT_INVALID",
        `There is no checkpoint in ${this.#allRuns}. Start without resume_from_checkpoint, or set it to auto, which starts anew where there is none.`,
      );
    return new MediloraError(
      "CHECKPOINT_INVALID",
      `The checkpoints in ${this.#allRuns} are of other runs: ${this.#difference(others)} changed since. Resume with what wrote them, or start without resume_from_checkpoint; they are kept.`,
    );
  }

  #difference(others: readonly string[]): string {
    const [config, data] = this.#key.split("-");
    if (others.some((key) => key.startsWith(`${config}-`))) return "the data";
    return others.some((key) => key.endsWith(`-${data}`)) ? "the configuration" : "the configuration and the data";
  }

  #path(step: number): string {
    return join(this.#folder, `step-${step}.gguf`);
  }

  async #removeSuperseded(saved?: number): Promise<void> {
    for (const step of this.#superseded) if (step !== saved) await rm(this.#path(step), { force: true });
    this.#superseded = [];
  }
}

const RUN_KEY = /^[0-9a-f]{8}-[0-9a-f]{8}$/;

/** Steps of a folder's checkpoints, newest first. */
async function stepsIn(folder: string): Promise<number[]> {
  const names = await namesIn(folder);
  const steps = names.flatMap((name) => /^step-(\d+)\.gguf$/.exec(name)?.[1] ?? []).map(Number);
  return steps.sort((a, b) => b - a);
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw fileError(error, folder, "read");
  });
}

/**
 * Restores a trainer from a checkpoint.
 * @returns the note that was saved with it
 * @throws MediloraError `CHECKPOINT_INVALID` when it is of another configuration or other data
 */
export async function restore(trainer: NativeTrainer, path: string, expected: RunHashes): Promise<CheckpointNote> {
  const note = JSON.parse(await trainer.loadState(path)) as CheckpointNote;
  const differs = [
    note.configSha256 !== expected.configSha256 && "the configuration",
    note.dataSha256 !== expected.dataSha256 && "the data",
  ].filter((what) => what !== false);
  if (differs.length === 0) return note;
  throw new MediloraError(
    "CHECKPOINT_INVALID",
    `${path} cannot be resumed from: ${differs.join(" and ")} changed since. Resume with what wrote it, or start anew in another output_dir.`,
  );
}
