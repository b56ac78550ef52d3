import { createHash } from "node:crypto";
import { mkdir, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { TrainConfig } from "../config/schema.js";
import { fileError, MediloraError } from "../errors.js";
import type { NativeTrainer } from "../native/trainer.js";
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
}

/** Keys that change where or how fast a run goes, not what it computes. */
const NEUTRAL_KEYS = new Set<string>([
  "output_dir",
  "resume_from_checkpoint",
  "threads",
  "logging_steps",
  "save_steps",
  "save_total_limit",
  "eval_steps",
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

/** The checkpoints of one run: `<output_dir>/checkpoints/step-<n>.gguf`. */
export class Checkpoints {
  readonly #folder: string;
  readonly #keep: number;

  /** @param keep how many to keep, the newest */
  constructor(outputDir: string, keep = Number.POSITIVE_INFINITY) {
    this.#folder = join(outputDir, "checkpoints");
    this.#keep = keep;
  }

  /** @returns the path of the written file */
  async save(trainer: NativeTrainer, note: CheckpointNote): Promise<string> {
    await this.#makeFolder();
    const path = join(this.#folder, `step-${note.step}.gguf`);
    await trainer.saveState(path, JSON.stringify(note));
    for (const old of (await this.#steps()).slice(this.#keep)) await unlink(join(this.#folder, `step-${old}.gguf`));
    return path;
  }

  /** Writes the weights with the lowest validation loss so far apart from the numbered checkpoints. */
  async saveBest(trainer: NativeTrainer, note: CheckpointNote): Promise<void> {
    await this.#makeFolder();
    await trainer.saveState(this.bestPath, JSON.stringify(note));
  }

  get bestPath(): string {
    return join(this.#folder, "best.gguf");
  }

  /** Path of the newest one; undefined when there is none. */
  async newest(): Promise<string | undefined> {
    const [step] = await this.#steps();
    return step === undefined ? undefined : join(this.#folder, `step-${step}.gguf`);
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#folder, { recursive: true }).catch((error: unknown) => {
      throw fileError(error, this.#folder, "write");
    });
  }

  /** Steps of all checkpoints, newest first. */
  async #steps(): Promise<number[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const steps = names.flatMap((name) => /^step-(\d+)\.gguf$/.exec(name)?.[1] ?? []).map(Number);
    return steps.sort((a, b) => b - a);
  }
}

/**
 * Restores a trainer from a checkpoint.
 * @returns the note that was saved with it
 * @throws MediloraError `CHECKPOINT_INVALID` when it is of another configuration or other data
 */
export async function restore(
  trainer: NativeTrainer,
  path: string,
  expected: Pick<CheckpointNote, "configSha256" | "dataSha256">,
): Promise<CheckpointNote> {
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
